import CLIP
import Diffusion
public import Imaging
public import Torch

extension UnCLIPPipeline {
  /// Returns the settings of a request's first image, with the model's defaults for those missing.
  ///
  /// - Throws: `RequestError` for what this model cannot do; `ConfigError` for a sampler that the
  ///   model's process does not allow.
  public func settings(for request: ImageRequest) throws -> GenerationSettings {
    guard request.count >= 1 else {
      throw RequestError.outOfRange("count", "\(request.count)", "at least 1")
    }
    let settings = GenerationSettings(
      prompt: request.prompt, negative: request.negative, seed: request.seed,
      size: request.size ?? sizes.last ?? decoderSize,
      sampling: request.sampling ?? defaults.sampling)
    try check(settings)
    return settings
  }

  /// Generates the images of a request, in order.
  ///
  /// - Parameters:
  ///   - request: What to generate.
  ///   - original: An image to vary: its own embedding replaces the prior's (paper
  ///     section 3.1), and the prompt, which may be empty, conditions the decoder beside it.
  ///   - progress: Called at every step; what it throws ends the generation.
  /// - Throws: as ``settings(for:)``, before any work is done; `ModelFolderError`, `ConfigError`
  ///   and `CheckpointError` when a network is missing or broken; what `progress` throws.
  public func images(
    for request: ImageRequest, varying original: Image? = nil,
    progress: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> [Image] {
    var settings = try settings(for: request)
    return try (0..<request.count).map { index in
      settings.seed = request.seed &+ UInt64(index)
      return try image(settings, varying: original) { step in
        var step = step
        step.index = index
        step.count = request.count
        try progress(step)
      }
    }
  }

  /// Generates one image; it depends on the model and the settings alone.
  ///
  /// - Throws: as ``images(for:varying:progress:)``.
  public func image(
    _ settings: GenerationSettings, varying original: Image? = nil,
    progress: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> Image {
    try check(settings)
    let sampling = settings.sampling
    func report(_ step: StepOutput, _ stage: GenerationProgress.Stage, of count: Int) throws {
      try progress(
        GenerationProgress(
          stage: stage, step: step.index + 1, stepCount: count,
          predictedStart: stage == .prior ? nil : step.predictedStart))
    }
    let random = RandomSource(seed: settings.seed)
    let prompt = conditioning(settings.prompt, negative: settings.negative)
    try progress(GenerationProgress(stage: .text, step: 1, stepCount: 1, predictedStart: nil))
    let embedding =
      if let original {
        try embedding(of: original)
      } else {
        try embedding(
          of: prompt, settings: sampling, using: random
        ) { try report($0, .prior, of: sampling.priorSteps) }
      }
    var image = try decoded(
      embedding, prompt, settings: sampling, using: random
    ) { try report($0, .decoder, of: sampling.decoderSteps) }
    if settings.size > decoderSize {
      image = try upsampled(
        image, settings: sampling, using: random
      ) { try report($0, .upsampler, of: sampling.upsamplerSteps) }
    }
    return Image(image)
  }

  /// Refuses settings that this model cannot be sampled with, before any work is done.
  func check(_ settings: GenerationSettings) throws {
    guard sizes.contains(settings.size) else {
      throw RequestError.size(settings.size, possible: sizes)
    }
    try settings.sampling.validate()
    for (stage, sampling) in [
      (GenerationProgress.Stage.prior, settings.sampling.prior),
      (.decoder, settings.sampling.decoder), (.upsampler, settings.sampling.upsampler),
    ] {
      guard let scheduler = schedulers[stage] else { continue }
      guard sampling.steps <= scheduler.trainStepCount else {
        throw RequestError.outOfRange(
          "\(stage.rawValue) steps", "\(sampling.steps)",
          "1 to \(scheduler.trainStepCount), the steps it was trained with")
      }
      _ = try scheduler.sampler(sampling.sampler, stepCount: sampling.steps)
    }
  }
}

/// How far a generation is.
public struct GenerationProgress {
  /// The stages, in order.
  public enum Stage: String, Sendable, Codable, CaseIterable {
    /// Prompt to text embedding.
    case text
    /// Text embedding to image embedding.
    case prior
    /// Image embedding to a small image.
    case decoder
    /// Small image to a larger one.
    case upsampler
  }
  /// The stage at work.
  public let stage: Stage
  /// Steps done of this stage.
  public let step: Int
  /// Steps of this stage.
  public let stepCount: Int
  /// Index of the image, from 0.
  public internal(set) var index = 0
  /// Images asked for.
  public internal(set) var count = 1
  /// The image as the network predicts it now, `[1, 3, S, S]` in [-1, 1]; nil for stages that make
  /// no image.
  public let predictedStart: Tensor?

  /// The image as it would come out now; nil for stages that make no image.
  public var preview: Image? { predictedStart.map { Image($0) } }
}
