import Config
public import Diffusion
public import Torch
import TorchNN

/// The diffusion prior: from a sentence to the CLIP embedding of a picture of it.
///
/// Its loss is the mean squared error of the predicted clean embedding; the text is dropped for
/// guidance, and of several drawn embeddings the one nearest to the text is kept.
/// Source: paper section 2.2.
public struct DiffusionPrior {
  /// The network.
  public let transformer: PriorTransformer
  /// The process over standardised embeddings.
  public let scheduler: SchedulerConfig
  private let process: GaussianDiffusion

  /// Joins a network and its process.
  public init(transformer: PriorTransformer, scheduler: SchedulerConfig) {
    self.transformer = transformer
    self.scheduler = scheduler
    process = scheduler.diffusion()
  }

  /// The loss of a batch.
  ///
  /// - Parameters:
  ///   - imageEmbedding: `[B, D]`, raw CLIP embeddings of the pictures.
  ///   - text: their sentences.
  ///   - unconditional: the empty sentence, one row.
  ///   - dropRate: share of sentences replaced by the empty one; 0.1 in the paper.
  public func loss(
    imageEmbedding: Tensor, text: TextConditioning, unconditional: TextConditioning,
    dropRate: Double, using random: RandomSource
  ) -> DiffusionLosses {
    let start = transformer.standardised(imageEmbedding)
    let timesteps = random.integers(in: 0..<process.schedule.stepCount, [text.count])
    let steps = timesteps.array(of: Int64.self).map(Int.init)
    let noise = random.normal(start.shape, device: start.device)
    let dropped = random.bernoulli(dropRate, [text.count], dtype: .bool, device: start.device)
    let noised = process.noised(start, at: steps, noise: noise)
    let output = transformer(
      noised, timesteps: timesteps.to(start.device),
      text: text.replaced(where: dropped, by: unconditional).trimmed())
    return process.trainingLosses(output, start: start, sample: noised, noise: noise, at: steps)
  }

  /// How embeddings are drawn.
  public struct Sampling: Sendable, Equatable {
    /// Denoising steps.
    public var steps: Int
    /// Guidance scale; 1 is none.
    public var guidance: Double
    /// Embeddings drawn, of which the one with the largest dot product with the text is kept.
    public var candidates: Int

    /// Groups the three.
    public init(steps: Int, guidance: Double, candidates: Int) {
      self.steps = steps
      self.guidance = guidance
      self.candidates = candidates
    }
  }

  /// Draws an image embedding for one sentence: `[1, D]`, raw.
  ///
  /// - Parameters:
  ///   - text: one sentence.
  ///   - negative: what guidance steers away from, one sentence.
  ///   - onStep: called after each of `steps` steps with their count so far.
  /// - Throws: `ConfigError` when the process has fewer steps than asked for, and what `onStep`
  ///   throws, which stops the drawing.
  public func sample(
    text: TextConditioning, negative: TextConditioning, sampling: Sampling,
    using random: RandomSource, onStep: (Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    let transformer = transformer
    let count = sampling.candidates
    let guided = sampling.guidance != 1
    let sentences = guided ? TextConditioning.concatenated([negative, text]) : text
    let both = sentences.trimmed().repeated(count)
    let dtype = text.embedding.dtype
    let device = text.embedding.device
    let latents = random.normal(
      [count, transformer.config.embeddingDim], dtype: .float32, device: device)
    var best = latents
    let chain = denoise(
      latents, with: try scheduler.sampler(stepCount: sampling.steps), using: random
    ) { sample, timestep in
      let input = guided ? Tensor.concatenated([sample, sample], over: 0) : sample
      let times = Tensor.full([input.dim(0)], Double(timestep), device: device)
      let output = transformer(input.to(dtype), timesteps: times, text: both)
      return guided ? Diffusion.guided(halves: output, scale: sampling.guidance) : output
    }
    for step in chain {
      best = step.previous
      try onStep(step.index + 1)
    }
    return noGrad {
      let embeddings = transformer.restored(best)  // [N, D]
      guard count > 1 else { return embeddings }
      let closeness = embeddings.matmul(text.embedding.to(.float32).transposed(0, 1))  // [N, 1]
      let winner = closeness.reshaped(count).argmax(over: 0).itemInt()
      return embeddings.narrowed(0, start: winner, count: 1)
    }
  }
}
