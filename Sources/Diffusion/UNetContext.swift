public import Torch
import TorchNN

/// The keys and values of a context sequence for each attention layer of one U-Net.
///
/// The context is the same at every step, so it is projected once.
public struct UNetContext {
  /// Keys and values by layer, each `[B, L, C]` with the layer's own `C`.
  private let projected: [ObjectIdentifier: (keys: Tensor, values: Tensor)]
  /// `[B, L]` bool, true where a position may be attended to; nil for all.
  let mask: Tensor?

  fileprivate init(_ sequence: Tensor, mask: Tensor?, layers: [AddedKVAttention]) {
    projected = Dictionary(
      uniqueKeysWithValues: layers.map { layer in
        (
          ObjectIdentifier(layer),
          (keys: layer.addKProj(sequence), values: layer.addVProj(sequence))
        )
      })
    self.mask = mask
  }

  /// The keys and values of one layer, which come before those of the pixels.
  ///
  /// - Precondition: the context was made for this network.
  subscript(layer: AddedKVAttention) -> (keys: Tensor, values: Tensor) {
    guard let own = projected[ObjectIdentifier(layer)] else {
      preconditionFailure("the context was projected by another U-Net")
    }
    return own
  }
}

extension UNet {
  /// Projects a context sequence, for all steps of sampling.
  ///
  /// Shapes: `sequence` `[B, L, X]`; `mask` `[B, L]` bool, true where a position may be attended
  /// to.
  public func context(_ sequence: Tensor, mask: Tensor? = nil) -> UNetContext {
    UNetContext(sequence, mask: mask, layers: attentions)
  }
}
