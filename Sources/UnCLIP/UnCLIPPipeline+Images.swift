import CLIP
import Diffusion
public import Imaging
public import Torch

extension UnCLIPPipeline {
  /// Returns the settings of a request's first image, with the model's defaults for those missing.
  ///
  /// - Throws: `RequestError` for what this model cannot do; `ConfigError` for a sampler that the
  ///   model's process does not allow; `ModelFolderError` for one that needs second moments which
  ///   the model has not.
  public func settings(for request: ImageRequest) throws -> GenerationSettings {
    guard request.count >= 1 else {
      throw RequestError.outOfRange("count", "\(request.count)", "at least 1")
    }
    let settings = GenerationSettings(
      prompt: request.prompt, negative: request.negative, seed: request.seed,
      size: request.size ?? defaults.size ?? sizes.last ?? decoderSize,
      sampling: request.sampling ?? defaults.sampling)
    try check(settings)
    return settings
  }

  /// As ``settings(for:)``; variations take ``SamplingSettings/prepareForImage()`` where the request
  /// does not say how to sample.
  func settings(
    for request: ImageRequest, varying original: Image?
  ) throws -> GenerationSettings {
    var settings = try settings(for: request)
    if original != nil, request.sampling == nil { settings.sampling.prepareForImage() }
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
    var settings = try settings(for: request, varying: original)
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
    let embedding: Tensor? =
      if let original {
        try embedding(of: original)
      } else if sampling.priorKind == .none {
        nil
      } else {
        try embedding(of: prompt, settings: sampling, using: random, onStep: progress)
      }
    return try rendered(embedding, prompt, on: canvas, settings, using: random, progress)
  }

  /// Decodes an embedding at the size of the settings.
  ///
  /// - Parameters:
  ///   - embedding: nil leaves all to the prompt.
  ///   - noise: Where the decoder starts; nil samples it.
  ///   - canvas: What decoder and upsampler start from or keep a part of.
  func rendered(
    _ embedding: Tensor?, _ prompt: PromptConditioning, noise: Tensor? = nil,
    on canvas: Canvas? = nil, _ settings: GenerationSettings, using random: RandomSource,
    _ progress: (GenerationProgress) throws -> Void
  ) throws -> Image {
    let sampling = settings.sampling
    let sketch = canvas.map {
      $0.work(
        reducedBy: settings.size / decoderSize, side: decoderSize,
        resampling: sampling.resampling, device: device)
    }
    var drawn =
      try sketch?.finished
      ?? Self.reporting(
        sketch?.windows, .decoder, sketch?.stepCount(of: sampling.decoderSteps) ?? 0, progress
      ) { windows, onStep in
        try decoded(
          embedding, prompt, noise: noise, given: sketch?.given, windows: windows,
          settings: sampling,
          using: random, onStep: onStep)
      }
    for level in levels(to: settings.size) {
      let side = sizes[level.index + 1]
      let detail = canvas.map {
        $0.work(
          reducedBy: settings.size / side, side: side, resampling: sampling.resampling,
          device: device)
      }
      drawn =
        try detail?.finished
        ?? Self.reporting(
          detail?.windows, level.stage, detail?.stepCount(of: sampling[level].steps) ?? 0, progress
        ) { windows, onStep in
          try upsampled(
            drawn, by: level, given: detail?.given, windows: windows, settings: sampling,
            using: random, onStep: onStep)
        }
    }
    return Image(drawn)
  }

  /// Runs a stage and reports each of its steps, and each window of a step that has several.
  static func reporting(
    _ windows: Windows?, _ stage: GenerationProgress.Stage, _ stepCount: Int,
    _ progress: (GenerationProgress) throws -> Void,
    _ body: (Windows?, (StepOutput) throws -> Void) throws -> Tensor
  ) throws -> Tensor {
    try withoutActuallyEscaping(progress) { progress in
      let count = max(windows?.all.count ?? 1, 1)
      var steps = 0
      var windows = windows
      windows?.onWindow = { done in
        // The last window is reported with its step.
        guard done < count else { return }
        try progress(
          GenerationProgress(
            stage: stage, step: steps * count + done, stepCount: stepCount * count,
            predictedStart: nil))
      }
      return try body(windows) { step in
        steps = step.number
        try progress(GenerationProgress(step, of: stage, windows: count))
      }
    }
  }

  /// Refuses settings that this model cannot be sampled with, before any work is done.
  func check(_ settings: GenerationSettings) throws {
    guard sizes.contains(settings.size) else {
      throw RequestError.size(settings.size, possible: sizes)
    }
    try settings.sampling.validate()
    for stage in GenerationProgress.Stage.denoising {
      guard let scheduler = schedulers[stage],
        stage != .prior || settings.sampling.priorKind == .diffusion
      else { continue }
      let sampling = try sampling(of: stage, settings.sampling)
      guard sampling.steps <= scheduler.trainStepCount else {
        throw RequestError.outOfRange(
          "\(stage.name) steps", "\(sampling.steps)",
          "1 to \(scheduler.trainStepCount), the steps it was trained with")
      }
      _ = try scheduler.sampler(for: sampling)
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
    /// Image and its embedding to the noise that decodes to it.
    case inversion
    /// Image embedding to a small image.
    case decoder
    /// Small image to a larger one.
    case upsampler
    /// Larger image to the largest.
    case secondUpsampler = "second_upsampler"

    /// The name as sentences have it.
    package var name: String { rawValue.replacing("_", with: " ") }
    /// Whether it makes images.
    var makesImages: Bool { [.decoder, .upsampler, .secondUpsampler].contains(self) }
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
  ///
  /// - Parameters:
  ///   - step: The step that is done.
  ///   - windows: The windows of a step, each of which counts as one.
  init(_ step: StepOutput, of stage: Stage, windows: Int = 1) {
    self.init(
      stage: stage, step: step.number * windows, stepCount: (step.count ?? step.number) * windows,
      predictedStart: stage.makesImages ? step.predictedStart : nil)
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
