import Foundation
import Imaging
import TestSupport
import Testing
import UnCLIP

@Suite struct UnCLIPEngineTests {
  private let folder = ModelFolder(Golden.url("pipeline/model"))

  private func request(_ prompt: String, count: Int = 1, seed: UInt64 = 0) -> ImageRequest {
    var sampling = SamplingSettings()
    sampling.priorSteps = 2
    sampling.decoderSteps = 3
    sampling.upsamplerSteps = 2
    return ImageRequest(prompt: prompt, count: count, seed: seed, sampling: sampling)
  }

  @Test func tasksThatShareItGetThePipelinesImages() async throws {
    let engine = UnCLIPEngine(folder)
    let prompts = ["a cat", "a red apple", "a blue bird"]
    let drawn = try await withThrowingTaskGroup(of: (Int, [Image]).self) { group in
      for (index, prompt) in prompts.enumerated() {
        let request = request(prompt)
        group.addTask { (index, try await engine.images(for: request)) }
      }
      return try await group.reduce(into: [Int: [Image]]()) { $0[$1.0] = $1.1 }
    }
    let pipeline = try UnCLIPPipeline(folder)
    for (index, prompt) in prompts.enumerated() {
      #expect(try pipeline.images(for: request(prompt)) == drawn[index])
    }
    #expect(try await engine.defaults().name == "model")
  }

  @Test func eventsTellEveryStepAndThenTheImage() async throws {
    let engine = UnCLIPEngine(folder)
    var told: [String] = []
    var last: Image?
    for try await event in engine.events(for: request("a cat", count: 2, seed: 4), previews: true) {
      switch event {
      case .step(let step):
        told.append("\(step.index) \(step.stage) \(step.step)/\(step.stepCount)")
        #expect((step.preview != nil) == (step.stage == .decoder || step.stage == .upsampler))
        if let preview = step.preview {
          #expect(preview.width == (step.stage == .decoder ? 8 : 32))
          last = preview
        }
      case .image(let image, let settings):
        told.append("image \(settings.seed)")
        // The last step scales the predicted start by a coefficient that float32 leaves beside 1.
        let pairs = zip(image.pixels, try #require(last).pixels)
        #expect(pairs.allSatisfy { abs(Int($0) - Int($1)) <= 1 }, "the last preview is the image")
      }
    }
    let steps = [
      "text 1/1", "prior 1/2", "prior 2/2", "decoder 1/3", "decoder 2/3", "decoder 3/3",
      "upsampler 1/2", "upsampler 2/2",
    ]
    #expect(told == steps.map { "0 \($0)" } + ["image 4"] + steps.map { "1 \($0)" } + ["image 5"])
  }

  @Test func whoStopsListeningEndsTheGeneration() async throws {
    let engine = UnCLIPEngine(folder)
    var sampling = SamplingSettings()
    sampling.decoderSteps = 1000
    let long = ImageRequest(prompt: "a cat", count: 10_000, sampling: sampling)
    var steps = 0
    for try await _ in engine.events(for: long) {
      steps += 1
      if steps == 3 { break }
    }
    // Served after the other has ended; ten thousand images would take hours.
    #expect(try await engine.images(for: request("a cat")).count == 1)
  }

  @Test func cancellationAndErrorsArrive() async throws {
    let engine = UnCLIPEngine(folder)
    let long = ImageRequest(prompt: "a cat", count: 10_000)
    let task = Task { try await engine.images(for: long) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    await #expect(throws: RequestError.self) {
      for try await _ in engine.events(for: ImageRequest(prompt: "", size: 7)) {}
    }
    let none = UnCLIPEngine(ModelFolder(URL(fileURLWithPath: "/nowhere")))
    await #expect(throws: ModelFolderError.self) { try await none.defaults() }
  }

  /// LibTorch takes itself apart when the process exits; before, work under way crashed in it.
  @Test(arguments: 0..<3)
  func aProcessThatExitsLetsAStepEnd(_ steps: Int) async {
    await #expect(processExitsWith: .exitCode(3)) { [steps] in
      let engine = UnCLIPEngine(ModelFolder(Golden.url("pipeline/model")))
      let request = ImageRequest(prompt: "a cat", count: 1000)
      var count = 0
      for try await case .step in engine.events(for: request) {
        if count == steps * 7 { exit(3) }
        count += 1
      }
    }
  }
}
