public import CLIP
public import Diffusion

/// The configurations of a whole system that agree with each other.
public struct UnCLIPPreset: Sendable {
  /// What `unclip config show` calls it.
  public let name: String
  /// What it is for, one line.
  public let summary: String
  /// CLIP's two towers.
  public let clip: CLIPConfig
  /// The prior's transformer.
  public let prior: PriorConfig
  /// The autoregressive prior's transformer; nil where the preset says none.
  public var autoregressivePrior: AutoregressivePriorConfig?
  /// How embeddings enter the decoder.
  public let textProjection: TextProjectionConfig
  /// The network of the coarse image that the decoder starts from; nil where it has none.
  public var imageHint: ImageHintConfig?
  /// The decoder's U-Net.
  public let decoder: UNetConfig
  /// The 64→256 upsampler's U-Net.
  public let upsampler: UNetConfig
  /// Whether the upsampler's last step has a network of its own, of the same sizes.
  public var hasLastUpsampler = false
  /// The process of each diffusion stage.
  public let priorScheduler: SchedulerConfig
  /// See `priorScheduler`.
  public let decoderScheduler: SchedulerConfig
  /// See `priorScheduler`.
  public let upsamplerScheduler: SchedulerConfig
  /// How every stage samples.
  public var sampling = SamplingSettings()
  /// The 256→1024 upsampler; nil where the images stay at 256 pixels.
  public var secondUpsampler: SecondUpsampler?
  /// The autoregressive prior that the paper compares with the diffusion prior.
  public var autoregressivePriorShape: AutoregressivePriorShape?

  /// An upsampler to 1024 pixels.
  public struct SecondUpsampler: Sendable {
    /// The U-Net.
    public let unet: UNetConfig
    /// The process over pixels.
    public let scheduler: SchedulerConfig
    /// Denoising steps.
    public let steps: Int

    /// Groups them.
    public init(unet: UNetConfig, scheduler: SchedulerConfig, steps: Int) {
      self.unet = unet
      self.scheduler = scheduler
      self.steps = steps
    }
  }

  /// All presets, smallest first.
  public static let all = [tiny, small, karlo, paper]

  /// Random weights of a few thousand values, 16 px to 64 px: for tests.
  public static let tiny = UnCLIPPreset(
    name: "tiny", summary: "a few thousand weights, 16 and 64 px: for tests",
    clip: .tiny,
    prior: PriorConfig(
      heads: 2, headWidth: 8, layers: 2, embeddingWidth: CLIPConfig.tiny.embeddingWidth,
      textLength: CLIPConfig.tiny.text.maxPositionEmbeddings, dropout: 0),
    textProjection: TextProjectionConfig(
      embeddingWidth: CLIPConfig.tiny.embeddingWidth, contextWidth: 16, timeWidth: 32),
    decoder: .decoder(
      size: 16, channels: [8, 16], layersPerBlock: 1, attention: [false, true], headWidth: 8,
      contextWidth: 16, groups: 4, dropout: 0, learnsVariance: true),
    upsampler: .upsampler(
      size: 64, channels: [8, 16], layersPerBlock: 1, groups: 4, timeShift: .scaleShift,
      dropout: 0),
    priorScheduler: .prior, decoderScheduler: .tinyDecoder, upsamplerScheduler: .small)

  /// The bundled model: drawings and emoji, trained on one processor.
  public static let small = UnCLIPPreset(
    name: "small", summary: "the bundled model: emoji and clip art, 64 and 256 px",
    clip: .small,
    prior: PriorConfig(
      heads: 4, headWidth: 48, layers: 4, embeddingWidth: CLIPConfig.small.embeddingWidth,
      textLength: CLIPConfig.small.text.maxPositionEmbeddings, dropout: 0),
    textProjection: TextProjectionConfig(
      embeddingWidth: CLIPConfig.small.embeddingWidth, contextWidth: 128, timeWidth: 256),
    imageHint: ImageHintConfig(
      embeddingWidth: CLIPConfig.small.embeddingWidth, hiddenWidth: 768, layers: 2, size: 32),
    decoder: .decoder(
      size: 64, channels: [64, 96, 96], layersPerBlock: 1, attention: [false, true, true],
      headWidth: 32, contextWidth: 128, groups: 8, dropout: 0, learnsVariance: false,
      patchSize: 4, isHinted: true),
    upsampler: .upsampler(
      size: 256, channels: [16, 24], layersPerBlock: 1, groups: 8, timeShift: .scaleShift,
      dropout: 0, patchSize: 2, addsCondition: true),
    priorScheduler: .prior, decoderScheduler: .smallDDIM, upsamplerScheduler: .smallDDIM,
    sampling: .small)

