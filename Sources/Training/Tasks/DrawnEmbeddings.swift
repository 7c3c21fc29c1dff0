import CLIP
import Config
import Diffusion
import Files
import Torch
import TorchNN
import UnCLIP

/// How much a stage learns from embeddings that the prior samples instead of the images' own.
public struct DrawnEmbeddings: Codable, Sendable, Equatable {
  /// Fraction of the examples whose image embedding is the prior's; 0 needs no prior.
  public var fraction: Double
  /// Denoising steps of the prior.
  public var steps: Int
  /// Guidance scale of the prior.
  public var guidance: Double

  /// Groups the values.
  public init(fraction: Double, steps: Int, guidance: Double) {
    self.fraction = fraction
    self.steps = steps
    self.guidance = guidance
  }

  /// The parts of a model folder that sample them.
  var parts: [[ModelFolder.Part]] { fraction > 0 ? [[.prior, .priorScheduler]] : [] }

  /// The images' own embeddings alone.
  public static let none = DrawnEmbeddings(fraction: 0, steps: 1, guidance: 1)

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(objective: file).section("drawn_embeddings")
    try check.fraction("fraction", fraction)
    try check.count("steps", steps, in: 1...1000)
    try check.number("guidance", guidance, in: 0...1000)
  }
}

/// The prior as later stages use it: frozen, in evaluation mode, without gradients.
public final class FrozenPrior {
  private let prior: DiffusionPrior
  private let unconditional: TextConditioning
  private let options: DrawnEmbeddings
  private let seed: UInt64

  /// Loads the prior of a model folder.
  /// - Throws: `ConfigError`, `CheckpointError`.
  init(
    _ folder: ModelFolder, clip: FrozenCLIP, options: DrawnEmbeddings, seed: UInt64,
    device: Device
  ) throws {
    prior = try folder.loadPrior()
    prior.transformer.freeze()
    prior.transformer.eval()
    prior.transformer.to(device: device)
    unconditional = clip.text([""])
    self.options = options
    self.seed = seed
  }

  /// Samples embeddings `[B, D]` for the captions of a batch or of some rows of it, a function of
  /// them and the index.
  /// - Throws: `ConfigError` when the process has fewer steps than the options.
  func embeddings(
    of text: TextConditioning, at index: Int, rows: BatchRows? = nil
  ) throws -> Tensor {
    try prior.embeddings(
      of: text, unconditional: unconditional,
      sampling: StageSampling(
        steps: options.steps, guidance: options.guidance,
        sampler: prior.scheduler.defaultSampler),
      using: RandomSource(
        seed: StepSeed.seed(seed, .drawnEmbeddings, at: index), rows: rows ?? .all(text.count)))
  }

  /// Hashes the weights and the sampling options.
  /// - Throws: `TrainingError.notRead`.
  static func fingerprint(
    of folder: ModelFolder, _ options: DrawnEmbeddings
  ) throws(TrainingError) -> String {
    var fingerprint = Fingerprint()
    for part in [ModelFolder.Part.prior, .priorScheduler] {
      try fingerprint.add(filesIn: folder.folder(of: part))
    }
    return fingerprint.text + "-\(options.steps)-\(options.guidance)"
  }
}
