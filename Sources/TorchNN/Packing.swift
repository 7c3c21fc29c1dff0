import Torch

/// A layer whose weight may lie in the layout that the processor's library multiplies fastest.
protocol PackableLayer: Module {
  /// The weight that is packed.
  var weight: Parameter { get }
  /// Whether the next call packs the weight, when the input's shape is known.
  var packsAtNextCall: Bool { get set }
}

/// The layouts of a weight, one for each kind of input it has met.
///
/// Which one a call reads follows from its input alone and never from the inputs before it: layouts
/// round differently, and the same input must give the same bits in every run.
final class PackedLayouts {
  /// A kind of input that has a layout of its own.
  enum Kind {
    /// Of a linear layer: one row, which is a matrix times a vector, or several.
    case oneRow, rows
    /// Of a convolution: one that gains by Winograd's way, or another.
    case winograd, direct
  }

  private var layouts: [Kind: PackedWeight] = [:]
  /// The first one made: any of them has the plain weight in it.
  private let first: PackedWeight

  init(_ kind: Kind, _ weight: PackedWeight) {
    first = weight
    layouts[kind] = weight
  }

  var shape: [Int] { first.shape }
  var dtype: DType { first.dtype }

  /// The layout for a kind of input, made by `pack` when it is first met.
  func layout(for kind: Kind, _ pack: (Tensor) -> PackedWeight) -> PackedWeight {
    if let known = layouts[kind] { return known }
    let made = noGrad { pack(first.unpacked()) }
    layouts[kind] = made
    return made
  }
}

extension PackableLayer {
  /// The weight as a call reads it: plain, or in the layout for the call's kind of input if the
  /// module was packed.
  func weight(
    for kind: PackedLayouts.Kind, packedBy pack: (Tensor) -> PackedWeight
  ) -> ReadyWeight {
    if packsAtNextCall {
      packsAtNextCall = false
      weight.pack(as: kind, pack)
    }
    switch weight.storage {
    case .plain(let weight): return .plain(weight)
    case .packed(let layouts): return .packed(layouts.layout(for: kind, pack))
    }
  }
}

/// A weight that a layer reads.
enum ReadyWeight {
  case plain(Tensor)
  case packed(PackedWeight)
}

extension Module {
  /// Readies a frozen module for much use on the CPU: every linear and convolution below lays its
  /// weight out for the processor at its next call, in place of the plain weight.
  ///
  /// The outputs differ from the plain layer's by rounding alone, and depend on the input alone. A
  /// packed module cannot be saved, converted, moved or trained again. On other devices and with
  /// other types than float32 and bfloat16 nothing happens.
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
