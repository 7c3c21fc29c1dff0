import Torch

/// A layer whose weight may be packed in the processor's fastest layout.
protocol PackableLayer: Module {
  /// The weight to pack.
  var weight: Parameter { get }
  /// Whether the next call, whose input's shape is known, packs the weight.
  var packsAtNextCall: Bool { get set }
}

/// The layouts of a weight, one for each kind of input so far.
///
/// A call's layout depends on its input alone, never on earlier inputs: layouts round differently,
/// and the same input must give the same bits in every run.
final class PackedLayouts {
  /// A kind of input that has a layout of its own.
  enum Kind {
    /// For a linear layer: one row (matrix times vector) or several.
    case oneRow, rows
    /// For a convolution: whether Winograd's algorithm is faster.
    case winograd, direct
  }

  private var layouts: [Kind: PackedWeight] = [:]
  /// The first one made; the plain weight can be recovered from any.
  private let first: PackedWeight

  init(_ kind: Kind, _ weight: PackedWeight) {
    first = weight
    layouts[kind] = weight
  }

  var shape: [Int] { first.shape }
  var dtype: DType { first.dtype }

  /// Returns the layout for a kind of input, made by `pack` at the first such input.
  func layout(for kind: Kind, _ pack: (Tensor) -> PackedWeight) -> PackedWeight {
    if let known = layouts[kind] { return known }
    let made = noGrad { pack(first.unpacked()) }
    layouts[kind] = made
    return made
  }
}

extension PackableLayer {
  /// Returns the weight for a call: plain, or in the layout for its kind of input if packed.
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
  /// Prepares a frozen module for inference on the CPU: every linear layer and convolution below
  /// packs its weight at its next call, which replaces the plain weight.
  ///
  /// The outputs differ from the plain layer's by rounding alone, and depend on the input alone. A
  /// packed module cannot be saved, converted, moved or trained again. On other devices and with
  /// other types than float32 and bfloat16 it does nothing.
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
