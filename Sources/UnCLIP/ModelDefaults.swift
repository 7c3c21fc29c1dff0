public import Config
import Foundation

/// What a model is called and how it samples unless asked otherwise; `unclip.json` in its folder.
///
/// Folders of the peers have no such file: they get the peers' defaults.
public struct ModelDefaults: Codable, Sendable, Equatable {
  /// The model's name, written into pictures.
  public var name: String
  /// The model's version, written into pictures.
  public var version: String
  /// Denoising steps and guidance scale of the prior.
  public var prior: GuidedStage
  /// Image embeddings the prior draws, of which the best is kept.
  public var priorCandidates: Int
  /// Denoising steps and guidance scale of the decoder.
  public var decoder: GuidedStage
  /// Denoising steps of the upsampler.
  public var upsamplerSteps: Int

  /// Steps and guidance of a stage.
  public struct GuidedStage: Codable, Sendable, Equatable {
    /// Denoising steps.
    public var steps: Int
    /// Guidance scale; 1 is none.
    public var guidance: Double

    /// Groups the two.
    public init(steps: Int, guidance: Double) {
      self.steps = steps
      self.guidance = guidance
    }
  }

  /// Groups all of it.
  public init(
    name: String, version: String, prior: GuidedStage, priorCandidates: Int,
    decoder: GuidedStage, upsamplerSteps: Int
  ) {
    self.name = name
    self.version = version
    self.prior = prior
    self.priorCandidates = priorCandidates
    self.decoder = decoder
    self.upsamplerSteps = upsamplerSteps
  }

  /// diffusers' defaults for Karlo: 25, 25 and 7 steps, guidance 4 and 8, one candidate.
  public static func peer(named name: String) -> ModelDefaults {
    ModelDefaults(
      name: name, version: "1", prior: GuidedStage(steps: 25, guidance: 4), priorCandidates: 1,
      decoder: GuidedStage(steps: 25, guidance: 8), upsamplerSteps: 7)
  }

  /// The defaults of the model in `folder`.
  /// - Throws: `ConfigError` for a file that is there and wrong.
  public static func read(from folder: ModelFolder) throws(ConfigError) -> ModelDefaults {
    let url = folder.url.appendingPathComponent(fileName)
    guard FileManager.default.fileExists(atPath: url.path) else {
      return peer(named: folder.url.lastPathComponent)
    }
    return try ConfigFile.read(ModelDefaults.self, at: url)
  }

  static let fileName = "unclip.json"
}
