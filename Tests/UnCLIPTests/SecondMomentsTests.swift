import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch

@testable import UnCLIP

@Suite struct SecondMomentsTests {
  private let model: TinyModel
  private var folder: ModelFolder { model.folder }
  private let moments = SecondMoments(timesteps: [0, 500, 999], values: [0, 0.2, 0.9], samples: 7)

  init() throws { model = try TinyModel() }

  /// Those that the model has.
  private let stages: [GenerationProgress.Stage] = [.prior, .decoder, .upsampler]

  private func writeAll() throws {
    for stage in stages { try folder.write(moments, of: stage) }
  }

  private func sampling(_ sampler: SamplerKind) -> SamplingSettings {
    var sampling = SamplingSettings()
    (sampling.priorSteps, sampling.decoderSteps, sampling.upsamplerSteps) = (3, 3, 3)
    sampling.setSampler(sampler)
    return sampling
  }

  @Test func theFileIsReadBack() throws {
    try writeAll()
    for stage in stages {
      #expect(try folder.loadMoments(of: stage) == moments)
      #expect(folder.moments(of: stage).path.hasSuffix("_scheduler/second_moments.json"))
    }
    let variance = moments.variance(stepCount: 1000)
    #expect(variance.startErrors.count == 1000)
    #expect(abs(variance.startErrors[250] - 0.1) < 1e-12 && variance.startErrors[999] == 0.9)
  }

  @Test func theAnalyticSamplerTakesThem() throws {
    let request = ImageRequest(prompt: "a red apple", seed: 3, sampling: sampling(.analytic))
    let pipeline = try UnCLIPPipeline(folder)
    var steps = 0
    #expect(
      sentence { try pipeline.images(for: request) { _ in steps += 1 } }
        == "\(folder.url.path) has no second moments of its prior, which the analytic sampler needs; "
        + "estimate them with 'unclip moments --data DATA --model \(folder.url.path)'.")
    #expect(steps == 0)
    try writeAll()
    let images = try UnCLIPPipeline(folder).images(for: request)
    var other = request
    other.sampling = sampling(.ddpm)
    #expect(try UnCLIPPipeline(folder).images(for: request) == images)
    #expect(try UnCLIPPipeline(folder).images(for: other) != images)
  }

  /// The error of other weights names the stage; how timesteps are chosen is free.
  @Test func otherWeightsAreRefused() throws {
    try writeAll()
    var scheduler = try SchedulerConfig.read(at: folder.configuration(of: .upsamplerScheduler))
    let own = try scheduler.encoded()
    scheduler.clipSampleRange = 2
    try scheduler.encoded().write(to: folder.configuration(of: .upsamplerScheduler))
    #expect(
      sentence { try folder.loadMoments(of: .upsampler) }.contains(
        "estimated for other weights of its upsampler or another process; estimate them again with "
          + "'unclip moments --stage upsampler --force --data DATA"))
    try own.write(to: folder.configuration(of: .upsamplerScheduler))
    #expect(try folder.loadMoments(of: .upsampler) == moments)

    let weights = folder.folder(of: .textProjection)
      .appendingPathComponent("diffusion_pytorch_model.safetensors")
    var bytes = try Data(contentsOf: weights)
    bytes[bytes.count - 3] ^= 1
    try bytes.write(to: weights)
    #expect(
      throws: ModelFolderError.otherMoments(folder: folder.url.path, stage: "decoder")
    ) { try folder.loadMoments(of: .decoder) }
    #expect(try folder.loadMoments(of: .prior) == moments)
    // Other samplers do not mind.
    let request = ImageRequest(prompt: "a", sampling: sampling(.ddim))
    #expect(throws: Never.self) { try UnCLIPPipeline(folder).images(for: request) }
  }

  @Test func damagedFilesAreRefused() throws {
    try writeAll()
    let url = folder.moments(of: .decoder)
    let text = try String(contentsOf: url, encoding: .utf8)
    func refused(_ old: String, _ new: String, _ sentence: String) throws {
      #expect(text.contains(old), "\(text)")
      try text.replacingOccurrences(of: old, with: new).write(
        to: url, atomically: true, encoding: .utf8)
      let said = TestSupport.sentence { try folder.loadMoments(of: .decoder) }
      #expect(said.hasPrefix(url.path) && said.contains(sentence), "\(said)")
    }
    try refused("0.2", "NaN", "cannot be read as a configuration")
    try refused("0.2", "-0.2", "'second_moments[1]' is -0.2, but it must be 0 to 1e6")
    try refused("0.2,", "", "'second_moments' is 2 values, but 'timesteps' has 3, and both must")
    try refused("999", "1000", "'timesteps[2]' is 1000, but it must be 0 to 999")
    try refused("500", "0", "'timesteps[1]' is 0, but timesteps must ascend")
    try refused("\"samples\" : 7", "\"samples\" : 0", "'samples' is 0")
    try refused("\"samples\"", "\"sample\"", "unknown key 'sample' (did you mean 'samples'?)")
    #expect(text.contains("fingerprint"))
    let empty = SecondMoments(timesteps: [], values: [], samples: 1)
    #expect(sentence { try folder.write(empty, of: .prior) }.contains("must be one at least"))
    #expect(try folder.loadMoments(of: .prior) == moments)
  }

  /// Latents belong to the weights; second moments beside them change nothing.
  @Test func theyAreNoPartOfTheLatentsModel() throws {
    let before = try folder.latentFingerprint()
    try writeAll()
    #expect(try folder.latentFingerprint() == before)
  }

  /// They go along where all of a stage is taken from one folder, in whatever type.
  @Test func assemblyTakesThemAlong() throws {
    try writeAll()
    let joined = model.sibling
    try joined.assemble(from: [folder], dtype: .float16, defaults: ModelDefaults(name: "n"))
    for stage in stages {
      #expect(try joined.loadMoments(of: stage) == moments)
    }
    let other = try TinyModel(seed: 2)
    let decoder = other.folder.url
    for part in ModelFolder.Part.allCases where part != .decoder && other.folder.has(part) {
      try FileManager.default.removeItem(at: other.folder.folder(of: part))
    }
    try joined.assemble(
      from: [folder, ModelFolder(decoder)], dtype: .float32, defaults: ModelDefaults(name: "n"))
    #expect(!joined.hasMoments(of: .decoder))
    #expect(try joined.loadMoments(of: .prior) == moments)
  }

  @Test func brokenContractsTrap() async {
    expectTrap(
      "2 timesteps, 1 values",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = SecondMoments(timesteps: [0, 1], values: [0], samples: 1)
      })
    expectTrap(
      "the stage text does not denoise",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = ModelFolder(URL(fileURLWithPath: "/")).moments(of: .text)
      })
  }
}
