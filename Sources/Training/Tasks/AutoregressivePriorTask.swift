import CLIP
public import Config
import Diffusion
public import Foundation
public import Torch
public import TorchNN
public import UnCLIP

/// Training of the autoregressive prior: the tokens of CLIP's embedding of an image from its
/// caption.
///
/// Source: paper section 2.2.
public final class AutoregressivePriorTask: TrainingTask {
  /// The prior's shape in a training configuration.
  public struct Model: Codable, Sendable, Equatable {
    /// The transformer; 0 components stand for as many as the objective's error asks for.
    public var transformer: AutoregressivePriorConfig

    /// Takes the shape.
    public init(transformer: AutoregressivePriorConfig) {
      self.transformer = transformer
    }
  }

  /// What is minimised and measured.
  public struct Objective: Codable, Sendable, Equatable {
    /// Fraction of captions replaced by the empty one.
    public var textDropRate: Double
    /// The fraction of the embeddings' variance that the components which are not kept may hold,
    /// where the shape does not say how many are kept.
    public var reconstructionError: Double
    /// Batches from which components and bucket edges are measured.
    public var statisticsBatches: Int
    /// Batches whose embeddings are computed once and then cycled; 0 computes them at every step.
    public var embeddingBatches: Int
    /// Captions whose sampled embeddings are compared with the true ones.
    public var evaluationCount: Int
    /// Temperature of a sampled embedding.
    public var sampleTemperature: Double
    /// Guidance scale of a sampled embedding.
    public var sampleGuidance: Double

    enum CodingKeys: String, CodingKey {
      case textDropRate = "text_drop_rate"
      case reconstructionError = "reconstruction_error"
      case statisticsBatches = "statistics_batches"
      case embeddingBatches = "embedding_batches"
      case evaluationCount = "evaluation_count"
      case sampleTemperature = "sample_temperature"
      case sampleGuidance = "sample_guidance"
    }

    /// Groups the values.
    public init(
      textDropRate: Double, reconstructionError: Double, statisticsBatches: Int,
      embeddingBatches: Int, evaluationCount: Int, sampleTemperature: Double,
      sampleGuidance: Double
    ) {
      self.textDropRate = textDropRate
      self.reconstructionError = reconstructionError
      self.statisticsBatches = statisticsBatches
      self.embeddingBatches = embeddingBatches
      self.evaluationCount = evaluationCount
      self.sampleTemperature = sampleTemperature
      self.sampleGuidance = sampleGuidance
    }

