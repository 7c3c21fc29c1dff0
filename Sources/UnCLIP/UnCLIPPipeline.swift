public import CLIP
import Config
public import Diffusion
import Foundation
public import Imaging
public import Torch
import TorchNN

/// The unCLIP system: a prompt goes through CLIP's text encoder, the prior, the decoder and the
/// upsampler, and comes out as an image.
///
/// ```swift
/// let pipeline = try UnCLIPPipeline(ModelFolder(url))
/// let images = try pipeline.images(for: ImageRequest(prompt: "a red apple", seed: 7))
/// ```
///
/// The CLIP image embedding, which represents an image's content, is accessible: the prior samples
/// one from a prompt, the image encoder computes one from an image, and the decoder generates an
/// image of it. In between it can be interpolated, mixed or shifted.
///
/// ```swift
/// let (prompt, random) = (pipeline.conditioning("a red apple"), RandomSource(seed: 7))
/// let embedding = try pipeline.embedding(of: prompt, using: random)
/// let small = try pipeline.decoded(embedding, prompt, using: random)
/// let image = Image(try pipeline.upsampled(small, using: random))
/// ```
///
/// Source: paper section 2.
public struct UnCLIPPipeline {
  /// The model's folder.
  public let folder: ModelFolder
  /// Name, version and default settings of the model.
  public let defaults: ModelDefaults
  /// The text encoder, from prompts to embeddings and encodings.
  public let textEncoder: CLIPTextEncoder
  /// The prior, from CLIP text to image embeddings.
  public let prior: LazyStage<DiffusionPrior>
  /// The autoregressive prior, where the model has one.
  public let autoregressivePrior: LazyStage<AutoregressivePrior>
  /// The image encoder, from images to embeddings.
  public let imageEncoder: LazyStage<CLIPImageEncoder>
  /// The decoder, from image embeddings to small images.
  public let decoder: LazyStage<Decoder>
  /// The upsamplers that the model has, in order: none, 64→256, or 256→1024 too.
  public let upsamplers: [LazyStage<Upsampler>]
  /// The device of the tensors.
  public let device: Device
  /// The networks' arithmetic; sampling itself is float32.
  public let dtype: DType
  /// When the networks are in memory.
  public let residency: Residency
  /// The side of the decoder's images, pixels.
  public let decoderSize: Int
  /// The process of each stage there is.
  let schedulers: [GenerationProgress.Stage: SchedulerConfig]
  /// The text encoder's part of the memory.
  private let textWeights: TextWeights
  /// The variance of each of them that was estimated for its network.
  private let variances: [GenerationProgress.Stage: LazyStage<AnalyticVariance>]

  /// When the networks are in memory. The images are the same.
  public enum Residency: Sendable, Equatable {
    /// From their first use on.
    case lasting
    /// While their stage runs: each image loads them again.
    case oneAtATime
    /// As long as the process stays within so many bytes, as far as it can be told beforehand.
    /// Weights for which there is no room at all are read again at each step.
    case within(Int)
  }

