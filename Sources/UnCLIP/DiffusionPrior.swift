public import CLIP
import Config
public import Diffusion
public import Torch

/// The diffusion prior: from a prompt to the CLIP embedding of an image of it.
///
/// Its samples are standardised embeddings, and its loss the mean squared error of the predicted
/// clean one; the text is dropped for guidance, and of several sampled embeddings the one nearest
/// to the text is kept.
/// Source: paper section 2.2.
public struct DiffusionPrior: DiffusionStage {
  /// The network.
  public let transformer: PriorTransformer
  /// The process over standardised embeddings, and how it is sampled.
  public let scheduler: SchedulerConfig
  /// The noising process.
  public let process: GaussianDiffusion

  /// Joins a network and its process.
  public init(transformer: PriorTransformer, scheduler: SchedulerConfig) {
    self.transformer = transformer
    self.scheduler = scheduler
    process = scheduler.diffusion()
  }

  /// The captions of a batch and how often each is dropped.
  public struct TrainingConditioning {
    /// The captions.
    public var text: TextConditioning
    /// The replacement of a dropped caption: the empty text, one row.
    public var unconditional: TextConditioning
    /// The fraction of captions that are dropped; 0.1 in the paper.
    public var textDropRate: Double

    /// Groups the three.
    public init(text: TextConditioning, unconditional: TextConditioning, textDropRate: Double) {
      self.text = text
      self.unconditional = unconditional
      self.textDropRate = textDropRate
    }
  }

  /// Returns the transformer with the captions that are left.
  public func trainingDenoiser(
    _ conditioning: TrainingConditioning, using random: RandomSource
  ) -> Denoiser {
    let text = conditioning.text
    let dropped = random.bernoulli(
      conditioning.textDropRate, [text.count], dtype: .bool, device: text.embedding.device)
    let left = text.replaced(where: dropped, by: conditioning.unconditional)
      .trimmed(by: transformer.gather)
    return { transformer($0.sample, timesteps: $0.timesteps, text: left) }
  }

  /// Returns the transformer with the prompt, and before it the negative prompt: both one row for
  /// all samples, or one for each.
  public func denoiser(
    _ conditioning: PromptConditioning, rows: Int, isGuided: Bool
  ) -> Denoiser {
    let each = rows / conditioning.text.count
    let text = conditioning.batch(isGuided: isGuided).trimmed().repeated(each)
    let dtype = text.embedding.dtype
    return { transformer($0.sample.to(dtype), timesteps: $0.timesteps, text: text) }
  }

  /// Samples the image embedding of one prompt: `[1, D]`, raw.
  ///
  /// - Parameters:
  ///   - prompt: The encoded prompt.
  ///   - sampling: Steps, guidance and sampler.
  ///   - candidates: embeddings sampled, of which the one with the largest dot product with the
  ///     text's is kept.
  ///   - random: The source of all noise.
  ///   - onStep: called after each step; what it throws ends the sampling.
  /// - Throws: `ConfigError` when the process cannot be sampled so, and what `onStep` throws.
  public func embedding(
    of prompt: PromptConditioning, sampling: StageSampling, candidates: Int = 1,
    using random: RandomSource, onStep: (StepOutput) throws -> Void = { _ in }
  ) throws -> Tensor {
    let text = prompt.text.embedding
    let noise = random.normal(
      [candidates, transformer.config.embeddingDim], dtype: .float32, device: text.device)
    let sample = try sample(from: noise, prompt, sampling: sampling, using: random, onStep: onStep)
    // [N, D] -> [1, D]
    return noGrad { transformer.restored(sample).nearest(to: text) }
  }
}
