public import CLIP
import Config
import Diffusion
import Foundation
public import Torch
import TorchNN

extension ModelFolder {
  /// Writes a whole model of a preset with seeded random weights: for tests and measurements of
  /// the sizes of public checkpoints.
  ///
  /// The weights are those of a new model, but layers that start at zero are random too, so that
  /// every stage's output depends on its input. Parts are made and written one by one.
  ///
  /// - Throws: `ConfigError`, `CheckpointError`, `TokenizerError` when a file cannot be written.
  public func writeRandom(
    _ preset: UnCLIPPreset, tokenizer: CLIPTokenizer, seed: UInt64, dtype: DType = .float32
  ) throws {
    let random = RandomSource(seed: seed)
    func drawn<M: Module>(_ module: M) -> M {
      for (_, parameter) in module.namedParameters() where parameter.value.abs().max().item() == 0 {
        parameter.initialize(
          parameter.shape.count < 2 ? .normal(deviation: 0.1) : .layerDefault, using: random)
      }
      return module
    }
    try CLIPModel(preset.clip, using: random).save(to: url, tokenizer: tokenizer, dtype: dtype)
    try savePrior(
      DiffusionPrior(
        transformer: drawn(PriorTransformer(preset.prior, using: random)),
        scheduler: preset.priorScheduler), dtype: dtype)
    if let config = preset.autoregressivePrior {
      let transformer = drawn(AutoregressiveTransformer(config, using: random))
      let examples = [4 * config.embeddingDim, config.embeddingDim]
      try transformer.quantizer.fit(
        images: random.normal(examples), texts: random.normal(examples))
      try saveAutoregressivePrior(
        AutoregressivePrior(transformer: transformer, clip: clipFingerprint()), dtype: dtype)
    }
    try saveDecoder(
      Decoder(
        unet: drawn(UNet(preset.decoder, using: random)),
        projection: TextProjection(preset.textProjection, using: random),
        scheduler: preset.decoderScheduler,
        hint: preset.imageHint.map { ImageHint($0, using: random) }), dtype: dtype)
    func upsampler() -> UNet { drawn(UNet(preset.upsampler, using: random)) }
    try saveUpsampler(
      Upsampler(
        unet: upsampler(), lastUNet: preset.hasLastUpsampler ? upsampler() : nil,
        scheduler: preset.upsamplerScheduler), dtype: dtype)
    try writeIndex()
  }
}
