import CLIP
import Foundation
import UnCLIP

/// The `tiny` preset with random weights, as a model folder: 16 and 64 px.
enum TinyModel {
  /// Writes the model into `folder`, by which it is named.
  static func write(to folder: URL, seed: UInt64 = 1, hasBothPriors: Bool = false) throws {
    var preset = UnCLIPPreset.tiny
    if hasBothPriors {
      preset.autoregressivePrior = AutoregressivePriorConfig(
        heads: 2, headWidth: 8, layers: 2, embeddingWidth: preset.prior.embeddingDim,
        textLength: preset.prior.numEmbeddings, components: 6, buckets: 10,
        dropout: 0)
    }
    let captions = ["a red apple", "a smiling cat face", "two green pears on a table"]
    let tokenizer = CLIPTokenizer.train(
      on: captions, vocabularySize: preset.clip.text.vocabSize,
      contextLength: preset.clip.text.maxPositionEmbeddings, minimumCount: 1)
    try ModelFolder(folder).writeRandom(preset, tokenizer: tokenizer, seed: seed)
  }

  /// Options that keep sampling short.
  static let fewSteps = [
    "--prior-steps", "2", "--decoder-steps", "2", "--upsampler-steps", "2", "--threads", "1",
  ]
}
