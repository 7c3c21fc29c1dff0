public import Foundation
public import Torch

extension Module {
  /// Returns the parameters and the persistent buffers by key.
  ///
  /// The tensors share the module's storage and change in training, so clone what must stay. A
  /// shared parameter is held once, under its first name.
  public func stateDict() -> [String: Tensor] {
    var state: [String: Tensor] = [:]
    for slot in stateSlots() { state[slot.key] = slot.value.detached() }
    return state
  }

  /// Fills the parameters and persistent buffers with `state`, whose keys must be exactly theirs.
  ///
  /// Values are copied into the module's storage and converted to its types. With `sharing`, a
  /// tensor of the module's type and device replaces the module's own without a copy: for a file
  /// mapped into memory that belongs to this module alone.
  ///
  /// - Throws: `CheckpointError.misfit`, with the module unchanged, when keys are missing or surplus
  ///   or shapes differ; keys in `ignoring` may be surplus.
  public func load(
    _ state: [String: Tensor], file: URL? = nil, ignoring: Set<String> = [],
    sharing: Bool = false
  ) throws(CheckpointError) {
    try fill(with: state, file: file, ignoring: ignoring, sharing: sharing, dtype: nil)
  }

  /// Loads as ``load(_:file:ignoring:sharing:)``; placeholders take their values as `dtype`.
  func fill(
    with state: [String: Tensor], file: URL?, ignoring: Set<String>, sharing: Bool, dtype: DType?
  ) throws(CheckpointError) {
    let slots = stateSlots()
    try TorchNN.checkFit(
      of: state, to: slots.map { ($0.key, $0.value) }, file: file, ignoring: ignoring)
    noGrad {
      for slot in slots {
        guard let new = state[slot.key] else { continue }
        if slot.isPlaceholder {
          let type = new.dtype.isFloatingPoint ? dtype ?? slot.value.dtype : slot.value.dtype
          if sharing, let store = slot.store, new.device == .cpu {
            store(new, type)
            continue
          }
          let converted = new.to(type)
          slot.replace(sharing || new.dtype != type ? converted : converted.cloned())
        } else if sharing && new.dtype == slot.value.dtype && new.device == slot.value.device {
          slot.replace(new)
        } else {
          slot.value.copy(from: new)
        }
      }
    }
  }

  /// Compares a state with what this module holds.
  ///
  /// - Throws: `CheckpointError.misfit`.
  func checkFit(
    of state: [String: Tensor], file: URL, ignoring: Set<String>
  ) throws(CheckpointError) {
    try TorchNN.checkFit(
      of: state, to: stateSlots().map { ($0.key, $0.value) }, file: file, ignoring: ignoring)
  }

  /// The members that a state dict holds.
  private func stateSlots() -> [StateSlot] {
    var slots: [StateSlot] = []
    walk { key, part in
      switch part {
      case .parameter(let parameter):
        slots.append(
          StateSlot(
            key: key, value: parameter.value, isPlaceholder: parameter.isPlaceholder,
            replace: parameter.replace, store: parameter.store))
      case .buffer(let buffer) where buffer.isPersistent:
        slots.append(
          StateSlot(
            key: key, value: buffer.value, isPlaceholder: buffer.isPlaceholder,
            replace: buffer.replace, store: nil))
      case .buffer, .module: break
      }
    }
    return slots
  }
}

/// A tensor of a module that a checkpoint holds.
private struct StateSlot {
  let key: String
  let value: Tensor
  let isPlaceholder: Bool
  let replace: (Tensor) -> Void
  /// Leaves a file's elements as they are until their first use; nil for buffers.
  let store: ((Tensor, DType) -> Void)?
}

/// Compares a state with the members to fill.
///
/// - Throws: `CheckpointError.misfit` that names all that is missing, surplus or of another shape.
package func checkFit(
  of state: [String: Tensor], to expected: [(key: String, value: Tensor)], file: URL?,
  ignoring: Set<String> = []
) throws(CheckpointError) {
  var missing: [String] = []
  var misshapen: [String] = []
  for (key, value) in expected {
    guard let new = state[key] else {
      missing.append(key)
      continue
    }
    if new.shape != value.shape {
      misshapen.append("\(key) is \(new.shape), not \(value.shape)")
    } else if new.dtype.isFloatingPoint != value.dtype.isFloatingPoint {
      misshapen.append("\(key) is \(new.dtype), not \(value.dtype)")
    }
  }
  let known = Set(expected.map(\.key)).union(ignoring)
  let surplus = state.keys.filter { !known.contains($0) }.sorted()
  if missing.isEmpty && surplus.isEmpty && misshapen.isEmpty { return }
  throw .misfit(
    file: file?.path ?? "the state", missing: missing, surplus: surplus, misshapen: misshapen)
}
