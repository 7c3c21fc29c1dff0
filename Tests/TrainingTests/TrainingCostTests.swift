import CLIP
import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import TorchNN
import UnCLIP

@testable import Training

@Suite struct TrainingCostTests {
  private let tiny: TinyRun

  init() throws { tiny = try TinyRun(in: TemporaryFolder().url) }

  private func cost(
    _ stage: TrainingStage, _ training: TrainingOptions = .tiny,
    clip: CLIPConfig? = UnCLIPPreset.tiny.clip
  ) throws -> TrainingCost {
    try TrainingCost(
      of: StageConfiguration(tiny.config(stage, training: training), file: "tiny"), file: "tiny",
      clip: clip)
  }

  /// The counts of a configuration are those of its preset's stage.
  @Test(arguments: ["clip", "prior", "decoder"]) func aConfigurationCostsWhatItsPresetCosts(
    _ name: String
  ) throws {
    let stage = try #require(TrainingStage(rawValue: name))
    let (own, preset) = (
      try cost(stage), try #require(UnCLIPPreset.tiny.trainingCosts.first { $0.stage == name })
    )
    #expect(own.parameters == preset.parameters && own.image == preset.image)
    #expect(own.frozen == 0, "embeddings of a few batches are computed once")
    #expect(own.budget == .init(steps: 8, images: 4, passImages: 4))
  }

  @Test func stepsAndMemoryFollowFromTheCounts() throws {
    let cost = try cost(.upsampler)
    #expect(cost.image == UnCLIPPreset.tiny.upsampler.cost(side: 16))
    #expect(cost.stepOperations == 4 * cost.image.training)
    #expect(cost.operations == 32 * cost.image.training)
    // Weights, gradients, two moments and the average.
    #expect(cost.stateBytes == Double(cost.parameters) * 20)
    #expect(cost.bytes(.float32) == cost.stateBytes + 16 * cost.image.kept)
    #expect(
      cost.bytes(.bfloat16) == cost.stateBytes + 8 * cost.image.kept + 2 * Double(cost.parameters))
    var options = TrainingOptions.tiny
    (options.emaDecays, options.gradientAccumulation) = ([0.5, 0.6], 3)
    let more = try self.cost(.upsampler, options)
    #expect(more.stateBytes == Double(cost.parameters) * 28)
    #expect(more.budget == .init(steps: 8, images: 12, passImages: 4, averages: 3))
  }

  @Test func whatIsNotCountedIsSaid() throws {
    let without = #expect(throws: CostError.self) { try cost(.decoder, clip: nil) }
    #expect(without?.description.contains("tiny: how large a decoder is") == true)
    #expect(throws: CostError.notCounted(file: "tiny")) { try cost(.tokenizer) }
  }

  /// Configurations of all stages are a system, which draws as their sample sheets are drawn.
  @Test func configurationsOfAllStagesAreASystem() throws {
    func system(_ stages: [TrainingStage]) throws -> UnCLIPPreset? {
      try UnCLIPPreset.system(
        of: stages.map {
          (try StageConfiguration(tiny.config($0), file: "\($0.rawValue).yaml"), $0.rawValue)
        })
    }
    let own = try #require(try system([.upsampler, .decoder, .clip, .prior]))
    var sampling = SamplingSettings()
    (sampling.priorSteps, sampling.priorGuidance) = (2, 1)
    (sampling.decoderSteps, sampling.decoderGuidance, sampling.upsamplerSteps) = (2, 2, 2)
    #expect(own.cost() == UnCLIPPreset.tiny.cost(sampling: sampling))
    #expect(try system([.decoder, .clip, .prior]) == nil)
    #expect(throws: CostError.repeated(stage: "clip")) { try system([.clip, .clip]) }
    #expect(throws: CostError.repeated(stage: "upsampler")) {
      try system([.upsampler, .upsampler])
    }
  }

  /// Table 3.
  @Test func thePapersBudgetIsTableThree() throws {
    let budgets = Dictionary(
      uniqueKeysWithValues: UnCLIPPreset.paper.trainingCosts.compactMap { cost in
        cost.budget.map { (cost.stage, $0) }
      })
    #expect(
      budgets.mapValues(\.images) == [
        "prior": 4096, "autoregressive prior": 4096, "decoder": 2048, "upsampler": 1024,
        "second upsampler": 512,
      ])
    #expect(
      budgets.mapValues(\.steps) == [
        "prior": 600_000, "autoregressive prior": 1_000_000, "decoder": 800_000,
        "upsampler": 1_000_000, "second upsampler": 1_000_000,
      ])
  }
}
