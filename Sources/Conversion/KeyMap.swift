import Foundation
import Torch
import TorchNN

/// Takes tensors out of a state dict one by one under new names; what is left over is an error.
struct KeyMap {
  /// The file, for errors.
  let file: String
  /// The tensors not yet taken.
  private(set) var rest: [String: Tensor]
  /// The tensors taken, by their new keys.
  private(set) var taken: [String: Tensor] = [:]
  /// Keys that were looked for and not found.
  private(set) var missing: [String] = []

  init(_ tensors: [String: Tensor], file: String) {
    rest = tensors
    self.file = file
  }

  /// Takes one tensor, if it exists.
  mutating func optional(_ key: String) -> Tensor? { rest.removeValue(forKey: key) }

  /// Takes one tensor, which must have `axes` axes.
  mutating func take(_ key: String, axes: Int? = nil) -> Tensor? {
    guard let tensor = rest.removeValue(forKey: key), axes == nil || tensor.shape.count == axes
    else {
      missing.append(key)
      return nil
    }
    return tensor
  }

  /// Puts a tensor under a new key.
  mutating func put(_ tensor: Tensor?, as key: String) {
    if let tensor { taken[key] = tensor }
  }

  /// Takes one tensor under a new key, transformed by `change`.
  mutating func move(
    _ key: String, to new: String, axes: Int? = nil, _ change: (Tensor) -> Tensor = { $0 }
  ) {
    put(take(key, axes: axes).map(change), as: new)
  }

  /// Takes a layer's weight and bias under a new name.
  mutating func layer(_ key: String, to new: String, _ change: (Tensor) -> Tensor = { $0 }) {
    move(key + ".weight", to: new + ".weight", change)
    move(key + ".bias", to: new + ".bias")
  }

  /// Drops tensors that carry no weights.
  mutating func drop(where isJunk: (String) -> Bool) { rest = rest.filter { !isJunk($0.key) } }

  /// Splits a tensor whose rows belong to several layers.
  ///
  /// - Throws: `CheckpointError.badTensor` when the rows cannot be split so.
  func parts(
    _ tensor: Tensor?, _ key: String, names: [String], blockRows: Int? = nil
  ) throws(CheckpointError) -> [String: Tensor] {
    guard let tensor else { return [:] }
    let count = names.count
    let rows = tensor.shape.first ?? 0
    let block = blockRows ?? rows / count
    guard rows > 0, block > 0, rows % (block * count) == 0 else {
      throw .badTensor(
        file: file, key: key, expected: "rows for \(count) layers in blocks of \(max(block, 1))",
        found: "the shape \(tensor.shape)")
    }
    // Blocks of rows alternate: every `count`-th belongs to the same layer.
    let turns = rows / (block * count)
    let inner = Array(tensor.shape.dropFirst())
    let blocks = tensor.reshaped([turns, count, block] + inner)
    var found: [String: Tensor] = [:]
    for (index, name) in names.enumerated() {
      found[name] = blocks.selected(1, index).reshaped([turns * block] + inner)
    }
    return found
  }

  /// Checks a width: the network is made before its weights are compared, and takes memory by the
  /// square of it.
  ///
  /// - Throws: `CheckpointError.badTensor` above 16384, three times what any CLIP or Karlo has.
  func width(_ width: Int, of key: String) throws(CheckpointError) -> Int {
    guard (1...16384).contains(width) else {
      throw .badTensor(
        file: file, key: key, expected: "a width of at most 16384", found: "the width \(width)")
    }
    return width
  }

  /// Returns what was taken, if it is exactly the state dict of `module`.
  ///
  /// - Throws: `CheckpointError.misfit`.
  func finished(
    for module: some Module, surplus others: [String] = []
  ) throws(CheckpointError) -> [String: Tensor] {
    var misshapen: [String] = []
    var absent = missing
    let expected = module.stateDict()
    for (key, value) in expected {
      guard let found = taken[key] else {
        if missing.isEmpty { absent.append(key) }
        continue
      }
      if found.shape != value.shape {
        misshapen.append("\(key) is \(found.shape), not \(value.shape)")
      } else if !found.dtype.isFloatingPoint {
        misshapen.append("\(key) is \(found.dtype)")
      }
    }
    let surplus = others + Array(rest.keys) + taken.keys.filter { expected[$0] == nil }
    guard absent.isEmpty, surplus.isEmpty, misshapen.isEmpty else {
      throw .misfit(
        file: file, missing: absent.sorted(), surplus: surplus.sorted(),
        misshapen: misshapen.sorted())
    }
    return taken
  }
}