  /// Karlo v1 alpha, 3.4 billion weights; public checkpoints load into it.
  public static let karlo = UnCLIPPreset(
    name: "karlo", summary: "Karlo v1 alpha: public weights, 64 and 256 px",
    clip: .vitL14,
    prior: PriorConfig(
      heads: 32, headWidth: 64, layers: 20, embeddingWidth: 768, textLength: 77, dropout: 0),
    textProjection: TextProjectionConfig(
      embeddingWidth: 768, contextWidth: 1536, timeWidth: 1280),
    decoder: .decoder(
      size: 64, channels: [320, 640, 960, 1280], layersPerBlock: 3,
      attention: [false, true, true, true], headWidth: 64, contextWidth: 1536, groups: 32,
      dropout: 0, learnsVariance: true),
    upsampler: .upsampler(
      size: 256, channels: [320, 640, 960, 1280], layersPerBlock: 3, groups: 32,
      timeShift: .default, dropout: 0),
    hasLastUpsampler: true,
    priorScheduler: .prior, decoderScheduler: .decoder, upsamplerScheduler: .upsampler)

  /// The paper's sizes and sampling (appendix C, table 3): 6.4 billion weights. The table does not
  /// give the upsamplers' time shift, and either fits their sizes.
  public static let paper = UnCLIPPreset(
    name: "paper", summary: "the paper's sizes, table 3: 64, 256 and 1024 px, for planning",
    clip: .vitH16,
    prior: PriorConfig(
      heads: 32, headWidth: 64, layers: 24, embeddingWidth: 1024, textLength: 256, dropout: 0),
    autoregressivePrior: AutoregressivePriorConfig(
      heads: 26, headWidth: 64, layers: 24, embeddingWidth: 1024, textLength: 256,
      components: 319, buckets: 1024, dropout: 0),
    textProjection: TextProjectionConfig(
      embeddingWidth: 1024, contextWidth: 2048, timeWidth: 2048,
      textEncoder: DecoderTextConfig(layers: 24, headWidth: 64)),
    decoder: .decoder(
      size: 64, channels: [512, 1024, 1536, 2048], layersPerBlock: 3,
      attention: [false, true, true, true], headWidth: 64, contextWidth: 2048, groups: 32,
      dropout: 0.1, learnsVariance: true),
    upsampler: .upsampler(
      size: 256, channels: [320, 640, 960, 1280], layersPerBlock: 3, groups: 32,
      timeShift: .scaleShift, dropout: 0.1),
    priorScheduler: .prior, decoderScheduler: .decoder,
    upsamplerScheduler: .paperUpsampler(.cosine),
    sampling: .paper,
    secondUpsampler: SecondUpsampler(
      unet: .upsampler(
        size: 1024, channels: [192, 192, 384, 384, 768, 768], layersPerBlock: 2, groups: 32,
        timeShift: .scaleShift, dropout: 0),
      scheduler: .paperUpsampler(.linear), steps: 15),
    autoregressivePriorShape: .paper)
}

extension UNetConfig {
  /// Returns a decoder's U-Net: images in, prediction and, where it is learned, variance out.
  static func decoder(
    size: Int, channels: [Int], layersPerBlock: Int, attention: [Bool], headWidth: Int,
    contextWidth: Int, groups: Int, dropout: Double, learnsVariance: Bool, patchSize: Int = 1,
    isHinted: Bool = false
  ) -> UNetConfig {
    UNetConfig(
      sampleSize: size, inChannels: isHinted ? 6 : 3, outChannels: learnsVariance ? 6 : 3,
      channels: channels,
      layersPerBlock: layersPerBlock, levels: attention.map { $0 ? .attention : .residual },
      headWidth: headWidth, contextWidth: contextWidth, groups: groups, timeShift: .scaleShift,
      dropout: dropout, patchSize: patchSize, addsCondition: isHinted)
  }

