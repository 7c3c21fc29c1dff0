import Classics
import Config
import Foundation
import TorchNN
import Training

extension TrainingStage {
  static let classifier = TrainingStage.classic(Classifier.kind)
  static let ae = TrainingStage.classic(Autoencoder.kind)
  static let dae = TrainingStage.classic(DenoisingAutoencoder.kind)
  static let vae = TrainingStage.classic(VAE.kind)
  static let vqvae = TrainingStage.classic(VQVAE.kind)
  static let gan = TrainingStage.classic(GAN.kind)
  static let pixelcnn = TrainingStage.classic(PixelCNN.kind)
  static let transformer = TrainingStage.classic(CodeTransformer.kind)
  static let rnn = TrainingStage.classic(CodeRNN.kind)
}

/// Configurations of tiny classics for images of 16 pixels.
extension TinyRun {
  private var grid: CodeGrid {
    CodeGrid(codebookSize: 8, height: 4, width: 4, condition: CodeCondition(kind: .class, size: 4))
  }

  private func encoded<Model: ClassicConfig>(
    _ model: Model, _ training: TrainingOptions
  ) throws -> Data {
    try ConfigFile.encode(
      TrainConfig(
        model: model, objective: EvaluationObjective(evaluationCount: 8), training: training,
        data: options))
  }

  private func encoded<Prior: CodePrior>(
    _ type: Prior.Type, _ model: Prior.Config, _ training: TrainingOptions
  ) throws -> Data {
    try ConfigFile.encode(
      TrainConfig(
        model: model,
        objective: CodePriorTask<Prior>.Objective(
          conditionDropRate: 0.2, evaluationCount: 8, sampleTemperature: 1),
        training: training, data: options))
  }

  /// The configuration of a classic as JSON.
  func classicConfig(_ stage: TrainingStage, training: TrainingOptions) throws -> Data {
    let network = AutoencoderConfig(imageSize: 16, channels: 3, widths: [4, 8], latentDim: 6)
    switch stage {
    case .ae: return try encoded(network, training)
    case .dae:
      return try encoded(
        DenoisingAutoencoderConfig(
          imageSize: 16, channels: 3, widths: [4, 8], latentDim: 6,
          corruption: Corruption(kind: .gaussian, amount: 0.5, patch: 1)), training)
    case .vae:
      return try encoded(
        VAEConfig(
          imageSize: 16, channels: 3, widths: [4, 8], latentDim: 6,
          likelihood: .bernoulliBinarized, beta: 1, freeBits: 0), training)
    case .vqvae:
      return try encoded(
        VQVAEConfig(
          imageSize: 16, channels: 1, widths: [4, 8], residualBlocks: 1, residualWidth: 4,
          quantizer: VectorQuantizerConfig(codebookSize: 8, codeDim: 4)), training)
    case .classifier:
      return try encoded(
        ClassifierConfig(
          imageSize: 16, channels: 1, widths: [4, 8], featureDim: 6, classCount: 4), training)
    case .gan:
      return try ConfigFile.encode(
        TrainConfig(
          model: GANConfig(
            imageSize: 16, channels: 3, widths: [4, 8], latentDim: 6, discriminatorNorm: .spectral),
          objective: GANTask.Objective(
            loss: .hinge, gradientPenalty: 0, generatorPeriod: 2, discriminatorRateScale: 1,
            evaluationCount: 8), training: training, data: options))
    case .pixelcnn:
      return try encoded(
        PixelCNN.self,
        PixelCNNConfig(codes: grid, width: 8, layers: 2, kernel: 3, outputWidth: 8), training)
    case .transformer:
      return try encoded(
        CodeTransformer.self, CodeTransformerConfig(codes: grid, width: 8, depth: 1, heads: 2),
        training)
    case .rnn:
      return try encoded(CodeRNN.self, CodeRNNConfig(codes: grid, width: 8, depth: 1), training)
    default: preconditionFailure("\(stage) is no classic")
    }
  }
}
