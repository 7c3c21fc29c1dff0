public import CLIP

/// A prompt and what guidance steers away from, encoded: what a generated image is conditioned on.
public struct PromptConditioning {
  /// The prompt, one row; the prior takes a batch of prompts too.
  public var text: TextConditioning
  /// The negative prompt, one row; the empty text is the paper's unconditional one.
  public var negative: TextConditioning

  /// Joins the two.
  public init(text: TextConditioning, negative: TextConditioning) {
    self.text = text
    self.negative = negative
  }

  /// Returns the prompt, after the negative prompt if guidance needs both in one batch.
  func batch(isGuided: Bool) -> TextConditioning {
    isGuided ? .concatenated([negative, text]) : text
  }
}