  /// Returns an upsampler's U-Net: image and enlarged condition in, prediction out.
  static func upsampler(
    size: Int, channels: [Int], layersPerBlock: Int, groups: Int, timeShift: TimeShift,
    dropout: Double, patchSize: Int = 1, addsCondition: Bool = false
  ) -> UNetConfig {
    UNetConfig(
      sampleSize: size, inChannels: 6, outChannels: 3, channels: channels,
      layersPerBlock: layersPerBlock,
      levels: Array(repeating: .residual, count: channels.count), headWidth: 8,
      contextWidth: nil, groups: groups, timeShift: timeShift, dropout: dropout,
      patchSize: patchSize, addsCondition: addsCondition)
  }
}

extension UnCLIPPreset {
  /// Joins the parts of a system that is no preset.
  package init(
    clip: CLIPConfig, prior: (PriorConfig, SchedulerConfig), textProjection: TextProjectionConfig,
    imageHint: ImageHintConfig?, decoder: (UNetConfig, SchedulerConfig),
    upsampler: (UNetConfig, SchedulerConfig), sampling: SamplingSettings,
    secondUpsampler: SecondUpsampler?
  ) {
    self.init(
      name: "", summary: "", clip: clip, prior: prior.0, textProjection: textProjection,
      imageHint: imageHint, decoder: decoder.0, upsampler: upsampler.0, priorScheduler: prior.1,
      decoderScheduler: decoder.1, upsamplerScheduler: upsampler.1, sampling: sampling,
      secondUpsampler: secondUpsampler)
  }
}

extension SamplingSettings {
  /// The bundled model's; a test compares them with its file.
  fileprivate static let small: SamplingSettings = {
    var settings = SamplingSettings()
    (settings.priorSteps, settings.priorGuidance, settings.priorCandidates) = (4, 2, 2)
    (settings.decoderSteps, settings.decoderGuidance, settings.decoderSampler) = (1, 1, .ddim)
    (settings.upsamplerSteps, settings.upsamplerSampler) = (1, .ddim)
    (settings.secondUpsamplerSteps, settings.secondUpsamplerSampler) = (1, .ddim)
    settings.priorSampler = .analytic
    return settings
  }()

  /// The paper's: two candidates, and the decoder's guidance of its table 2. It does not give the
  /// prior's, and any but 1 costs the same.
  fileprivate static let paper: SamplingSettings = {
    var settings = SamplingSettings()
    (settings.priorSteps, settings.priorCandidates) = (64, 2)
    (settings.decoderSteps, settings.decoderGuidance) = (250, 1.25)
    (settings.upsamplerSteps, settings.upsamplerSampler) = (27, .ddim)
    return settings
  }()
}

extension SchedulerConfig {
  /// The paper's upsamplers predict ε and are sampled with DDIM.
  static func paperUpsampler(_ family: BetaSchedule) -> SchedulerConfig {
    var config = upsampler
    (config.algorithm, config.betaSchedule) = (.ddim, family)
    return config
  }
  /// The small decoder and upsampler predict the clean image: where training is short, an error
  /// of ε at the noisiest steps would be multiplied by 1/√ᾱ and tint the whole image. Their
  /// variance is fixed: at the cleanest steps the bound of a learned one has gradients a hundred
  /// times those of the image, which clipping then pays for.
  static let small = SchedulerConfig(
    prediction: .start, variance: .fixedSmall, clipSampleRange: 1)
  /// The same process sampled deterministically, with which the bundled model needs half the steps.
  static let smallDDIM: SchedulerConfig = {
    var config = small
    (config.algorithm, config.spacing) = (.ddim, .trailing)
    return config
  }()
  /// The tiny decoder learns its variance, so that tests reach it.
  static let tinyDecoder = SchedulerConfig(
    prediction: .start, variance: .learnedRange, clipSampleRange: 1)
}
