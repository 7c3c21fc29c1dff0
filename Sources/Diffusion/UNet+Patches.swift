public import Torch
import TorchNN

extension UNet {
  /// Returns the weights for the same network with larger patches, for larger images at the same
  /// cost.
  ///
  /// The first convolution takes means of the pixels that one pixel has become, the last one repeats
  /// its output there: on an image enlarged by repeating pixels the grown network gives this one's
  /// output enlarged in the same way. So a network trained on small images is a good beginning
  /// for one on large images.
  ///
  /// Shapes: with `r` the ratio of the patch sizes, `conv_in.weight` `[O, C, 3, 3]` to
  /// `[O, C·r², 3, 3]`, `conv_out.weight` `[C', I, 3, 3]` to `[C'·r², I, 3, 3]`.
  ///
  /// - Precondition: `patchSize` is a multiple of `config.patchSize`.
  public func stateDict(patchSize: Int) -> [String: Tensor] {
    precondition(
      patchSize > 0 && patchSize % config.patchSize == 0,
      "patches of \(config.patchSize) do not grow to \(patchSize)")
    let ratio = patchSize / config.patchSize
    var state = stateDict()
    guard ratio > 1 else { return state }
    let patch = config.patchSize
    /// Entries `[C·p·p, ...]` to `[C·p·r·p·r, ...]`, each repeated over the pixels it becomes.
    func spread(_ entries: Tensor) -> Tensor {
      let rest = Array(entries.shape.dropFirst())
      let channels = entries.dim(0) / (patch * patch)
      return entries.reshaped([channels, patch, 1, patch, 1] + rest)
        .expanded([channels, patch, ratio, patch, ratio] + rest)
        .reshaped([entries.dim(0) * ratio * ratio] + rest)
    }
    for key in ["conv_out.weight", "conv_out.bias"] { state[key] = state[key].map(spread) }
    state["conv_in.weight"] = state["conv_in.weight"].map {
      spread($0.transposed(0, 1)).transposed(0, 1) / Double(ratio * ratio)
    }
    return state
  }
}
