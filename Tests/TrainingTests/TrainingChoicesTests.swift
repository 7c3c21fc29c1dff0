import Config
import Diffusion
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

@testable import Training

/// A decoder with every choice of the field: a text encoder of its own, v, a last step without signal,
/// P2, offset noise, averages of several lengths.
@Suite struct TrainingChoicesTests {
  private typealias DecoderConfig = TrainConfig<DecoderTask.Model, DecoderTask.Objective>

  private func run(_ tiny: TinyRun, resume: Bool = false) throws -> TrainingRun {
    var config = try DecoderConfig.decode(tiny.config(.decoder), file: "decoder.yaml")
    config.model.textEncoder = DecoderTextConfig(layers: 2, headWidth: 4)
    config.model.unet.outChannels = 3
    config.model.scheduler = SchedulerConfig(
      prediction: .v, variance: .fixedSmall, clipSampleRange: 1)
    config.model.scheduler.algorithm = .ddim
    config.model.scheduler.spacing = .trailing
    config.model.scheduler.zeroTerminalSignal = true
    config.objective.weighting = .p2(gamma: 1, k: 1)
    config.objective.offsetNoise = 0.1
    config.training.emaDecays = [0.3, 0.6]
    var run = try tiny.run(.decoder, resume: resume)
    run.configuration = try ConfigFile.encode(config)
    return run
  }

  @Test func aDecoderTrainsWithEveryChoice() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      for stage in [TrainingStage.tokenizer, .clip, .prior, .upsampler] {
        try tiny.run(stage).run()
      }
      let decoder = try run(tiny)
      var notes: [String] = []
      try decoder.run(observe: { if case .note(let text) = $0 { notes.append(text) } })
      // The count of `unclip config cost` is that of the run.
      let cost = try TrainingCost(
        of: StageConfiguration(decoder.configuration, file: "decoder.yaml"), file: "decoder.yaml",
        clip: UnCLIPPreset.tiny.clip)
      #expect(notes.contains { $0.hasPrefix("decoder: \(cost.parameters) weights") }, "\(notes)")
      #expect(cost.budget?.averages == 3)

      var weights: Set<[UInt8]> = []
      for name in ["model", "model-ema-0.3", "model-ema-0.6"] {
        let whole = ModelFolder(folder.appending(path: "whole-\(name)"))
        let parts = [TrainingStage.clip, .prior, .upsampler].map {
          ModelFolder(tiny.out($0).appending(path: "model"))
        }
        try whole.assemble(
          from: parts + [ModelFolder(tiny.out(.decoder).appending(path: name))], dtype: .float32,
          defaults: ModelDefaults(name: "tiny"))
        let pipeline = try UnCLIPPipeline(whole)
        #expect(try whole.loadDecoder().projection.config.textEncoder?.numLayers == 2)
        var sampling = pipeline.defaults.sampling
        (sampling.priorSteps, sampling.decoderSteps, sampling.decoderSampler) = (2, 2, .ddim)
        let request = ImageRequest(prompt: "red disc", seed: 1, size: 16, sampling: sampling)
        #expect(try pipeline.images(for: request).first?.width == 16)
        weights.insert(try #require(whole.loadDecoder().unet.stateDict()["conv_in.weight"]).bytes())
      }
      #expect(weights.count == 3, "no two averages are the same")
    }
  }

  /// A sampler that leaves the last step out would not begin at the noise that training made of it.
  @Test func aZeroTerminalScheduleIsSampledFromItsEnd() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      var config = try DecoderConfig.decode(run(tiny).configuration, file: "a")
      #expect(throws: Never.self) { try config.model.validate(file: "a") }
      config.model.scheduler.spacing = .leading
      let error = #expect(throws: ConfigError.self) { try config.model.validate(file: "a") }
      #expect(error?.description.contains("set trailing or linspace") == true)
    }
  }
}
