import CLIP
public import Config
public import Diffusion
public import Foundation
public import Imaging
public import Torch
public import TorchNN
public import UnCLIP

/// Training of an upsampler on random crops, from small images that are made worse.
///
/// Source: paper section 2.1.
public final class UpsamplerTask: TrainingTask {
  /// The trained network, under the name it has in a model folder; one of the two is there.
  final class Networks: Module {
    let superResFirst: UNet?
    let superResSecond: UNet?

    init(_ unet: UNet, of level: Upsampler.Level) {
      superResFirst = level == .first ? unet : nil
      superResSecond = level == .second ? unet : nil
    }
  }

  /// The upsampler's shape in a training configuration.
  public struct Model: Codable, Sendable, Equatable {
    /// The U-Net.
    public var unet: UNetConfig
    /// The process over pixels.
    public var scheduler: SchedulerConfig

    /// Joins the two.
    public init(unet: UNetConfig, scheduler: SchedulerConfig) {
      self.unet = unet
      self.scheduler = scheduler
    }

    /// Checks both, and that they fit each other.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String) throws(ConfigError) {
      try checkUNet(unet, scheduler, inputChannels: 6, file: file)
      try ConfigCheck(file: file, at: "model.unet").require(
        unet.crossAttentionDim == nil, "cross_attention_dim", unet.crossAttentionDim ?? 0,
        "an upsampler has no attention")
    }
  }

  /// What is minimised and how samples are generated.
  public struct Objective: Codable, Sendable, Equatable {
    /// Side of the images that crops are taken from, pixels.
    public var imageSize: Int
    /// Side of a crop, pixels.
    public var cropSize: Int
    /// The weight of each timestep.
    public var weighting: LossWeighting
    /// How the small image is made.
    public var degradation: Upsampler.Degradation
    /// The fraction of small images that are averaged only.
    public var cleanFraction: Double
    /// Deviation of the noise that all pixels of a channel share; nil for none.
    public var offsetNoise: Double?
    /// Largest standard deviation of the noise added to the small image, of pixels in [-1, 1].
    public var conditionNoise: Double
    /// Denoising steps of a sample.
    public var sampleSteps: Int

    enum CodingKeys: String, CodingKey {
      case weighting, degradation
      case cleanFraction = "clean_fraction"
      case offsetNoise = "offset_noise"
      case imageSize = "image_size"
      case cropSize = "crop_size"
      case conditionNoise = "condition_noise"
      case sampleSteps = "sample_steps"
    }

    /// Groups the values.
    public init(
      imageSize: Int, cropSize: Int, weighting: LossWeighting, offsetNoise: Double? = nil,
      degradation: Upsampler.Degradation = .blur, cleanFraction: Double = 0.5,
      conditionNoise: Double, sampleSteps: Int
    ) {
      self.degradation = degradation
      self.cleanFraction = cleanFraction
      self.imageSize = imageSize
      self.cropSize = cropSize
      self.weighting = weighting
      self.offsetNoise = offsetNoise
      self.conditionNoise = conditionNoise
      self.sampleSteps = sampleSteps
    }

    /// Checks each value.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String, downsampling: Int) throws(ConfigError) {
      let check = ConfigCheck(objective: file)
      let multiple = max(Upsampler.factor, downsampling)
      for (key, side) in [("image_size", imageSize), ("crop_size", cropSize)] {
        try check.count(key, side, in: 1...ConfigLimit.side)
        try check.require(
          side.isMultiple(of: multiple), key, side, "it must be a multiple of \(multiple)")
      }
      try check.require(
        cropSize <= imageSize, "crop_size", cropSize,
        "it must be at most image_size, \(imageSize)")
      try check.number("clean_fraction", cleanFraction, in: 0...1)
      try check.number("condition_noise", conditionNoise, in: 0...1000)
      try check.number("offset_noise", offsetNoise ?? 0, in: 0...1)
      try check.count("sample_steps", sampleSteps, in: 1...1000)
    }
  }

  /// The name of the stage.
  public var stage: String {
    (level == .first ? TrainingStage.upsampler : .secondUpsampler).rawValue
  }
  /// The module that is trained, averaged and saved.
  public var module: any Module { networks }

  private let level: Upsampler.Level
  private let networks: Networks
  private let upsampler: Upsampler
  private let objective: Objective
  private let stream: ImageStream

  /// An upsampler with random weights.
  public init(
    _ model: Model, as level: Upsampler.Level = .first, objective: Objective, stream: ImageStream,
    using random: RandomSource
  ) {
    let unet = UNet(model.unet, using: random)
    self.level = level
    networks = Networks(unet, of: level)
    upsampler = Upsampler(unet: unet, scheduler: model.scheduler)
    self.objective = objective
    self.stream = stream
  }

  /// Loads the weights of a model folder.
  func start(from folder: ModelFolder) throws {
    let other = try folder.loadUpsampler(level)
    try upsampler.unet.load(other.unet.stateDict(), file: folder.folder(of: level.part))
  }

  /// Rows of the batch at an index, a pure function of it.
  public func batch(at index: Int, rows: BatchRows) throws -> Tensor {
    try stream.batch(at: index, rows: rows).images
  }

  /// Keys of the samples in the batch that was made last.
  public func sampleKeys(at index: Int, rows: BatchRows) -> [String] { stream.shownKeys }

  /// The loss of a batch.
  public func loss(_ batch: Tensor, of part: Int, using random: RandomSource) -> Losses {
    let images = batch.cropped(to: objective.cropSize, using: random).channelsLast()
    return Losses(
      diffusion: upsampler.loss(
        of: images,
        Upsampler.TrainingConditioning(
          images: images, degradation: objective.degradation,
          cleanFraction: objective.cleanFraction, noise: objective.conditionNoise),
        weighting: objective.weighting, offsetNoise: objective.offsetNoise ?? 0, using: random))
  }

  /// Pairs originals with themselves reduced and enlarged again.
  public func sample(using random: RandomSource) throws -> Image? {
    let originals = stream.sheetSamples(4).images
    let small = LowResolution.reduced(originals, factor: Upsampler.factor)
    let samples = try (0..<small.dim(0)).map { row in
      try upsampler.enlarged(
        small[row..<row + 1],
        sampling: StageSampling(
          steps: objective.sampleSteps, sampler: upsampler.scheduler.defaultSampler),
        using: random)
    }
    return sheet(pairing: [Image](originals), with: samples.flatMap { [Image]($0) })
  }

  /// Writes the averaged weights as parts of a model folder.
  public func export(to folder: URL) throws {
    try ModelFolder(folder).saveUpsampler(upsampler, as: level, dtype: .float32)
  }
}