  /// Opens a model: the text encoder is loaded, the other networks when they are first needed.
  ///
  /// - Parameters:
  ///   - folder: The model.
  ///   - parts: Parts that must be there beside text encoder and decoder: `.prior` to generate from
  ///     prompts, `.imageEncoder` to vary images. Without them their use throws.
  ///   - device: Where to compute.
  ///   - dtype: The element type of the networks.
  ///   - residency: When the networks are in memory.
  /// - Throws: `ModelFolderError`, `ConfigError`, `CheckpointError`, `TokenizerError`.
  public init(
    _ folder: ModelFolder, requiring parts: [ModelFolder.Part] = [],
    device: Device = .cpu, dtype: DType = .float32, residency: Residency = .lasting
  ) throws {
    try folder.require([.tokenizer, .textEncoder, .textProjection, .decoder] + parts)
    try folder.checkFit()
    self.folder = folder
    let schedulers = try folder.schedulers()
    self.schedulers = schedulers
    variances = Dictionary(
      uniqueKeysWithValues: schedulers.map { stage, scheduler in
        (
          stage,
          LazyStage {
            try folder.loadMoments(of: stage).variance(stepCount: scheduler.trainStepCount)
          }
        )
      })
    defaults = try ModelDefaults.read(from: folder, schedulers: schedulers)
    decoderSize = try UNetConfig.read(at: folder.configuration(of: .decoder)).sampleSize ?? 64
    let clip = try CLIPFolder(folder.url)
    textEncoder = try CLIPTextEncoder(clip, device: device, dtype: dtype)
    let memory = NetworkMemory(residency)
    textWeights = TextWeights(textEncoder.model, of: dtype, in: memory)
    func lazy<Value>(
      _ load: @escaping () throws -> Value, _ networks: @escaping (Value) -> StageNetworks
    ) -> LazyStage<Value> {
      LazyStage(
        LazyStage.Networks(memory: memory, dtype: dtype, device: device, of: networks), load)
    }
    prior = lazy(
      {
        try folder.require([.prior])
        return try folder.loadPrior()
      }, { StageNetworks([$0.transformer], values: 2 * $0.transformer.config.cost.alive) })
    autoregressivePrior = lazy(
      {
        try folder.require([.autoregressivePrior])
        return try folder.loadAutoregressivePrior()
      }, { StageNetworks([$0.transformer], values: 2 * $0.transformer.config.cost.alive) })
    imageEncoder = lazy(
      {
        try folder.require([.imageEncoder])
        return try CLIPImageEncoder(loading: clip, dtype: dtype)
      }, { StageNetworks([$0.model], values: $0.model.config.cost.alive) })
    decoder = lazy(folder.loadDecoder) {
      StageNetworks(
        [$0.unet, $0.projection, $0.hint],
        values: 2 * $0.unet.config.cost(side: $0.unet.config.sampleSize ?? 64).alive)
    }
    upsamplers = Upsampler.Level.allCases.prefix { folder.has($0.part) }.map { level in
      lazy({ try folder.loadUpsampler(level) }) {
        StageNetworks(
          [$0.unet], others: [$0.lastUNet],
          values: $0.unet.config.cost(side: $0.unet.config.sampleSize ?? 256).alive)
      }
    }
    self.device = device
    self.dtype = dtype
    self.residency = residency
  }

  /// The sides of images that this model can generate, pixels, ascending.
  public var sizes: [Int] { ModelFolder.sizes(from: decoderSize, upsamplers: upsamplers.count) }

  /// The upsamplers that make images of a size, in order.
  package func levels(to size: Int) -> [Upsampler.Level] {
    zip(Upsampler.Level.allCases, sizes.dropFirst()).filter { $1 <= size }.map(\.0)
  }

  // MARK: The stages

  /// Encodes a prompt, and what guidance steers away from.
  ///
  /// Text beyond the model's context is truncated; see `CLIPTextEncoder.isTooLong`.
  public func conditioning(_ prompt: String, negative: String = "") -> PromptConditioning {
    textWeights.use()
    return PromptConditioning(
      text: textEncoder.encode([prompt]), negative: textEncoder.encode([negative]))
  }

