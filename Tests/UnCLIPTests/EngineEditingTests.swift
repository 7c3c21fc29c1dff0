import CLIP
import Diffusion
import Foundation
import Imaging
import TestSupport
import Testing
import Torch

@testable import UnCLIP

/// The edits of the pipeline through the actor.
@Suite struct EngineEditingTests {
  private let folder = InpaintingTests.folder
  private let pipeline: UnCLIPPipeline
  private let engine: UnCLIPEngine
  private let files: TemporaryFolder

  private let image = InpaintingTests.noise(32, 32)
  private let settings = InpaintingTests.settings("a cat")
  private let request = ImageRequest(
    prompt: "a cat", count: 2, seed: 3, sampling: InpaintingTests.settings().sampling)

  init() throws {
    pipeline = try UnCLIPPipeline(folder)
    engine = UnCLIPEngine(folder)
    files = try TemporaryFolder()
    var fit = EmbeddingPCA.Fit()
    try fit.add(
      RandomSource(seed: 4).normal([9, pipeline.imageEncoder.loaded().width]))
    try fit.pca().write(to: files.file("pca.safetensors"))
  }

  /// An edit through the actor, by the name of the method.
  private typealias Work =
    @Sendable (UnCLIPEngine, @escaping UnCLIPEngine.Progress) async throws -> Void

  private func works() throws -> [(name: String, work: Work)] {
    let (image, settings, request) = (image, settings, request)
    let inpainting = try Inpainting(extending: image, left: 8)
    let edit = ImageEdit.variation(of: .image(image))
    let pca = files.file("pca.safetensors")
    return [
      ("images(for:varying:)", { _ = try await $0.images(for: request, progress: $1) }),
      (
        "images(for:editing:)",
        { _ = try await $0.images(for: request, editing: edit, progress: $1) }
      ),
      ("image(_:varying:)", { _ = try await $0.image(settings, varying: image, progress: $1) }),
      (
        "image(_:startingFrom:strength:)",
        { _ = try await $0.image(settings, startingFrom: image, strength: 0.5, progress: $1) }
      ),
      ("inpainted(_:_:)", { _ = try await $0.inpainted(inpainting, settings, progress: $1) }),
      (
        "upscaled(_:by:sampling:seed:tile:)",
        { _ = try await $0.upscaled(image, seed: 1, progress: $1) }
      ),
      ("rankedImages(for:)", { _ = try await $0.rankedImages(for: request, progress: $1) }),
      ("latent(of:prompt:steps:threshold:)", { _ = try await $0.latent(of: image, progress: $1) }),
      (
        "reconstructions(of:components:pca:settings:)",
        {
          _ = try await $0.reconstructions(
            of: image, components: [0, 8], pca: pca, settings: settings, progress: $1)
        }
      ),
    ]
  }

  @Test func theEngineMakesWhatThePipelineMakes() async throws {
    let sampling = settings.sampling
    let inpainting = try Inpainting(extending: image, left: 8)
    #expect(
      try await engine.inpainted(inpainting, settings) == pipeline.inpainted(inpainting, settings))
    #expect(
      try await engine.image(settings, varying: image) == pipeline.image(settings, varying: image))
    #expect(
      try await engine.image(settings, startingFrom: image, strength: 0.5)
        == pipeline.image(settings, startingFrom: image, strength: 0.5))
    #expect(
      try await engine.upscaled(image, sampling: sampling, seed: 1)
        == pipeline.upscaled(image, sampling: sampling, seed: 1))
    #expect(
      try await engine.latent(of: image, prompt: "a cat", steps: 3, threshold: .dynamic)
        == pipeline.latent(of: image, prompt: "a cat", steps: 3, threshold: .dynamic))
    let ranked = try await engine.rankedImages(for: request)
    #expect(try ranked.map(\.image) == pipeline.rankedImages(for: request).map(\.image))
    #expect(
      try await engine.clipScore(of: ranked[0].image, for: request.prompt) == ranked[0].score)
    let pca = files.file("pca.safetensors")
    #expect(
      try await engine.reconstructions(
        of: image, components: [0, 8], pca: pca, settings: settings)
        == pipeline.reconstructions(
          of: image, components: [0, 8], pca: EmbeddingPCA(contentsOf: pca), settings: settings))
    await #expect(throws: ModelFolderError.noComponents(folder: folder.url.path)) {
      try await engine.reconstructions(of: image, components: [0], settings: settings)
    }
    #expect(try await engine.settings(for: request) == pipeline.settings(for: request))
    let edit = ImageEdit.variation(of: .image(image), noise: .inverted)
    let plain = ImageRequest(prompt: "")
    #expect(
      try await engine.settings(for: plain, editing: edit)
        == pipeline.settings(for: plain, editing: edit))
  }

  /// Each ends where its progress throws, and where its task is cancelled between two steps.
  @Test func progressAndCancellationEndEachEdit() async throws {
    struct Stop: Error {}
    let engine = engine
    for (name, work) in try works() {
      await #expect(throws: Stop.self, "\(name)") {
        try await work(engine) { step in
          if step.stage != .text, step.step >= 2 || step.stepCount == 1 { throw Stop() }
        }
      }
      let atWork = Task { try await work(engine) { _ in withUnsafeCurrentTask { $0?.cancel() } } }
      await #expect(throws: CancellationError.self, "\(name)") { try await atWork.value }
      let waiting = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try await work(engine) { _ in Issue.record("\(name) began") }
      }
      await #expect(throws: CancellationError.self, "\(name)") { try await waiting.value }
    }
  }

  /// What the pipeline makes with progress, the engine makes too, and the list above has all of it.
  @Test func theEngineHasEveryEditOfThePipeline() throws {
    let sources = Golden.url("../../Sources/UnCLIP")
    let names = try FileManager.default.subpathsOfDirectory(atPath: sources.path).sorted()
    /// Public methods with progress, by name and labels.
    func methods(of type: String) throws -> Set<String> {
      var found: Set<String> = []
      for name in names where name.hasSuffix(".swift") && name.contains(type) {
        let text = try String(contentsOf: sources.appending(path: name), encoding: .utf8)
        for match in text.matches(of: /public func (\w+)\(([^{}]*?)\bprogress:/) {
          let labels = match.output.2.matches(of: /(?:^|,)\s*(\w+)(?: \w+)?:/)
          found.insert(
            "\(match.output.1)(" + labels.map { "\($0.output.1):" }.joined() + ")")
        }
      }
      return found
    }
    let all = try methods(of: "UnCLIPPipeline")
    #expect(all.count >= 9)
    #expect(try methods(of: "UnCLIPEngine") == all)
    #expect(try Set(works().map(\.name)) == all)
  }
}
