public import CLIP
import Config
import Diffusion
import Foundation
public import Torch
import TorchNN

extension ModelFolder {
  /// Loads the prior and its process.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadPrior() throws -> DiffusionPrior {
    let config = try PriorConfig.read(at: configuration(of: .prior))
    let transformer = try loaded(.prior) { PriorTransformer(config, using: $0) }
    return DiffusionPrior(
      transformer: transformer,
      scheduler: try SchedulerConfig.read(at: configuration(of: .priorScheduler)))
  }

  /// Writes the prior and its process, weights as `dtype`.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  public func savePrior(_ prior: DiffusionPrior, dtype: DType) throws {
    try save(
      Self.converted(prior.transformer.stateDict(), to: dtype),
      configuration: prior.transformer.config.encoded(), as: .prior)
    try write(prior.scheduler.encoded(), as: .priorScheduler)
  }

  /// Loads the network of the coarse picture; nil where the model has none.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadImageHint() throws -> ImageHint? {
    guard has(.imageHint) else { return nil }
    let config = try ImageHintConfig.read(at: configuration(of: .imageHint))
    return try loaded(.imageHint) { ImageHint(config, using: $0) }
  }

  /// Writes the network of the coarse picture, weights as `dtype`.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  public func saveImageHint(_ hint: ImageHint, dtype: DType) throws {
    try save(
      Self.converted(hint.stateDict(), to: dtype), configuration: hint.config.encoded(),
      as: .imageHint)
  }

  /// Loads the decoder, its projection, its process and, where it has one, its image hint.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadDecoder() throws -> Decoder {
    let config = try UNetConfig.read(at: configuration(of: .decoder))
    let hint = try loadImageHint()
    try Decoder.check(config, hinted: hint != nil, file: configuration(of: .decoder).path)
    let projectionConfig = try TextProjectionConfig.read(at: configuration(of: .textProjection))
    return Decoder(
      unet: try loaded(.decoder) { UNet(config, using: $0) },
      projection: try loaded(.textProjection) { TextProjection(projectionConfig, using: $0) },
      scheduler: try SchedulerConfig.read(at: configuration(of: .decoderScheduler)), hint: hint)
  }

  /// Writes the decoder, its projection, its process and, where it has one, its image hint.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  public func saveDecoder(_ decoder: Decoder, dtype: DType) throws {
    try save(
      Self.converted(decoder.unet.stateDict(), to: dtype),
      configuration: decoder.unet.config.encoded(), as: .decoder)
    try save(
      Self.converted(decoder.projection.stateDict(), to: dtype),
      configuration: decoder.projection.config.encoded(), as: .textProjection)
    if let hint = decoder.hint { try saveImageHint(hint, dtype: dtype) }
    try write(decoder.scheduler.encoded(), as: .decoderScheduler)
  }

  /// Loads the upsampler, with the last step's own network where there is one.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadUpsampler() throws -> Upsampler {
    func network(_ part: Part) throws -> UNet {
      let config = try UNetConfig.read(at: configuration(of: part))
      return try loaded(part) { UNet(config, using: $0) }
    }
    return Upsampler(
      unet: try network(.upsampler),
      lastUNet: has(.lastUpsampler) ? try network(.lastUpsampler) : nil,
      scheduler: try SchedulerConfig.read(at: configuration(of: .upsamplerScheduler)))
  }

  /// Writes the upsampler and its process.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  public func saveUpsampler(_ upsampler: Upsampler, dtype: DType) throws {
    try save(
      Self.converted(upsampler.unet.stateDict(), to: dtype),
      configuration: upsampler.unet.config.encoded(), as: .upsampler)
    if let last = upsampler.lastUNet {
      try save(
        Self.converted(last.stateDict(), to: dtype), configuration: last.config.encoded(),
        as: .lastUpsampler)
    }
    try write(upsampler.scheduler.encoded(), as: .upsamplerScheduler)
  }

  /// The process of each stage the folder has.
  /// - Throws: `ConfigError`, naming the file.
  func schedulers() throws(ConfigError) -> [GenerationProgress.Stage: SchedulerConfig] {
    var found: [GenerationProgress.Stage: SchedulerConfig] = [:]
    let parts: [(GenerationProgress.Stage, Part)] = [
      (.prior, .priorScheduler), (.decoder, .decoderScheduler), (.upsampler, .upsamplerScheduler),
    ]
    for (stage, part) in parts where has(part) {
      found[stage] = try SchedulerConfig.read(at: configuration(of: part))
    }
    return found
  }

  /// Refuses a part with weights that are NaN or infinite.
  /// - Throws: `CheckpointError.badTensor`, naming the folder and the weight.
  func checkFinite(_ part: Part) throws {
    guard has(part), let stem = part.weightStem else { return }
    try CheckpointError.requireFinite(
      Safetensors.readModel(folder: folder(of: part), stem: stem), file: folder(of: part))
  }

  /// A module made without drawing weights, then filled from the part's file.
  private func loaded<M: Module>(_ part: Part, _ make: (RandomSource) -> M) throws -> M {
    let module = withoutInitialization { make(RandomSource(seed: 0)) }
    try load(module, from: part)
    return module
  }

  /// Floating-point tensors in another type; the rest as they are.
  static func converted(
    _ state: [String: Tensor], to dtype: DType
  ) -> [String: Tensor] {
    state.mapValues { $0.dtype.isFloatingPoint ? $0.detached().to(dtype) : $0 }
  }
}

extension ModelFolder {
  /// Loads the tokenizer and the text tower.
  /// - Throws: `TokenizerError`, `ConfigError` and `CheckpointError`, naming the file.
  public func loadTextEncoder() throws -> TextEncoder {
    TextEncoder(
      tokenizer: try CLIPTokenizer(folder: folder(of: .tokenizer)),
      model: try CLIPTextModelWithProjection.load(from: folder(of: .textEncoder)))
  }

  /// Loads the vision tower.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadImageEncoder() throws -> CLIPVisionModelWithProjection {
    try CLIPVisionModelWithProjection.load(from: folder(of: .imageEncoder))
  }
}
