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

  private func cost(_ stage: TrainingStage) throws -> TrainingCost {
    try TrainingCost.of(tiny.config(stage), file: "tiny", clip: UnCLIPPreset.tiny.clip)
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
    let more = try TrainingCost.of(
      tiny.config(.upsampler, training: options), file: "tiny")
    #expect(more.stateBytes == Double(cost.parameters) * 28)
    #expect(more.budget == .init(steps: 8, images: 12, passImages: 4, averages: 3))
  }

  @Test func whatIsNotCountedIsSaid() throws {
    let decoder = try tiny.config(.decoder)
    let without = #expect(throws: CostError.self) { try TrainingCost.of(decoder, file: "d.yaml") }
    #expect(without?.description.contains("d.yaml: how large a decoder is") == true)
    let vae = try tiny.config(.tokenizer)
    #expect(throws: CostError.notCounted(file: "t")) { try TrainingCost.of(vae, file: "t") }
  }

  /// `Configs/paper-*.yaml` are table 3, and the paper's preset.
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
