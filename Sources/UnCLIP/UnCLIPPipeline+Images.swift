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
    try image(settings, embeddingOf: original, on: nil, progress: progress)
  }

  /// The chain of all stages.
  ///
  /// - Parameters:
  ///   - original: The image whose embedding replaces the prior's.
  ///   - canvas: What decoder and upsampler start from or keep a part of.
  func image(
    _ settings: GenerationSettings, embeddingOf original: Image?, on canvas: Canvas?,
    progress: (GenerationProgress) throws -> Void
  ) throws -> Image {
    try check(settings)
    let sampling = settings.sampling
    let random = RandomSource(seed: settings.seed)
    let prompt = conditioning(settings.prompt, negative: settings.negative)
    try progress(GenerationProgress(stage: .text, step: 1, stepCount: 1, predictedStart: nil))
    let embedding =
      if let original {
        try embedding(of: original)
      } else {
        try embedding(of: prompt, settings: sampling, using: random) {
          try progress(GenerationProgress($0, of: .prior))
        }
      }
    /// Runs a stage on the canvas, if there is one and it has work at this size.
    func run(
      reducedBy factor: Int, side: Int, _ stage: (GivenSample?, Windows?) throws -> Tensor
    ) throws -> Tensor {
      guard let canvas else { return try stage(nil, nil) }
      let (given, hasWork) = canvas.given(
        reducedBy: factor, resampling: sampling.resampling, device: device)
      guard hasWork else { return given.start }
      let (_, _, height, width) = given.start.shape4
      guard height > side || width > side else { return try stage(given, nil) }
      return try stage(
        given,
        Windows(height: height, width: width, side: side, overlap: side / 2) { window in
          given.known.map { window.cut($0).min().item() < 1 } ?? true
        })
    }
    let isEnlarged = settings.size > decoderSize
    let small = try run(
      reducedBy: isEnlarged ? Upsampler.factor : 1, side: decoderSize
    ) { given, windows in
      try decoded(
        embedding, prompt, given: given, windows: windows, settings: sampling, using: random
      ) { try progress(GenerationProgress($0, of: .decoder)) }
    }
    guard isEnlarged else { return Image(small) }
    return Image(
      try run(reducedBy: 1, side: settings.size) { given, windows in
        try upsampled(
          small, given: given, windows: windows, settings: sampling, using: random
        ) { try progress(GenerationProgress($0, of: .upsampler)) }
      })
  }

  /// Refuses settings that this model cannot be sampled with, before any work is done.
  private func check(_ settings: GenerationSettings) throws {
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

  /// Says where the sampling of a stage is.
  init(_ step: StepOutput, of stage: Stage) {
    self.init(
      stage: stage, step: step.number, stepCount: step.count ?? step.number,
      predictedStart: stage == .prior ? nil : step.predictedStart)
  }

  init(stage: Stage, step: Int, stepCount: Int, predictedStart: Tensor?) {
    self.stage = stage
    self.step = step
    self.stepCount = stepCount
    self.predictedStart = predictedStart
  }

  /// The image as it would come out now; nil for stages that make no image.
  public var preview: Image? { predictedStart.map { Image($0) } }
}
