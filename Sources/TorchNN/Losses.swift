public import Torch

/// A loss and its named terms.
public struct Losses {
  /// The minimised loss, a scalar.
  public var total: Tensor
  /// Scalars for the log, without gradients.
  public var parts: [String: Tensor]

  /// Groups the values.
  public init(total: Tensor, parts: [String: Tensor] = [:]) {
    self.total = total
    self.parts = parts
  }
}
