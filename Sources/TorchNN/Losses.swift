public import Torch

/// A loss and its named terms.
public struct Losses {
  /// What is minimised, a scalar.
  public var total: Tensor
  /// Scalars for the log, without gradients.
  public var parts: [String: Tensor]

  /// Groups a loss and its terms.
  public init(total: Tensor, parts: [String: Tensor] = [:]) {
    self.total = total
    self.parts = parts
  }
}
