package import Config
import Diffusion
import Foundation
public import Torch
import TorchNN

extension ModelFolder {
  /// Loads the prior and its process.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadPrior() throws -> DiffusionPrior {
    DiffusionPrior(
      transformer: try network(PriorConfig.read(at: configuration(of: .prior)), from: .prior),
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

  /// Loads the autoregressive prior.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadAutoregressivePrior() throws -> AutoregressivePrior {
    let file = configuration(of: .autoregressivePrior)
    return AutoregressivePrior(
      transformer: try network(
        AutoregressivePriorConfig.read(at: file), from: .autoregressivePrior),
      clip: try CLIPFingerprint.read(at: file))
  }

  /// Writes the autoregressive prior, weights as `dtype`.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  public func saveAutoregressivePrior(_ prior: AutoregressivePrior, dtype: DType) throws {
    try save(
      Self.converted(prior.transformer.stateDict(), to: dtype),
      configuration: prior.transformer.config.encoded(for: prior.clip), as: .autoregressivePrior)
  }

  /// Loads the network of the coarse image; nil where the model has none.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadImageHint() throws -> ImageHint? {
    guard has(.imageHint) else { return nil }
    return try network(
      ImageHintConfig.read(at: configuration(of: .imageHint)), from: .imageHint)
  }

  /// Writes the network of the coarse image, weights as `dtype`.
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
    return Decoder(
      unet: try network(config, from: .decoder),
      projection: try network(
        TextProjectionConfig.read(at: configuration(of: .textProjection)), from: .textProjection),
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

  /// Loads an upsampler, with the last step's own network where there is one.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loadUpsampler(_ level: Upsampler.Level = .first) throws -> Upsampler {
    func unet(_ part: Part) throws -> UNet {
      try network(UNetConfig.read(at: configuration(of: part)), from: part)
    }
    return Upsampler(
      unet: try unet(level.part),
      lastUNet: try level.lastPart.flatMap { has($0) ? try unet($0) : nil },
      scheduler: try SchedulerConfig.read(at: configuration(of: level.scheduler)))
  }

  /// Writes an upsampler and its process.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  /// - Precondition: The last step has a network of its own at the first level alone.
  public func saveUpsampler(
    _ upsampler: Upsampler, as level: Upsampler.Level = .first, dtype: DType
  ) throws {
    try save(
      Self.converted(upsampler.unet.stateDict(), to: dtype),
      configuration: upsampler.unet.config.encoded(), as: level.part)
    if let last = upsampler.lastUNet {
      guard let part = level.lastPart else {
        preconditionFailure("the \(level) upsampler's last step has a network of its own")
      }
      try save(
        Self.converted(last.stateDict(), to: dtype), configuration: last.config.encoded(),
        as: part)
    }
    try write(upsampler.scheduler.encoded(), as: level.scheduler)
  }

  /// Returns the sides of images that the model can generate, pixels, ascending; none without a decoder.
  /// - Throws: `ConfigError`, naming the file.
  package func sizes() throws(ConfigError) -> [Int] {
    guard has(.decoder) else { return [] }
    let size = try UNetConfig.read(at: configuration(of: .decoder)).sampleSize ?? 64
    return Self.sizes(
      from: size, upsamplers: Upsampler.Level.allCases.prefix { has($0.part) }.count)
  }

  static func sizes(from size: Int, upsamplers count: Int) -> [Int] {
    (0..<count).reduce(into: [size]) { sizes, index in
      sizes.append(sizes[index] * Upsampler.factor)
    }
  }

  /// Returns the process of each stage the folder has.
  /// - Throws: `ConfigError`, naming the file.
  func schedulers() throws(ConfigError) -> [GenerationProgress.Stage: SchedulerConfig] {
    var found: [GenerationProgress.Stage: SchedulerConfig] = [:]
    for stage in GenerationProgress.Stage.denoising {
      let part = Self.parts(of: stage).process
      guard has(part) else { continue }
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

  /// Loads a network with the part's weights; their values are checked only when a result is
  /// not finite, since reading billions of them would cost more than the first steps.
  private func network<Network: ConfiguredModule>(
    _ config: Network.Config, from part: Part
  ) throws(CheckpointError) -> Network {
    try Network.load(
      config, from: Safetensors.readModel(folder: folder(of: part), stem: Part.diffusersStem),
      file: folder(of: part), checksValues: false)
  }

  /// Floating-point tensors in another type; the rest as they are.
  static func converted(
    _ state: [String: Tensor], to dtype: DType
  ) -> [String: Tensor] {
    state.mapValues { $0.dtype.isFloatingPoint ? $0.detached().to(dtype) : $0 }
  }
}
