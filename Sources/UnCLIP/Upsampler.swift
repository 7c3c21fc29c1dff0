public import Config
public import Diffusion
public import Torch

/// An upsampler: a diffusion U-Net without attention that adds detail to a smaller image, which
/// is enlarged and given as three more channels. It sees neither text nor image embedding. A model
/// has one for 256 pixels, and may have a second for 1024.
///
/// Trained on random crops of a quarter of the target's side; convolutions alone make it work at
/// full size. Source: paper section 2.1.
public struct Upsampler: DiffusionStage {
  /// The U-Net for all steps but the last.
  public let unet: UNet
  /// The U-Net of the last step, where a model has one of its own (Karlo).
  public let lastUNet: UNet?
  /// The process over pixels in [-1, 1], and how it is sampled.
  public let scheduler: SchedulerConfig
  /// The noising process.
  public let process: GaussianDiffusion

  /// The places of a cascade, in order.
  public enum Level: String, Codable, Sendable, CaseIterable {
    /// 64 → 256 pixels.
    case first
    /// 256 → 1024 pixels.
    case second

    /// Its place, counted from 0.
    package var index: Int { self == .first ? 0 : 1 }

    /// The part of a folder that holds the U-Net.
    public var part: ModelFolder.Part { self == .first ? .upsampler : .secondUpsampler }
    /// The part that holds the U-Net of the last step; nil where there can be none.
    var lastPart: ModelFolder.Part? { self == .first ? .lastUpsampler : nil }
    /// The part that holds the process.
    public var scheduler: ModelFolder.Part {
      self == .first ? .upsamplerScheduler : .secondUpsamplerScheduler
    }
    /// The stage as progress names it.
    public var stage: GenerationProgress.Stage { self == .first ? .upsampler : .secondUpsampler }
    /// The parts with weights.
    var networks: [ModelFolder.Part] { [part] + [lastPart].compactMap { $0 } }
  }

  /// By how much the side grows.
  public static let factor = 4

  /// Joins the networks and their process.
  public init(unet: UNet, lastUNet: UNet? = nil, scheduler: SchedulerConfig) {
    self.unet = unet
    self.lastUNet = lastUNet
    self.scheduler = scheduler
    process = scheduler.diffusion()
  }

  /// How the small images of training are made from the large ones.
  public enum Degradation: String, ConfigChoice {
    /// They are averaged and blurred a little: the first upsampler's.
    case blur
    /// As ``BSRDegradation/Variant/light``.
    case bsrLight = "bsr_light"
    /// As ``BSRDegradation/Variant/full``.
    case bsrFull = "bsr_full"

    /// The degradation of many faults; nil for ``blur``.
    var bsr: BSRDegradation? { BSRDegradation.Variant(rawValue: rawValue).map(BSRDegradation.init) }
  }

  /// Images that are reduced, made worse and enlarged again, and how.
  public struct TrainingConditioning {
    /// The images, `[B, 3, S, S]` in [-1, 1].
    public var images: Tensor
    /// How they are reduced.
    public var degradation: Degradation
    /// The fraction of images that are averaged only, in 0...1.
    public var cleanFraction: Double
    /// The largest deviation of the noise on the reduced images, of which a decoder's are not free
    /// either; each image has its own deviation.
    public var noise: Double

    /// Groups them, without noise.
    public init(
      images: Tensor, degradation: Degradation = .blur, cleanFraction: Double = 0.5,
      noise: Double = 0
    ) {
      self.images = images
      self.degradation = degradation
      self.cleanFraction = cleanFraction
      self.noise = noise
    }

    /// Reduces the images, and makes them worse: `[B, 3, S / 4, S / 4]`.
    func degraded(using random: RandomSource) -> Tensor {
      let isWorse = random.bernoulli(
        1 - cleanFraction, [images.dim(0)], dtype: .bool, device: images.device)
      guard let bsr = degradation.bsr else {
        return LowResolution.reduced(images, factor: Upsampler.factor, blurred: isWorse)
      }
      return Tensor.where(
        isWorse.reshaped(-1, 1, 1, 1), bsr.degraded(images, using: random),
        LowResolution.reduced(images, factor: Upsampler.factor))
    }
  }

  /// Returns the U-Net beside the images, reduced, made worse, noised and enlarged again.
  public func trainingDenoiser(
    _ conditioning: TrainingConditioning, using random: RandomSource
  ) -> Denoiser {
    let images = conditioning.images
    let (b, device) = (images.dim(0), images.device)
    var small = conditioning.degraded(using: random)
    if conditioning.noise > 0 {
      let deviations = random.uniform([b, 1, 1, 1], device: device) * conditioning.noise
      small = small + random.normal(small.shape, device: device) * deviations
    }
    let condition = LowResolution.enlarged(small, to: images.dim(2))
    return { [unet] in
      unet(Tensor.concatenated([$0.sample, condition], over: 1), timesteps: $0.timesteps)
    }
  }

  /// Returns the U-Net beside the image `[1, 3, h, w]` in [-1, 1], enlarged.
  public func denoiser(_ image: Tensor, rows: Int, isGuided: Bool) -> Denoiser {
    precondition(!isGuided, "upsamplers are not guided")
    let condition = LowResolution.enlarged(image.to(.float32), by: Self.factor)
      .repeatInterleaved(rows, over: 0)
    let (unet, last) = (unet, lastUNet ?? unet)
    let dtype = unet.dtype
    return {
      let condition = $0.window?.cut(condition) ?? condition
      let input = Tensor.concatenated([$0.sample, condition], over: 1).to(dtype)
      return ($0.isLastStep ? last : unet)(input, timesteps: $0.timesteps)
    }
  }

  /// Clamps to [-1, 1].
  public func finished(_ sample: Tensor) -> Tensor { sample.clamped(min: -1, max: 1) }

  /// Enlarges one image fourfold, `[1, 3, h, w] -> [1, 3, 4h, 4w]` in [-1, 1].
  ///
  /// - Parameters:
  ///   - image: The low-resolution image.
  ///   - sampling: Steps and sampler.
  ///   - given: An enlarged image to start from or to keep a part of.
  ///   - windows: The squares that the network sees of a large image; nil shows it the whole.
  ///   - random: The source of all noise.
  ///   - onStep: called after each step; what it throws ends the sampling.
  /// - Throws: `ConfigError` when the process cannot be sampled so, and what `onStep` throws.
  public func enlarged(
    _ image: Tensor, sampling: StageSampling, given: GivenSample? = nil, windows: Windows? = nil,
    using random: RandomSource, onStep: (StepOutput) throws -> Void = { _ in }
  ) throws -> Tensor {
    let noise = random.normal(
      [1, 3, image.dim(2) * Self.factor, image.dim(3) * Self.factor], dtype: .float32,
      device: image.device)
    return try sample(
      from: noise, image, sampling: sampling, given: given, windows: windows, using: random,
      onStep: onStep)
  }
}
