public import CLIP
import Config
public import Foundation

/// A training configuration of a stage of unCLIP, checked as `unclip train` checks it before it looks
/// at data and models.
public enum StageConfiguration: Sendable {
  /// Of CLIP.
  case clip(TrainConfig<CLIPConfig, CLIPTask.Objective>)
  /// Of the diffusion prior.
  case prior(TrainConfig<PriorTask.Model, PriorTask.Objective>)
  /// Of the autoregressive prior.
  case autoregressivePrior(
    TrainConfig<AutoregressivePriorTask.Model, AutoregressivePriorTask.Objective>)
  /// Of the image hint.
  case hint(TrainConfig<HintTask.Model, HintTask.Objective>)
  /// Of the decoder.
  case decoder(TrainConfig<DecoderTask.Model, DecoderTask.Objective>)
  /// Of an upsampler.
  case upsampler(TrainConfig<UpsamplerTask.Model, UpsamplerTask.Objective>)

  /// Reads a configuration of the stage that the sections of its model are of.
  ///
  /// - Parameters:
  ///   - json: The configuration.
  ///   - file: Its name, for errors.
  /// - Throws: `ConfigError`, and `CostError.notCounted` for another stage.
  public init(_ json: Data, file: String) throws {
    let content = try ConfigFile.decode([String: JSONValue].self, from: json, file: file)
    func keys(_ sections: String...) -> Set<String> {
      var value = JSONValue.object(content)
      for section in sections {
        guard case .object(let members) = value, let next = members[section] else { return [] }
        value = next
      }
      guard case .object(let members) = value else { return [] }
      return Set(members.keys)
    }
    let model = keys("model")
    if model.isSuperset(of: ["text", "vision"]) {
      self = .clip(try .checked(json, file: file))
    } else if keys("model", "transformer").contains("num_buckets") {
      self = .autoregressivePrior(try .checked(json, file: file))
    } else if model.contains("transformer") {
      self = .prior(try .checked(json, file: file))
    } else if model.contains("hint") {
      self = .hint(try .checked(json, file: file))
    } else if model.contains("unet"), keys("objective").contains("crop_size") {
      self = .upsampler(try .checked(json, file: file))
    } else if model.contains("unet") {
      self = .decoder(try .checked(json, file: file))
    } else {
      throw CostError.notCounted(file: file)
    }
  }
}
