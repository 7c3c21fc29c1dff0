public import Torch

/// A loss and its named parts.
public struct Losses {
  /// What is minimised, a scalar.
  public var total: Tensor
  /// Scalars for the log, without gradients.
  public var parts: [String: Tensor]

  /// A loss and its parts.
  public init(total: Tensor, parts: [String: Tensor] = [:]) {
    self.total = total
    self.parts = parts
  }
}