  /// Returns the prior: samples the CLIP image embedding of a prompt, `[1, D]`, raw.
  ///
  /// - Parameters:
  ///   - prompt: The encoded prompt.
  ///   - settings: nil takes the model's.
  ///   - random: The source of all noise.
  ///   - onStep: called after each step; what it throws ends the sampling.
  /// - Throws: `ModelFolderError`, `ConfigError` and `CheckpointError` when the prior is missing
  ///   or broken; `ConfigError` when it cannot be sampled so; `RequestError` for settings without
  ///   a prior; what `onStep` throws.
  public func embedding(
    of prompt: PromptConditioning, settings: SamplingSettings? = nil, using random: RandomSource,
    onStep: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> Tensor {
    let settings = settings ?? defaults.sampling
    let candidates = settings.priorCandidates
    switch settings.priorKind {
    case .diffusion:
      return try using(prior, .prior, of: [.textEncoder, .prior]) { prior in
        try prior.embedding(
          of: prompt, sampling: sampling(of: .prior, settings), candidates: candidates,
          using: random
        ) { try onStep(GenerationProgress($0, of: .prior)) }
      }
    case .autoregressive:
      let parts: [ModelFolder.Part] = [.textEncoder, .autoregressivePrior]
      return try using(autoregressivePrior, .prior, of: parts) { prior in
        try prior.embedding(
          of: prompt, sampling: settings.autoregressivePrior, candidates: candidates, using: random
        ) { done in
          try onStep(
            GenerationProgress(
              stage: .prior, step: done, stepCount: prior.tokenCount, predictedStart: nil))
        }
      }
    case .text: return prompt.text.embedding.to(.float32)
    case .none: throw RequestError.noEmbedding
    }
  }

  /// Returns the image encoder: the CLIP image embedding of an image, `[1, D]`, raw.
  ///
  /// - Throws: `ModelFolderError`, `ConfigError` and `CheckpointError` when the encoder is missing
  ///   or broken.
  public func embedding(of image: Image) throws -> Tensor {
    try releasing(imageEncoder) { $0([image]) }
  }

  /// The decoder: samples an image of an embedding, `[1, D] -> [1, 3, S, S]` in [-1, 1], S the
  /// ``decoderSize``.
  ///
  /// - Parameters:
  ///   - embedding: raw; nil leaves all to the prompt.
  ///   - prompt: conditions the decoder beside the embedding; the empty prompt leaves all to it.
  ///   - noise: where denoising starts, `[1, 3, S, S]`; nil samples it from `random`.
  ///   - given: an image to start from or to keep a part of; it may be larger than S.
  ///   - windows: the squares of S that are decoded of a larger image.
  ///   - settings: nil takes the model's.
  ///   - random: The source of all noise.
  ///   - onStep: called after each step; what it throws ends the sampling.
  /// - Throws: `ConfigError` and `CheckpointError` when the decoder is broken; `ConfigError` when
  ///   it cannot be sampled so; what `onStep` throws.
  public func decoded(
    _ embedding: Tensor?, _ prompt: PromptConditioning, noise: Tensor? = nil,
    given: GivenSample? = nil, windows: Windows? = nil, settings: SamplingSettings? = nil,
    using random: RandomSource, onStep: (StepOutput) throws -> Void = { _ in }
  ) throws -> Tensor {
    let settings = settings ?? defaults.sampling
    return try using(decoder, .decoder, of: Self.decoderParts) { decoder in
      try decoder.sample(
        from: noise ?? startNoise(like: given?.start, using: random),
        Decoder.Conditioning(imageEmbedding: embedding, prompt: prompt),
        sampling: sampling(of: .decoder, settings), given: given, windows: windows, using: random,
        onStep: onStep)
    }
  }

  /// The decoder inverted: the noise from which
  /// ``decoded(_:_:noise:given:windows:settings:using:onStep:)`` reproduces `image` by DDIM with the
  /// same steps and threshold, without guidance and added noise.
  ///
  /// Shapes: `image` `[1, 3, S, S]` in [-1, 1], kept; `embedding` `[1, D]`.
  /// Source: paper section 3.
  /// - Parameters:
  ///   - image: What is to be reproduced.
  ///   - embedding: raw.
  ///   - prompt: conditions the decoder beside the embedding.
  ///   - settings: nil takes the model's.
  ///   - onStep: called after each step; what it throws ends the inversion.
  /// - Throws: `ConfigError` and `CheckpointError` when the decoder is broken or has fewer steps;
  ///   what `onStep` throws.
  public func noise(
    of image: Tensor, for embedding: Tensor, _ prompt: PromptConditioning,
    settings: SamplingSettings? = nil, onStep: (StepOutput) throws -> Void = { _ in }
  ) throws -> Tensor {
    let settings = settings ?? defaults.sampling
    return try using(decoder, .decoder, of: Self.decoderParts) { decoder in
      try decoder.noise(
        of: image, Decoder.Conditioning(imageEmbedding: embedding, prompt: prompt),
        sampling: settings.decoder, onStep: onStep)
    }
  }

  /// Returns an upsampler: `[1, 3, H, W] -> [1, 3, 4H, 4W]` in [-1, 1].
  ///
  /// - Parameters:
  ///   - image: The decoder's image, or the first upsampler's.
  ///   - level: Which of them.
  ///   - given: an enlarged image to start from or to keep a part of.
  ///   - windows: the squares that are enlarged of a larger image.
  ///   - settings: nil takes the model's.
  ///   - random: The source of all noise.
  ///   - onStep: called after each step; what it throws ends the sampling.
  /// - Throws: `ModelFolderError` when the model has none; `ConfigError` and `CheckpointError`
  ///   when it is broken; `ConfigError` when it cannot be sampled so; what `onStep` throws.
  public func upsampled(
    _ image: Tensor, by level: Upsampler.Level = .first, given: GivenSample? = nil,
    windows: Windows? = nil, settings: SamplingSettings? = nil, using random: RandomSource,
    onStep: (StepOutput) throws -> Void = { _ in }
  ) throws -> Tensor {
    let settings = settings ?? defaults.sampling
    guard upsamplers.indices.contains(level.index) else {
      throw ModelFolderError.missing(
        folder: folder.url.path, part: level.part.rawValue)
    }
    let upsampler = upsamplers[level.index]
    return try using(upsampler, level.stage, of: level.networks) { upsampler in
      try upsampler.enlarged(
        image, sampling: sampling(of: level.stage, settings), given: given, windows: windows,
        using: random,
        onStep: onStep)
    }
  }

  /// Returns how a stage samples, with the variance that its sampler may need.
  ///
  /// - Throws: As ``ModelFolder/loadMoments(of:)``, for the analytic sampler alone.
  /// - Precondition: The stage is one of ``GenerationProgress/Stage/denoising``.
  package func sampling(
    of stage: GenerationProgress.Stage, _ settings: SamplingSettings
  ) throws -> StageSampling {
    guard var sampling = settings.sampling(of: stage) else {
      preconditionFailure("the stage \(stage.rawValue) does not denoise")
    }
    if sampling.sampler == .analytic { sampling.analyticVariance = try variances[stage]?.loaded() }
    return sampling
  }

  /// The parts of a folder that the decoder needs.
  private static let decoderParts: [ModelFolder.Part] = [.textProjection, .imageHint, .decoder]

  /// Runs one stage, and releases it where only one may be in memory.
  ///
  /// Weights are checked only when the result is not finite: reading billions of them beforehand
  /// would cost more than the first steps.
  private func using<Value>(
    _ stage: LazyStage<Value>, _ name: GenerationProgress.Stage, of parts: [ModelFolder.Part],
    _ body: (Value) throws -> Tensor
  ) throws -> Tensor {
    let result = try releasing(stage, after: body)
    guard result.isFinite().all().item() == 0 else { return result }
    for part in parts { try folder.checkFinite(part) }
    throw ModelFolderError.overflow(
      folder: folder.url.path, stage: name.rawValue, dtype: "\(dtype)")
  }

  private func releasing<Value>(
    _ stage: LazyStage<Value>, after body: (Value) throws -> Tensor
  ) throws -> Tensor {
    defer {
      if residency == .oneAtATime {
        stage.release()
        releaseTensorMemory()
      }
    }
    return try body(stage.loaded())
  }
}
