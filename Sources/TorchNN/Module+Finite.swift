public import Foundation
public import Torch

extension Module {
  /// Refuses weights that hold NaN or infinity; errors name `file`.
  ///
  /// - Throws: `CheckpointError.badTensor` with the key of the first such tensor.
  public func checkFinite(file: URL) throws(CheckpointError) {
    try CheckpointError.requireFinite(stateDict(), file: file)
  }
}

extension CheckpointError {
  /// Refuses tensors that hold NaN or infinity.
  ///
  /// Sums each tensor; elements are checked only where the sum is not finite, since it may
  /// overflow.
  /// - Throws: `badTensor` with the key of the first such tensor.
  public static func requireFinite(
    _ state: [String: Tensor], file: URL
  ) throws(CheckpointError) {
    for (key, value) in state.sorted(by: { $0.key < $1.key })
    where value.dtype.isFloatingPoint && value.count > 0 {
      guard !value.sum().item().isFinite else { continue }
      let elements = value.to(.float32)
      guard elements.isFinite().all().item() == 0 else { continue }
      let isNaN = elements.isNaN().any().item() != 0
      throw .badTensor(
        file: file.path, key: key, expected: "a finite value in every element",
        found: isNaN ? "NaN" : "an infinite element")
    }
  }
}
