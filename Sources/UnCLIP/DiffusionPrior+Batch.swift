public import CLIP
public import Diffusion
public import Torch

extension DiffusionPrior {
  /// Samples one image embedding for each of many captions at once: `[B, D]`, raw.
  ///
  /// Later stages are trained on these beside the true embeddings, so that the prior's errors are
  /// not new to them. A caption's embedding depends on the batch it is in.
  ///
  /// - Parameters:
  ///   - captions: the captions.
  ///   - unconditional: what guidance steers away from, one row.
  ///   - sampling: how the prior samples.
  ///   - random: The source of all noise.
  /// - Throws: `ConfigError` when the process cannot be sampled so.
  public func embeddings(
    of captions: TextConditioning, unconditional: TextConditioning, sampling: StageSampling,
    using random: RandomSource
  ) throws -> Tensor {
    let noise = random.normal(
      [captions.count, transformer.config.embeddingDim], device: captions.embedding.device)
    let prompts = PromptConditioning(
      text: captions, negative: unconditional.repeated(captions.count))
    let samples = try sample(from: noise, prompts, sampling: sampling, using: random)
    return noGrad { transformer.restored(samples) }
  }
}
