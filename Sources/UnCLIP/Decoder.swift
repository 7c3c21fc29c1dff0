import Config
public import Diffusion
public import Torch
import TorchNN

/// The decoder: a guided diffusion U-Net that draws a 64×64 picture of a CLIP image embedding.
///
/// The embedding enters twice, added to the timestep's embedding and as four extra context tokens
/// before those of the text (``TextProjection``). For guidance the image embedding is dropped in
/// 10 % and the text in 50 % of the examples, each draw by itself.
/// Source: paper section 2.1.
public struct Decoder {
  /// The U-Net.
  public let unet: UNet
  /// How the embeddings enter it.
  public let projection: TextProjection
  /// The process over pixels in [-1, 1].
  public let scheduler: SchedulerConfig
  private let process: GaussianDiffusion

  /// Joins the networks and their process.
  public init(unet: UNet, projection: TextProjection, scheduler: SchedulerConfig) {
    self.unet = unet
    self.projection = projection
    self.scheduler = scheduler
    process = scheduler.diffusion()
  }

  /// How the loss of a batch is made.
  public struct LossOptions: Codable, Sendable, Equatable {
    /// Share of image embeddings replaced by the learned null embedding.
    public var imageDropRate: Double
    /// Share of sentences replaced by the empty one.
    public var textDropRate: Double
    /// The weight of each timestep.
    public var weighting: LossWeighting

    /// The paper's drop rates.
    public init(
      imageDropRate: Double = 0.1, textDropRate: Double = 0.5, weighting: LossWeighting = .uniform
    ) {
      self.imageDropRate = imageDropRate
      self.textDropRate = textDropRate
      self.weighting = weighting
    }
  }

  /// The loss of a batch.
  ///
  /// - Parameters:
  ///   - images: `[B, 3, S, S]` in [-1, 1].
  ///   - imageEmbedding: `[B, D]`, raw CLIP embeddings of the pictures.
  ///   - text: their sentences.
  ///   - unconditional: the empty sentence, one row.
  public func loss(
    images: Tensor, imageEmbedding: Tensor, text: TextConditioning,
    unconditional: TextConditioning, options: LossOptions, using random: RandomSource
  ) -> DiffusionLosses {
    let b = images.dim(0)
    let timesteps = random.integers(in: 0..<process.schedule.stepCount, [b])
    let steps = timesteps.array(of: Int64.self).map(Int.init)
    let noise = random.normal(images.shape, device: images.device)
    let imageDropped = random.bernoulli(
      options.imageDropRate, [b], dtype: .bool, device: images.device)
    let textDropped = random.bernoulli(
      options.textDropRate, [b], dtype: .bool, device: images.device)
    let scene = projection(
      imageEmbedding: imageEmbedding,
      text: text.replaced(where: textDropped, by: unconditional).trimmed(),
      imageDropped: imageDropped)
    let noised = process.noised(images, at: steps, noise: noise)
    let output = unet(
      noised, timesteps: timesteps.to(images.device),
      context: unet.context(scene.context, mask: scene.contextMask),
      classEmbedding: scene.classEmbedding)
    return process.trainingLosses(
      output, start: images, sample: noised, noise: noise, at: steps,
      weighting: options.weighting)
  }

  /// Draws one picture, `[1, 3, S, S]` in [-1, 1].
  ///
  /// - Parameters:
  ///   - imageEmbedding: `[1, D]`, raw.
  ///   - text: one sentence.
  ///   - negative: the text of the unconditional half; its image embedding is the null one.
  ///   - size: the side, pixels.
  ///   - onStep: called after each of `steps` steps with their count so far.
  /// - Throws: `ConfigError` when the process has fewer steps than asked for, and what `onStep`
  ///   throws, which stops the drawing.
  public func sample(
    imageEmbedding: Tensor, text: TextConditioning, negative: TextConditioning, size: Int,
    steps: Int, guidance: Double, using random: RandomSource,
    onStep: (Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    let unet = unet
    let device = imageEmbedding.device
    let dtype = text.embedding.dtype
    let isGuided = guidance != 1
    // What does not change between steps is computed once.
    let scene = noGrad { () -> TextProjection.Conditions in
      let image = imageEmbedding.to(dtype)
      guard isGuided else { return projection(imageEmbedding: image, text: text.trimmed()) }
      return projection(
        imageEmbedding: Tensor.concatenated([image, image], over: 0),
        text: .concatenated([negative, text]).trimmed(),
        imageDropped: Tensor([true, false], device: device))
    }
    let context = noGrad { unet.context(scene.context, mask: scene.contextMask) }
    var sample = random.normal([1, 3, size, size], dtype: .float32, device: device)
    let chain = denoise(
      sample, with: try scheduler.sampler(stepCount: steps), using: random
    ) { sample, timestep in
      let input = isGuided ? Tensor.concatenated([sample, sample], over: 0) : sample
      let output = unet(
        input.to(dtype), timesteps: Tensor.full([input.dim(0)], Double(timestep), device: device),
        context: context, classEmbedding: scene.classEmbedding)
      return isGuided ? guided(halves: output, scale: guidance, channels: 3) : output
    }
    for step in chain {
      sample = step.previous
      try onStep(step.index + 1)
    }
    return sample.clamped(min: -1, max: 1)
  }
}
