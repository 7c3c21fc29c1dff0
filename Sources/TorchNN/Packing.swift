import Torch

/// A layer whose weight may lie in the layout that the processor's library multiplies fastest.
protocol PackableLayer: Module {
  /// The weight that is packed.
  var weight: Parameter { get }
  /// Whether the next call packs the weight, when the input's shape is known.
  var packsAtNextCall: Bool { get set }
}

extension PackableLayer {
  /// Replaces the weight by what `pack` makes of it, at the first call after ``Module/pack()``.
  func packOnce(_ pack: (Tensor) -> PackedWeight) {
    guard packsAtNextCall else { return }
    packsAtNextCall = false
    weight.pack(pack)
  }
}

extension Module {
  /// Readies a frozen module for much use on the CPU: every linear and convolution below lays its
  /// weight out for the processor at its next call, in place of the plain weight.
  ///
  /// The outputs differ from the plain layer's by rounding alone. A packed module cannot be saved,
  /// converted, moved or trained again. On other devices and with other types than float32 and
  /// bfloat16 nothing happens.
  ///
  /// - Precondition: every such weight is frozen.
  public func pack() {
    for (name, module) in namedModules() {
      guard let layer = module as? any PackableLayer else { continue }
      precondition(layer.weight.isFrozen, "\(name).weight is trained: freeze the module first")
      layer.packsAtNextCall = true
    }
  }
}
