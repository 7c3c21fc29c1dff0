import ArgumentParser
import CLIP
import Conversion
import Foundation
import ImageMetrics
import Training

/// `--features` and `--feature-weights`: what the metrics that compare sets of images see.
struct FeatureOptions: ParsableArguments {
  /// The networks.
  enum Network: String, ExpressibleByArgument, CaseIterable {
    case clip, inception
  }

  @Option(
    help: ArgumentHelp(
      "The network whose features are compared: clip is the model's own, inception that of "
        + "published FID.", valueName: "network"))
  var features = Network.clip

  @Option(
    help: ArgumentHelp(
      "Weights of the Inception network: pt_inception-2015-12-05 of pytorch-fid or torch-fidelity, "
        + ".pth or .safetensors.", valueName: "file"))
  var featureWeights: String?

  func validate() throws {
    switch (features, featureWeights) {
    case (.inception, nil):
      throw ValidationError(
        "--features is inception, whose weights --feature-weights must name: "
          + "pt_inception-2015-12-05 of pytorch-fid or torch-fidelity.")
    case (.clip, .some):
      throw ValidationError(
        "--feature-weights is for --features inception; the model has the weights of its CLIP.")
    default: break
    }
  }

  /// Loads Inception; nil where CLIP is asked for.
  /// - Throws: `CheckpointError`, `ArchiveError`, `FeatureError`.
  func inception() throws -> ImageFeatures? {
    guard let featureWeights else { return nil }
    let file = URL(fileURLWithPath: featureWeights)
    return try ImageFeatures(inception: WeightFile(file).tensors, file: file.path)
  }

  /// Loads what the options name, for CLIP that of a model.
  func load(model: String?) throws -> ImageFeatures {
    if let inception = try inception() { return inception }
    return try ImageFeatures(
      clip: CLIPFolder(ModelSearch.current.folder(of: model, for: .embedding)))
  }
}
