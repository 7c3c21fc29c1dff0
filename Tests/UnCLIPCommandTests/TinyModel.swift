import CLIP
import Diffusion
import Foundation
import Torch
import TorchNN
import UnCLIP

/// The `tiny` preset with random weights, as a model folder: 16 and 64 px.
enum TinyModel {
  /// Writes the model into `folder`, which gives it its name.
  static func write(to folder: URL, seed: UInt64 = 1) throws {
    let preset = UnCLIPPreset.tiny
    let random = RandomSource(seed: seed)
    let model = ModelFolder(folder)
    let captions = ["a red apple", "a smiling cat face", "two green pears on a table"]
    let tokenizer = CLIPTokenizer.train(
      on: captions, vocabularySize: preset.clip.text.vocabSize,
      contextLength: preset.clip.text.maxPositionEmbeddings, minimumCount: 1)
    try CLIPModel(preset.clip, using: random).save(to: folder, tokenizer: tokenizer)
    try model.savePrior(
      DiffusionPrior(
        transformer: PriorTransformer(preset.prior, using: random),
        scheduler: preset.priorScheduler), dtype: .float32)
    // A new U-Net predicts zero whatever it is told.
    func painting(_ config: UNetConfig) -> UNet {
      let unet = UNet(config, using: random)
      for (_, parameter) in unet.namedParameters() {
        let noise = random.normal(parameter.value.shape) * 0.2
        noGrad { parameter.value.copy(from: parameter.value + noise) }
      }
      return unet
    }
    try model.saveDecoder(
      Decoder(
        unet: painting(preset.decoder),
        projection: TextProjection(preset.textProjection, using: random),
        scheduler: preset.decoderScheduler), dtype: .float32)
    try model.saveUpsampler(
      Upsampler(
        unet: painting(preset.upsampler), scheduler: preset.upsamplerScheduler),
      dtype: .float32)
  }

  /// Options that keep a drawing short.
  static let fewSteps = [
    "--prior-steps", "2", "--decoder-steps", "2", "--upsampler-steps", "2", "--threads", "1",
  ]
}
