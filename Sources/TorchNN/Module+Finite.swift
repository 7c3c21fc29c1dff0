public import Foundation
public import Torch

extension Module {
  /// Refuses weights with NaN or infinite elements; `file` is named in the error.
  ///
  /// - Throws: `CheckpointError.badTensor` with the key of the first such tensor.
  public func checkFinite(file: URL) throws(CheckpointError) {
    var state: [String: Tensor] = [:]
    walk { key, part in
      switch part {
      case .parameter(let parameter): state[key] = parameter.elements
      case .buffer(let buffer) where buffer.isPersistent: state[key] = buffer.value
      case .buffer, .module: break
      }
    }
    try CheckpointError.requireFinite(state, file: file)
  }
}

extension CheckpointError {
  /// Refuses tensors with NaN or infinite elements.
  ///
  /// It sums each tensor; only where the sum is not finite, which half precision may cause, it
  /// checks the elements.
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
