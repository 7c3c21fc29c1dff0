public import CLIP
import Config
import Diffusion
import Foundation
public import Imaging
public import Torch
import TorchNN

/// The unCLIP system: a sentence goes through CLIP's text encoder, the prior, the decoder and the
/// upsampler, and comes out as a picture.
///
/// ```swift
/// let pipeline = try UnCLIPPipeline(ModelFolder(url))
/// let pictures = try pipeline.images(for: ImageRequest(prompt: "a red apple", seed: 7))
/// ```
///
/// Opened for pictures, it draws variations of one: the picture's own CLIP embedding takes the
/// place of the prior's (paper section 3.1).
///
/// Each stage is public and works alone. Pictures are drawn one at a time, picture *i* from its own
/// `RandomSource` seeded `seed + i`, so that it does not depend on how many are drawn.
/// Source: paper section 2.
public struct UnCLIPPipeline {
  /// Name, version and default settings of the model.
  public let defaults: ModelDefaults
  /// Sentences to CLIP.
  public let textEncoder: TextEncoder
  /// CLIP text to CLIP image embeddings; nil where only variations are drawn.
  public let prior: LazyStage<DiffusionPrior>?
  /// Pictures to CLIP image embeddings; nil where only sentences are drawn.
  public let imageEncoder: LazyStage<CLIPImageEmbedder>?
  /// Image embeddings to small pictures.
  public let decoder: LazyStage<Decoder>
  /// Small pictures to larger ones; nil where the model has none.
  public let upsampler: LazyStage<Upsampler>?
  /// Where the tensors live.
  public let device: Device
  /// The networks' arithmetic; sampling itself is float32.
  public let dtype: DType
  /// When the networks are in memory.
  public let residency: Residency
  /// The side of the decoder's pictures, pixels.
  public let decoderSize: Int
  private let folder: ModelFolder

  /// What pictures are drawn from.
  public enum Source: Sendable {
    /// Sentences, through the prior.
    case sentences
    /// Other pictures, through the image encoder.
    case pictures
  }

  /// When the networks are in memory.
  public enum Residency: Sendable {
    /// From their first use on.
    case lasting
    /// While their stage runs: the least memory, but each picture loads them again.
    case oneAtATime
  }

  /// Opens the parts of a model that drawing from `sources` needs: the text encoder is loaded, the
  /// other networks when a picture first needs them.
  /// - Throws: `ModelFolderError`, `ConfigError`, `CheckpointError`, `TokenizerError`.
  public init(
    _ folder: ModelFolder, drawingFrom sources: Set<Source> = [.sentences],
    device: Device = .cpu, dtype: DType = .float32, residency: Residency = .lasting
  ) throws {
    let drawsSentences = sources.contains(.sentences)
    let drawsPictures = sources.contains(.pictures)
    try folder.require(
      [.tokenizer, .textEncoder, .textProjection, .decoder]
        + (drawsSentences ? [.prior] : []) + (drawsPictures ? [.imageEncoder] : []))
    self.folder = folder
    defaults = try ModelDefaults.read(from: folder)
    decoderSize = try UNetConfig.read(at: folder.configuration(of: .decoder)).sampleSize ?? 64
    /// Makes the modules what drawing needs.
    func freeze(_ modules: [(any Module)?]) {
      for module in modules.compactMap({ $0 }) {
        module.freeze()
        module.eval()
        module.to(dtype: dtype, device: device)
        module.pack()
      }
    }
    func lazy<Value>(
      _ load: @escaping () throws -> Value, _ modules: @escaping (Value) -> [(any Module)?]
    ) -> LazyStage<Value> {
      LazyStage {
        let stage = try load()
        freeze(modules(stage))
        return stage
      }
    }
    textEncoder = try folder.loadTextEncoder()
    freeze([textEncoder.model])
    prior = drawsSentences ? lazy(folder.loadPrior) { [$0.transformer] } : nil
    imageEncoder =
      drawsPictures
      ? LazyStage {
        try CLIPImageEmbedder(CLIPFolder(folder.url), device: device, dtype: dtype)
      } : nil
    decoder = lazy(folder.loadDecoder) { [$0.unet, $0.projection] }
    upsampler =
      folder.has(.upsampler) ? lazy(folder.loadUpsampler) { [$0.unet, $0.lastUNet] } : nil
    self.device = device
    self.dtype = dtype
    self.residency = residency
  }

  /// Runs one stage, and lets it go where only one may be in memory.
  ///
  /// Weights are looked at only when the result is not finite: reading billions of them beforehand
  /// would cost more than the first steps.
  private func using<Value>(
    _ stage: LazyStage<Value>, _ name: DrawingProgress.Stage, of parts: [ModelFolder.Part],
    _ body: (Value) throws -> Tensor
  ) throws -> Tensor {
    let result = try letGo(stage, after: body)
    guard result.isFinite().all().item() == 0 else { return result }
    for part in parts { try folder.checkFinite(part) }
    throw ModelFolderError.overflow(
      folder: folder.url.path, stage: name.rawValue, dtype: "\(dtype)")
  }

