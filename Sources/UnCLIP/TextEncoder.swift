public import CLIP
import Torch
import TorchNN

/// CLIP's text side: sentences to embeddings and encodings.
public struct TextEncoder {
  /// Sentences to tokens.
  public let tokenizer: CLIPTokenizer
  /// Tokens to embeddings.
  public let model: CLIPTextModelWithProjection

  /// Joins the two.
  public init(tokenizer: CLIPTokenizer, model: CLIPTextModelWithProjection) {
    self.tokenizer = tokenizer
    self.model = model
  }

  /// Tokens of the context.
  public var contextLength: Int { model.config.maxPositionEmbeddings }

  /// Encodes sentences without gradients; an empty one is the unconditional text.
  ///
  /// Text beyond the context is cut, as the peers do; ``isTooLong(_:)`` tells beforehand.
  public func encode(_ sentences: [String]) -> TextConditioning {
    let sequences = sentences.map { tokenizer.encode($0, contextLength: contextLength) }
    let shape = [sentences.count, contextLength]
    let device = model.device
    return noGrad {
      let ids = Tensor(sequences.flatMap { $0.ids.map(Int64.init) }, shape: shape, device: device)
      let mask = Tensor(sequences.flatMap(\.mask), shape: shape, device: device)
      // The peers give the encoder the tokens alone: its mask is causal, padding comes last.
      let output = model(ids)
      return TextConditioning(
        embedding: output.embeds, encodings: output.lastHiddenState, mask: mask)
    }
  }

  /// Whether a sentence has more tokens than the context holds.
  public func isTooLong(_ sentence: String) -> Bool {
    tokenizer.encode(sentence, contextLength: contextLength).truncated
  }
}
