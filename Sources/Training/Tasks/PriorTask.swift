import CLIP
public import Config
public import Diffusion
public import Foundation
public import Torch
public import TorchNN
public import UnCLIP

/// Training of the diffusion prior: CLIP's embedding of an image from its caption.
///
/// Source: paper section 2.2.
public final class PriorTask: TrainingTask {
  /// The prior's shape in a training configuration.
  public struct Model: Codable, Sendable, Equatable {
    /// The transformer.
    public var transformer: PriorConfig

    /// Joins the two.
    public init(transformer: PriorConfig, scheduler: SchedulerConfig) {
      self.transformer = transformer
      self.scheduler = scheduler
    }
    /// The process over standardised embeddings.
    public var scheduler: SchedulerConfig
  }

  /// What is minimised and measured.
  public struct Objective: Codable, Sendable, Equatable {
    /// Fraction of captions replaced by the empty one.
    public var textDropRate: Double
    /// Batches from which the embeddings' mean and standard deviation are measured.
    public var statisticsBatches: Int
    /// Batches whose embeddings are computed once and then cycled; 0 computes them at every step.
    public var embeddingBatches: Int
    /// Captions whose sampled embeddings are compared with the true ones.
    public var evaluationCount: Int
    /// Denoising steps of a sampled embedding.
    public var sampleSteps: Int
    /// Guidance scale of a sampled embedding.
    public var sampleGuidance: Double

    enum CodingKeys: String, CodingKey {
      case textDropRate = "text_drop_rate"
      case statisticsBatches = "statistics_batches"
      case embeddingBatches = "embedding_batches"
      case evaluationCount = "evaluation_count"
      case sampleSteps = "sample_steps"
      case sampleGuidance = "sample_guidance"
    }

    /// Groups the values.
    public init(
      textDropRate: Double, statisticsBatches: Int, embeddingBatches: Int, evaluationCount: Int,
      sampleSteps: Int, sampleGuidance: Double
    ) {
      self.textDropRate = textDropRate
      self.statisticsBatches = statisticsBatches
      self.embeddingBatches = embeddingBatches
      self.evaluationCount = evaluationCount
      self.sampleSteps = sampleSteps
      self.sampleGuidance = sampleGuidance
    }

    /// Checks each value.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String) throws(ConfigError) {
      let check = ConfigCheck(objective: file)
      try check.fraction("text_drop_rate", textDropRate)
      try check.count("statistics_batches", statisticsBatches, in: 1...100_000)
      try check.count("embedding_batches", embeddingBatches, in: 0...1_000_000)
      try check.evaluation(evaluationCount)
      try check.count("sample_steps", sampleSteps, in: 1...1000)
      try check.number("sample_guidance", sampleGuidance, in: 0...1000)
    }
  }

  /// The name of the stage.
  public let stage = "prior"
  /// The module that is trained, averaged and saved.
  public var module: any Module { prior.transformer }

  private let prior: DiffusionPrior
  private let objective: Objective
  private let data: EmbeddedImages
  private let unconditional: TextConditioning

  /// A prior with random weights; its embeddings' statistics are not set.
  public init(
    _ model: Model, objective: Objective, data: EmbeddedImages, clip: FrozenCLIP,
    using random: RandomSource
  ) {
    prior = DiffusionPrior(
      transformer: PriorTransformer(model.transformer, using: random),
      scheduler: model.scheduler)
    self.objective = objective
    self.data = data
    unconditional = clip.text([""])
  }

  /// Measures the embeddings' mean and standard deviation on the first batches. A resumed run has
  /// them in its checkpoint.
  public func measureStatistics() throws {
    let embeddings = try (0..<objective.statisticsBatches).map {
      try data.embeddings(at: $0).image
    }
    prior.transformer.setStatistics(from: Tensor.concatenated(embeddings, over: 0))
  }

  /// Loads the weights and statistics of a model folder.
  func start(from folder: ModelFolder) throws {
    let other = try folder.loadPrior()
    try prior.transformer.load(other.transformer.stateDict(), file: folder.folder(of: .prior))
  }

  /// Rows of the batch at an index, a pure function of it.
  public func batch(at index: Int, rows: BatchRows) throws -> Embeddings {
    try data.embeddings(at: index, rows: rows)
  }

  /// The loss of a batch.
  public func loss(_ batch: Embeddings, of part: Int, using random: RandomSource) -> Losses {
    Losses(
      diffusion: prior.loss(
        of: prior.transformer.standardised(batch.image),
        DiffusionPrior.TrainingConditioning(
          text: batch.text, unconditional: unconditional, textDropRate: objective.textDropRate),
        using: random))
  }

  /// Measures the mean cosine of sampled embeddings with those of their images, beside those of
  /// another image and of the text itself, on seen and on held-out concepts.
  public func evaluate() throws -> [String: Double] {
    var metrics: [String: Double] = [:]
    for (name, heldOut) in [("seen", false), ("held_out", true)] {
      guard let truth = data.evaluation(heldOut: heldOut, limit: objective.evaluationCount) else {
        continue
      }
      let random = RandomSource(seed: 0)
      let sampling = StageSampling(
        steps: objective.sampleSteps, guidance: objective.sampleGuidance)
      let sampled = Tensor.concatenated(
        try (0..<truth.text.count).map { row in
          try prior.embedding(
            of: PromptConditioning(text: truth.text.row(row), negative: unconditional),
            sampling: sampling, using: random)
        }, over: 0)
      metrics[name + "_cosine"] = meanCosine(sampled, truth.image)
      metrics[name + "_cosine_other"] = meanCosine(sampled, truth.image.rolled(by: 1, over: 0))
      metrics[name + "_cosine_text"] = meanCosine(truth.text.embedding, truth.image)
    }
    return metrics
  }

  /// Writes the averaged weights as parts of a model folder.
  public func export(to folder: URL) throws {
    try ModelFolder(folder).savePrior(prior, dtype: .float32)
  }
}

/// The mean cosine of corresponding rows of two `[N, D]`.
func meanCosine(_ a: Tensor, _ b: Tensor) -> Double {
  let (a, b) = (a.to(.float32), b.to(.float32))
  let product = (a * b).sum(over: 1)
  return (product / (a.norm(over: 1) * b.norm(over: 1)).clamped(min: 1e-12, max: nil)).mean()
    .item()
}
