public import Torch
import TorchNN

extension UNet {
  /// Returns the weights for the same network with larger patches, for larger images at the same
  /// cost.
  ///
  /// The first convolution averages each larger patch, the last one repeats its output over it: on
  /// an image enlarged by repeating pixels, the new network gives this one's output, enlarged
  /// likewise. So a network trained on small images is a good start for one on large images.
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
    /// Repeats entries `[C·p·p, ...]` over the larger patch, `[C·p·r·p·r, ...]`.
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
