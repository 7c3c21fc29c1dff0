import Torch

/// A layer whose weight may be packed in the processor's fastest layout.
protocol PackableLayer: Module {
  /// The weight to pack.
  var weight: Parameter { get }
  /// How much memory packed weights may take; nil while the weight stays plain.
  var packing: WeightBudget? { get set }
}

/// How much memory the packed weights of some networks may take, bytes.
///
/// A weight that is loaded from a file and finds no room is read and packed again at each call,
/// which costs time and no accuracy.
public final class WeightBudget {
  /// What is left; `Int.max` for no limit.
  public private(set) var left: Int

  /// Makes a budget.
  public init(_ left: Int = .max) { self.left = left }

  /// Takes the room of a packed weight; false where there is none.
  func take(_ weight: PackedWeight) -> Bool {
    if left == .max { return true }
    let bytes = weight.shape.reduce(weight.dtype.size, *)
    guard bytes <= left else { return false }
    left -= bytes
    return true
  }
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
  /// The weight in its file, which is read again rather than recovered.
  let source: Parameter.StoredWeight?

  init(_ kind: Kind, _ weight: PackedWeight, source: Parameter.StoredWeight?) {
    first = weight
    layouts[kind] = weight
    self.source = source
  }

  var shape: [Int] { first.shape }
  var dtype: DType { first.dtype }

  /// Returns the layout for a kind of input, made by `pack` at the first such input, or at each
  /// where the budget has no room for it.
  func layout(
    for kind: Kind, within budget: WeightBudget, _ pack: (Tensor) -> PackedWeight
  ) -> PackedWeight {
    if let known = layouts[kind] { return known }
    let made = noGrad { pack(source?.loaded() ?? first.unpacked()) }
    source?.tensor.forgetPages()
    if budget.take(made) { layouts[kind] = made }
    return made
  }
}

extension PackableLayer {
  /// Returns the weight for a call: plain, or in the layout for its kind of input if packed.
  func weight(
    for kind: PackedLayouts.Kind, packedBy pack: (Tensor) -> PackedWeight
  ) -> ReadyWeight {
    guard let packing else { return .plain(weight.value) }
    return weight.ready(for: kind, within: packing, packedBy: pack)
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
  /// - Parameter budget: How much of it stays in memory; nil keeps all.
  /// - Precondition: every such weight is frozen.
  public func pack(within budget: WeightBudget? = nil) {
    let budget = budget ?? WeightBudget()
    for (name, module) in namedModules() {
      guard let layer = module as? any PackableLayer else { continue }
      precondition(layer.weight.isFrozen, "\(name).weight is trained: freeze the module first")
      layer.packing = budget
    }
  }
  /// Takes packed weights that came from a file out of memory; their next use reads the file again.
  package func releasePackedWeights() {
    for parameter in parameters() { parameter.releaseLayouts() }
  }
}
