public import Foundation
public import Torch

/// A part of training whose state checkpoints save, so that training resumes as if it had never
/// been interrupted.
public protocol Resumable: AnyObject {
  /// The whole state except settings: tensors by name, which training updates in place.
  var slots: [String: Tensor] { get }
}

extension Resumable {
  /// Returns the state as tensors that share its storage.
  public func stateDict() -> [String: Tensor] { slots.mapValues { $0.detached() } }

  /// Restores a state from ``stateDict()``.
  ///
  /// - Parameters:
  ///   - state: The tensors by name.
  ///   - file: The source of the state, for the error.
  /// - Throws: `CheckpointError.misfit`, with the state as it was, when keys or shapes are not
  ///   exactly those of the slots.
  public func load(_ state: [String: Tensor], file: URL? = nil) throws(CheckpointError) {
    let slots = slots
    try checkFit(of: state, to: slots.map { ($0.key, $0.value) }, file: file)
    noGrad {
      for (key, slot) in slots {
        if let new = state[key] { slot.copy(from: new) }
      }
    }
  }
}
