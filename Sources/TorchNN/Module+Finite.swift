public import Foundation
public import Torch

extension Module {
  /// Refuses weights of which an element is NaN or infinite; `file` stands in the error.
  ///
  /// Throws: `CheckpointError.badTensor` with the key of the first such tensor.
  public func checkFinite(file: URL) throws(CheckpointError) {
    try CheckpointError.requireFinite(stateDict(), file: file)
  }
}

extension CheckpointError {
  /// Refuses tensors of which an element is NaN or infinite.
  ///
  /// One sum a tensor; only a sum that is not finite is looked at again, as half precision may
  /// overflow in it.
  /// Throws: `badTensor` with the key of the first such tensor.
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
