public import Torch

/// A weight that training changes. Its storage is updated in place, so a module keeps it in a `let`.
///
/// One `Parameter` stored in two modules is one weight with two names (weight tying).
public final class Parameter {
  /// The weight itself; it requires a gradient unless it is frozen.
  public package(set) var value: Tensor

  /// Wraps a tensor, whose storage it shares, as a trainable weight.
  ///
  /// Traps: when the tensor is not of a floating point type.
  public init(_ value: Tensor) {
    precondition(
      value.dtype.isFloatingPoint,
      "a parameter is trained, so it needs a floating point type, not \(value.dtype);"
        + " store a Buffer instead")
    self.value = value.detached().requiringGrad()
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
  public var gradient: Tensor? { value.grad }

  /// The shape of the weight.
  public var shape: [Int] { value.shape }

  /// Whether training leaves this weight as it is.
  public var isFrozen: Bool { !value.requiresGrad }

  /// Draws the weight anew, in place.
  public func initialize(_ initialization: Initialization, using random: RandomSource) {
    if InitializationScope.isOff { return }
    let drawn = initialization.tensor(shape, using: random)
    noGrad { value.copy(from: drawn) }
  }

  /// Sets the gradient to nil.
  package func clearGradient() { value.setGrad(nil) }

  /// Puts another tensor in the place of the weight; a frozen weight stays frozen.
  package func replace(_ tensor: Tensor) {
    value = isFrozen ? tensor.detached() : tensor.detached().requiringGrad()
  }

  /// Stops or resumes the training of this weight.
  package func setFrozen(_ frozen: Bool) {
    value.requiringGrad(!frozen)
    if frozen { value.setGrad(nil) }
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