    /// Checks each value.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String) throws(ConfigError) {
      let check = ConfigCheck(objective: file)
      try check.fraction("text_drop_rate", textDropRate)
      try check.positive("reconstruction_error", reconstructionError, upTo: 1)
      try check.count("statistics_batches", statisticsBatches, in: 1...100_000)
      try check.count("embedding_batches", embeddingBatches, in: 0...1_000_000)
      try check.evaluation(evaluationCount)
      try check.number("sample_temperature", sampleTemperature, in: 0.001...1000)
      try check.number("sample_guidance", sampleGuidance, in: 0...1000)
    }
  }

  /// The name of the stage.
  public let stage = TrainingStage.autoregressivePrior.rawValue
  /// The module that is trained, averaged and saved.
  public var module: any Module { prior.transformer }

  private let prior: AutoregressivePrior
  private let objective: Objective
  private let data: EmbeddedImages
  private let unconditional: TextConditioning

  /// A prior with random weights, whose tokens stand for nothing yet.
  ///
  /// - Precondition: The model says its number of components.
  init(
    _ model: Model, objective: Objective, data: EmbeddedImages, clip: FrozenCLIP,
    fingerprint: CLIPFingerprint, using random: RandomSource
  ) {
    prior = AutoregressivePrior(
      transformer: AutoregressiveTransformer(model.transformer, using: random), clip: fingerprint)
    self.objective = objective
    self.data = data
    unconditional = clip.text([""])
  }

  /// Fits the principal components of the first batches' image embeddings.
  ///
  /// - Throws: `EmbeddingPCAError`, and what reading the data throws.
  static func components(
    _ objective: Objective, of data: EmbeddedImages
  ) throws -> EmbeddingPCA {
    var fit = EmbeddingPCA.Fit()
    for index in 0..<objective.statisticsBatches { try fit.add(data.embeddings(at: index).image) }
    return try fit.pca()
  }

  /// Measures components and bucket edges on the first batches. A resumed run has them in its
  /// checkpoint.
  func measureStatistics() throws {
    let embeddings = try (0..<objective.statisticsBatches).map { try data.embeddings(at: $0) }
    try prior.transformer.quantizer.fit(
      images: Tensor.concatenated(embeddings.map(\.image), over: 0),
      texts: Tensor.concatenated(embeddings.map(\.text.embedding), over: 0))
  }

  /// Loads the weights, components and edges of a model folder.
  ///
  /// Its text tower may be another one, to which training goes on to adapt; tokens of another vision
  /// tower stand for other things.
  /// - Throws: `ModelFolderError.disagreement` for a prior of another vision tower; `ConfigError`,
  ///   `CheckpointError`.
  func start(from folder: ModelFolder) throws {
    let other = try folder.loadAutoregressivePrior()
    guard other.clip.imageEncoder == prior.clip.imageEncoder else {
      throw ModelFolderError.disagreement(
        folder: folder.url.path, part: ModelFolder.Part.autoregressivePrior.rawValue,
        key: "clip_fingerprint.image_encoder", value: other.clip.imageEncoder,
        reason: "that of the vision tower of this run is \(prior.clip.imageEncoder)")
    }
    try prior.transformer.load(
      other.transformer.stateDict(), file: folder.folder(of: .autoregressivePrior))
  }

  /// Rows of the batch at an index, a pure function of it.
  public func batch(at index: Int, rows: BatchRows) throws -> Embeddings {
    try data.embeddings(at: index, rows: rows)
  }

  /// The loss of a batch.
  public func loss(_ batch: Embeddings, of part: Int, using random: RandomSource) -> Losses {
    prior.loss(
      of: batch.image,
      .init(
        text: batch.text, unconditional: unconditional, textDropRate: objective.textDropRate),
      using: random)
  }

  /// Measures the mean cosine of sampled embeddings with those of their images, beside those of
  /// another image, of the text itself and of the image's own tokens, and the nats of a token, on
  /// seen and on held-out concepts.
  public func evaluate() throws -> [String: Double] {
    var metrics: [String: Double] = [:]
    let sampling = AutoregressivePrior.Sampling(
      temperature: objective.sampleTemperature, guidance: objective.sampleGuidance)
    for (name, heldOut) in [("seen", false), ("held_out", true)] {
      guard let truth = data.evaluation(heldOut: heldOut, limit: objective.evaluationCount) else {
        continue
      }
      let prompts = PromptConditioning(
        text: truth.text, negative: unconditional.repeated(truth.text.count))
      let sampled = try prior.embeddings(
        of: prompts, sampling: sampling, using: RandomSource(seed: 0))
      let quantizer = prior.transformer.quantizer
      metrics[name + "_cosine"] = meanCosine(sampled, truth.image)
      metrics[name + "_cosine_other"] = meanCosine(sampled, truth.image.rolled(by: 1, over: 0))
      metrics[name + "_cosine_text"] = meanCosine(truth.text.embedding, truth.image)
      metrics[name + "_cosine_tokens"] = meanCosine(
        quantizer.embeddings(of: quantizer.tokens(of: truth.image)), truth.image)
      metrics[name + "_nats"] = noGrad {
        prior.loss(
          of: truth.image,
          .init(text: truth.text, unconditional: unconditional, textDropRate: 0),
          using: RandomSource(seed: 0)
        ).total.item()
      }
    }
    return metrics
  }

  /// Writes the averaged weights as a part of a model folder.
  public func export(to folder: URL) throws {
    try ModelFolder(folder).saveAutoregressivePrior(prior, dtype: .float32)
  }
}
