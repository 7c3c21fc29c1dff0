import Config
public import Diffusion
public import Torch
import TorchNN

/// An upsampler: a diffusion U-Net without attention that adds detail to a smaller picture, which
/// is enlarged and given as three more channels. It knows neither text nor image embedding.
///
/// Trained on random crops of a quarter of the target's side; convolutions alone make it work at
/// full size. Source: paper section 2.1.
public struct Upsampler {
  /// The U-Net for all steps but the last.
  public let unet: UNet
  /// The U-Net of the last step, where a model has one of its own (Karlo).
  public let lastUNet: UNet?
  /// The process over pixels in [-1, 1].
  public let scheduler: SchedulerConfig
  private let process: GaussianDiffusion

  /// By how much the side grows.
  public static let factor = 4
  /// Share of training conditions that are blurred.
  public static let blurRate = 0.5

  /// Joins the networks and their process.
  public init(unet: UNet, lastUNet: UNet? = nil, scheduler: SchedulerConfig) {
    self.unet = unet
    self.lastUNet = lastUNet
    self.scheduler = scheduler
    process = scheduler.diffusion()
  }

  /// The loss of a batch of crops, `[B, 3, S, S]` in [-1, 1].
  public func loss(
    images: Tensor, weighting: LossWeighting, using random: RandomSource
  ) -> DiffusionLosses {
    let b = images.dim(0)
    let timesteps = random.integers(in: 0..<process.schedule.stepCount, [b])
    let steps = timesteps.array(of: Int64.self).map(Int.init)
    let noise = random.normal(images.shape, device: images.device)
    let blurred = random.bernoulli(Self.blurRate, [b], dtype: .bool, device: images.device)
    let small = LowResolution.reduced(images, factor: Self.factor, blurred: blurred)
    let condition = LowResolution.enlarged(small, to: images.dim(2))
    let noised = process.noised(images, at: steps, noise: noise)
    let output = unet(
      Tensor.concatenated([noised, condition], over: 1), timesteps: timesteps.to(images.device))
    return process.trainingLosses(
      output, start: images, sample: noised, noise: noise, at: steps, weighting: weighting)
  }

  /// Enlarges one picture fourfold, `[1, 3, s, s] -> [1, 3, 4s, 4s]` in [-1, 1].
  ///
  /// - Parameter onStep: called after each of `steps` steps with their count so far.
  /// - Throws: `ConfigError` when the process has fewer steps than asked for, and what `onStep`
  ///   throws, which stops the drawing.
  public func sample(
    _ picture: Tensor, steps: Int, dtype: DType = .float32, using random: RandomSource,
    onStep: (Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    let (unet, last) = (unet, lastUNet ?? unet)
    let side = picture.dim(2) * Self.factor
    let condition = noGrad { LowResolution.enlarged(picture.to(.float32), to: side) }
    var sample = random.normal([1, 3, side, side], dtype: .float32, device: picture.device)
    let chain = denoise(
      sample, with: try scheduler.sampler(stepCount: steps), using: random
    ) { sample, timestep in
      let input = Tensor.concatenated([sample, condition], over: 1).to(dtype)
      let times = Tensor.full([1], Double(timestep), device: picture.device)
      return (timestep == 0 ? last : unet)(input, timesteps: times)
    }
    for step in chain {
      sample = step.previous
      try onStep(step.index + 1)
    }
    return sample.clamped(min: -1, max: 1)
  }
}
