import Classics
import Foundation
import Testing
import TorchNN
import Training

@testable import UnCLIPCommand

/// The configurations that the tour names.
@Suite struct ClassicConfigTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Configs")

  private func check<Model: ClassicConfig, Objective: Codable & Sendable & Equatable>(
    _ name: String, _ type: TrainConfig<Model, Objective>.Type
  ) throws -> TrainConfig<Model, Objective> {
    let file = Self.folder.appending(path: name + ".yaml")
    let config = try type.decode(try ConfigDocument.json(at: file), file: file.path)
    try config.model.validate(file: file.path)
    try config.training.validate(file: file.path)
    return config
  }

  @Test func allAreComplete() throws {
    _ = try check("fashion-ae", TrainConfig<AutoencoderConfig, EvaluationObjective>.self)
    _ = try check("fashion-dae", TrainConfig<DenoisingAutoencoderConfig, EvaluationObjective>.self)
    for name in ["fashion-vae", "fashion-vae-32"] {
      _ = try check(name, TrainConfig<VAEConfig, EvaluationObjective>.self)
    }
    let classifier = try check(
      "fashion-classifier", TrainConfig<ClassifierConfig, EvaluationObjective>.self)
    #expect(classifier.model.classCount == 10)
    for name in ["fashion-gan", "fashion-gan-hinge", "fashion-gan-wgan", "emoji-gan"] {
      let config = try check(name, TrainConfig<GANConfig, GANTask.Objective>.self)
      try config.objective.validate(file: name)
    }
  }

  /// A prior's grid is that of the VQ-VAE it is meant for.
  @Test func priorsFitTheVQVAE() throws {
    let model = try check("fashion-vqvae", TrainConfig<VQVAEConfig, EvaluationObjective>.self).model
    let grids = [
      try check(
        "fashion-pixelcnn", TrainConfig<PixelCNNConfig, CodePriorTask<PixelCNN>.Objective>.self
      ).model.codes,
      try check(
        "fashion-transformer",
        TrainConfig<CodeTransformerConfig, CodePriorTask<CodeTransformer>.Objective>.self
      ).model.codes,
      try check("fashion-rnn", TrainConfig<CodeRNNConfig, CodePriorTask<CodeRNN>.Objective>.self)
        .model.codes,
    ]
    for grid in grids {
      #expect(grid.codebookSize == model.quantizer.codebookSize)
      #expect(grid.height == model.codeSide && grid.width == model.codeSide)
    }
  }
}
