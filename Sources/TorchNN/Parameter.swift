public import Torch

/// A weight that training changes. Its storage is updated in place, so a module keeps it in a `let`.
///
/// One `Parameter` stored in two modules is one weight with two names (weight tying).
public final class Parameter {
  /// Where the elements are.
  enum Storage {
    case plain(Tensor)
    /// For inference alone; the plain elements are gone.
    case packed(PackedLayouts)
  }

  private(set) var storage: Storage

  /// The weight itself; it requires a gradient unless it is frozen.
  ///
  /// - Precondition: the weight is not packed for inference.
  public package(set) var value: Tensor {
    get {
      switch storage {
      case .plain(let value): return value
      case .packed(let weight):
        preconditionFailure(
          "a weight of \(weight.shape) is packed for inference: it cannot be read, saved,"
            + " converted, moved or trained")
      }
    }
    set { storage = .plain(newValue) }
  }

  /// Wraps a tensor, whose storage it shares, as a trainable weight.
  ///
  /// Traps: when the tensor is not of a floating point type.
  public init(_ value: Tensor) {
    precondition(
      value.dtype.isFloatingPoint,
      "a parameter is trained, so it needs a floating point type, not \(value.dtype);"
        + " store a Buffer instead")
    storage = .plain(value.detached().requiringGrad())
  }

  /// Makes a float32 weight on the CPU, drawn by `initialization`.
  ///
  /// Inside `withoutInitialization` nothing is drawn and the values are arbitrary.
  public convenience init(
    _ shape: [Int], _ initialization: Initialization, using random: RandomSource
  ) {
    self.init(
      InitializationScope.isOff ? Tensor.empty(shape) : initialization.tensor(shape, using: random))
  }

  /// Makes a float32 weight on the CPU whose elements are all `value`.
  public convenience init(_ shape: [Int], filledWith value: Double) {
    self.init(InitializationScope.isOff ? Tensor.empty(shape) : Tensor.full(shape, value))
  }

  /// The gradient that the last backward passes summed up; nil before any.
  public var gradient: Tensor? { plain?.grad }

  /// The shape of the weight.
  public var shape: [Int] {
    switch storage {
    case .plain(let value): value.shape
    case .packed(let weight): weight.shape
    }
  }

  /// The type of the weight's elements.
  public var dtype: DType {
    switch storage {
    case .plain(let value): value.dtype
    case .packed(let weight): weight.dtype
    }
  }

  /// Where the weight lies.
  public var device: Device { plain?.device ?? .cpu }

  /// Whether training leaves this weight as it is.
  public var isFrozen: Bool { !(plain?.requiresGrad ?? false) }

  /// Whether the weight is packed for inference.
  package var isPacked: Bool { plain == nil }

  /// Draws the weight anew, in place.
  public func initialize(_ initialization: Initialization, using random: RandomSource) {
    if InitializationScope.isOff { return }
    let drawn = initialization.tensor(shape, using: random)
    noGrad { value.copy(from: drawn) }
  }

  /// Sets the gradient to nil.
  package func clearGradient() { plain?.setGrad(nil) }

  /// Puts another tensor in the place of the weight; a frozen weight stays frozen.
  package func replace(_ tensor: Tensor) {
    value = isFrozen ? tensor.detached() : tensor.detached().requiringGrad()
  }

  /// Stops or resumes the training of this weight.
  package func setFrozen(_ frozen: Bool) {
    if frozen && isPacked { return }
    value.requiringGrad(!frozen)
    if frozen { value.setGrad(nil) }
  }

  /// Puts what `pack` makes of the weight in its place, if this processor can pack it.
  func pack(as kind: PackedLayouts.Kind, _ pack: (Tensor) -> PackedWeight) {
    guard case .plain(let value) = storage, PackedWeight.canPack(value) else { return }
    storage = .packed(PackedLayouts(kind, noGrad { pack(value) }))
  }

  /// The elements of a weight that is not packed.
  private var plain: Tensor? {
    if case .plain(let value) = storage { value } else { nil }
  }
}

/// A tensor that belongs to a module but is not trained: running statistics, tables.
public final class Buffer {
  /// The tensor itself.
  public package(set) var value: Tensor
  /// Whether the state dict holds it; tables that the configuration determines need not be saved.
  public let isPersistent: Bool

  /// Wraps a tensor, whose storage it shares.
  public init(_ value: Tensor, persistent: Bool = true) {
    self.value = value.detached()
    isPersistent = persistent
  }
}