  private func letGo<Value>(
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

  /// The sides this model can draw, pixels.
  public var sizes: [Int] {
    upsampler == nil ? [decoderSize] : [decoderSize, decoderSize * Upsampler.factor]
  }

  /// The request with every default filled in, as it is drawn and as pictures record it.
  public func resolved(_ request: ImageRequest) -> ImageRequest {
    var full = request
    full.prior.steps = request.prior.steps ?? defaults.prior.steps
    full.prior.guidance = request.prior.guidance ?? defaults.prior.guidance
    full.decoder.steps = request.decoder.steps ?? defaults.decoder.steps
    full.decoder.guidance = request.decoder.guidance ?? defaults.decoder.guidance
    full.upsampler.steps = request.upsampler.steps ?? defaults.upsamplerSteps
    full.priorCandidates = request.priorCandidates ?? defaults.priorCandidates
    return full
  }

  /// Draws the pictures of a request, in order.
  ///
  /// - Parameters:
  ///   - original: a picture to vary: its embedding is used, the sentence of the request is what
  ///     the decoder is told beside it, empty in the paper. nil draws the sentence.
  ///   - progress: told of every step; what it throws stops the drawing.
  /// - Throws: `RequestError` and `ConfigError` before any work is done; `CheckpointError` when a
  ///   network is loaded that is broken; what `progress` throws.
  public func images(
    for request: ImageRequest, varying original: Image? = nil,
    progress: (DrawingProgress) throws -> Void = { _ in }
  ) throws -> [Image] {
    try request.validate(sizes: sizes)
    return try (0..<request.count).map { index in
      try image(at: index, of: request, varying: original, progress: progress)
    }
  }

  /// Draws picture `index` of a request; it is the same whatever else is drawn.
  ///
  /// - Throws: as ``images(for:varying:progress:)``.
  public func image(
    at index: Int, of request: ImageRequest, varying original: Image? = nil,
    progress: (DrawingProgress) throws -> Void = { _ in }
  ) throws -> Image {
    try request.validate(sizes: sizes)
    let settings = Settings(resolved(request), defaults: defaults)
    func report(_ stage: DrawingProgress.Stage, _ step: Int, of count: Int) throws {
      try progress(
        DrawingProgress(
          stage: stage, step: step, stepCount: count, picture: index,
          pictureCount: request.count))
    }
    let random = RandomSource(seed: request.seed &+ UInt64(index))
    let text = textEncoder.encode([request.prompt])
    let negative = textEncoder.encode([request.negative])
    try report(.text, 1, of: 1)
    let imageEmbedding: Tensor
    if let original {
      guard let imageEncoder else { preconditionFailure("not opened for drawing from pictures") }
      imageEmbedding = try letGo(imageEncoder) { $0([original]) }
    } else {
      guard let prior else { preconditionFailure("not opened for drawing from sentences") }
      imageEmbedding = try using(prior, .prior, of: [.textEncoder, .prior]) { prior in
        try prior.sample(
          text: text, negative: negative, sampling: settings.prior, using: random
        ) { try report(.prior, $0, of: settings.prior.steps) }
      }
    }
    var picture = try using(decoder, .decoder, of: [.textProjection, .decoder]) { decoder in
      try decoder.sample(
        imageEmbedding: imageEmbedding, text: text, negative: negative, size: decoderSize,
        steps: settings.decoder.steps, guidance: settings.decoder.guidance, using: random
      ) { try report(.decoder, $0, of: settings.decoder.steps) }
    }
    if let upsampler, request.size > decoderSize {
      picture = try using(upsampler, .upsampler, of: [.upsampler, .lastUpsampler]) { upsampler in
        try upsampler.sample(
          picture, steps: settings.upsamplerSteps, dtype: dtype, using: random
        ) { try report(.upsampler, $0, of: settings.upsamplerSteps) }
      }
    }
    return Image(picture)
  }

  /// A request's settings without gaps.
  private struct Settings {
    let prior: DiffusionPrior.Sampling
    let decoder: ModelDefaults.GuidedStage
    let upsamplerSteps: Int

    init(_ request: ImageRequest, defaults: ModelDefaults) {
      prior = DiffusionPrior.Sampling(
        steps: request.prior.steps ?? defaults.prior.steps,
        guidance: request.prior.guidance ?? defaults.prior.guidance,
        candidates: request.priorCandidates ?? defaults.priorCandidates)
      decoder = ModelDefaults.GuidedStage(
        steps: request.decoder.steps ?? defaults.decoder.steps,
        guidance: request.decoder.guidance ?? defaults.decoder.guidance)
      upsamplerSteps = request.upsampler.steps ?? defaults.upsamplerSteps
    }
  }
}
