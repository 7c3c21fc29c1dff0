public import Torch

/// A trainable weight. Its storage is updated in place, so a module keeps it in a `let`.
///
/// One `Parameter` stored in two modules is one weight with two names (weight tying).
public final class Parameter {
  /// How the elements are stored.
  enum Storage {
    case plain(Tensor)
    /// As a file has them, until their first use.
    case stored(StoredWeight)
    /// For inference alone, without the plain elements.
    case packed(PackedLayouts)
  }

  /// The elements of a file, and what they are to become.
  struct StoredWeight {
    let tensor: Tensor
    var dtype: DType
    var isFrozen: Bool

    /// Returns the elements in their type.
    func loaded() -> Tensor { noGrad { tensor.to(dtype) } }
  }

  private(set) var storage: Storage
  /// Whether the values are yet to come from a file: there is a shape but no memory.
  private(set) var isPlaceholder = false

  /// The weight itself; it requires a gradient unless it is frozen.
  ///
  /// - Precondition: the weight is not packed for inference.
  public package(set) var value: Tensor {
    get {
      switch storage {
      case .plain(let value): return value
      case .stored(let stored): return load(stored)
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
  /// - Precondition: The tensor is of a floating point type.
  public init(_ value: Tensor) {
    precondition(
      value.dtype.isFloatingPoint,
      "a parameter is trained, so it needs a floating point type, not \(value.dtype);"
        + " store a Buffer instead")
    storage = .plain(value.detached().requiringGrad())
  }

  /// Makes a float32 weight on the CPU, with values by `initialization`.
  ///
  /// Inside `withoutInitialization` it has a shape and no values.
  public convenience init(
    _ shape: [Int], _ initialization: Initialization, using random: RandomSource
  ) {
    if InitializationScope.isOff {
      self.init(placeholder: shape)
    } else {
      self.init(initialization.tensor(shape, using: random))
    }
  }

  /// Makes a float32 weight on the CPU whose elements are all `value`.
  public convenience init(_ shape: [Int], filledWith value: Double) {
    if InitializationScope.isOff {
      self.init(placeholder: shape)
    } else {
      self.init(Tensor.full(shape, value))
    }
  }

  private init(placeholder shape: [Int]) {
    storage = .plain(Tensor.placeholder(shape).requiringGrad())
    isPlaceholder = true
  }

  /// The gradient accumulated by backward passes; nil before any.
  public var gradient: Tensor? { plain?.grad }

  /// The shape of the weight.
  public var shape: [Int] {
    switch storage {
    case .plain(let value): value.shape
    case .stored(let stored): stored.tensor.shape
    case .packed(let weight): weight.shape
    }
  }

  /// The type of the weight's elements.
  public var dtype: DType {
    switch storage {
    case .plain(let value): value.dtype
    case .stored(let stored): stored.dtype
    case .packed(let weight): weight.dtype
    }
  }

  /// The device of the weight.
  public var device: Device { plain?.device ?? .cpu }

  /// Whether the weight is excluded from training.
  public var isFrozen: Bool {
    if case .stored(let stored) = storage { return stored.isFrozen }
    return !(plain?.requiresGrad ?? false)
  }

  /// Whether the weight is packed for inference.
  package var isPacked: Bool {
    if case .packed = storage { true } else { false }
  }

  /// Initialises the weight again, in place.
  public func initialize(_ initialization: Initialization, using random: RandomSource) {
    if InitializationScope.isOff { return }
    let drawn = initialization.tensor(shape, using: random)
    noGrad { value.copy(from: drawn) }
  }

  /// Sets the gradient to nil.
  package func clearGradient() { plain?.setGrad(nil) }

  /// Replaces the weight by another tensor; a frozen weight stays frozen.
  package func replace(_ tensor: Tensor) {
    value = isFrozen ? tensor.detached() : tensor.detached().requiringGrad()
    isPlaceholder = false
  }

  /// Replaces the weight by the elements of a file, which become of type `dtype` at their first use.
  func store(_ tensor: Tensor, as dtype: DType) {
    storage = .stored(StoredWeight(tensor: tensor, dtype: dtype, isFrozen: isFrozen))
    isPlaceholder = false
  }

  /// The elements as they are, in the type of their file if they were not used yet; nil for a
  /// packed weight.
  var elements: Tensor? {
    if case .stored(let stored) = storage { stored.tensor } else { plain }
  }

  /// Converts the weight to `dtype` and moves it to `device`; gradients are dropped.
  func convert(to dtype: DType?, device: Device?) {
    if case .stored(var stored) = storage, device ?? .cpu == .cpu {
      stored.dtype = dtype ?? stored.dtype
      storage = .stored(stored)
    } else {
      let value = value
      replace(value.to(device: device ?? value.device, dtype: dtype ?? value.dtype))
    }
  }

  /// Takes the layouts of a weight out of memory; the next use reads its file again. A weight of no
  /// file keeps them.
  func releaseLayouts() {
    if case .packed(let layouts) = storage, let source = layouts.source {
      storage = .stored(source)
    }
  }

  /// Returns rows of a table, `[…] int64 -> […, width]`; of a frozen one in a file, only these are
  /// read.
  func rows(_ ids: Tensor) -> Tensor {
    if case .stored(let stored) = storage, stored.isFrozen {
      return F.embedding(stored.tensor, ids).to(stored.dtype)
    }
    return F.embedding(value, ids)
  }

  private func load(_ stored: StoredWeight) -> Tensor {
    let value = stored.loaded().detached()
    if stored.dtype != stored.tensor.dtype { stored.tensor.forgetPages() }
    storage = .plain(stored.isFrozen ? value : value.requiringGrad())
    return self.value
  }

  /// Stops or resumes the training of this weight.
  package func setFrozen(_ frozen: Bool) {
    if frozen && isPacked { return }
    if case .stored(var stored) = storage {
      stored.isFrozen = frozen
      storage = .stored(stored)
      return
    }
    value.requiringGrad(!frozen)
    if frozen { value.setGrad(nil) }
  }

  /// Returns the weight in its layout for a kind of input, made by `pack`, or plain where this
  /// processor cannot pack it.
  ///
  /// The layout replaces the plain weight. That of a file's is kept within the budget, and else made
  /// for this call alone.
  func ready(
    for kind: PackedLayouts.Kind, within budget: WeightBudget,
    packedBy pack: (Tensor) -> PackedWeight
  ) -> ReadyWeight {
    switch storage {
    case .packed(let layouts): return .packed(layouts.layout(for: kind, within: budget, pack))
    case .plain(let value):
      guard PackedWeight.canPack(value) else { return .plain(value) }
      let packed = noGrad { pack(value) }
      storage = .packed(PackedLayouts(kind, packed, source: nil))
      return .packed(packed)
    case .stored(let stored):
      let value = stored.loaded()
      guard PackedWeight.canPack(value) else { return .plain(load(stored)) }
      let packed = noGrad { pack(value) }
      stored.tensor.forgetPages()
      if budget.take(packed) { storage = .packed(PackedLayouts(kind, packed, source: stored)) }
      return .packed(packed)
    }
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
  /// Whether the values are yet to come from a file.
  private(set) var isPlaceholder = false
  /// Whether the state dict holds it; what the configuration determines need not be saved.
  public let isPersistent: Bool

  /// Wraps a tensor, whose storage it shares.
  public init(_ value: Tensor, persistent: Bool = true) {
    self.value = value.detached()
    isPersistent = persistent
  }

  /// Makes a persistent buffer with the values that `make` computes.
  ///
  /// Inside `withoutInitialization` nothing is computed; it has a shape and no values.
  public convenience init(
    _ shape: [Int], dtype: DType = .float32, _ make: () -> Tensor
  ) {
    if InitializationScope.isOff {
      self.init(Tensor.placeholder(shape, dtype: dtype))
      isPlaceholder = true
    } else {
      self.init(make())
      precondition(
        value.shape == shape && value.dtype == dtype,
        "a buffer of \(shape) \(dtype) got values of \(value.shape) \(value.dtype)")
    }
  }

  /// Makes a buffer whose elements are all `value`.
  ///
  /// Inside `withoutInitialization` it has a shape and no values.
  public convenience init(_ shape: [Int], filledWith value: Double, dtype: DType = .float32) {
    self.init(shape, dtype: dtype) { Tensor.full(shape, value, dtype: dtype) }
  }

  /// Replaces the buffer's tensor.
  func replace(_ tensor: Tensor) {
    value = tensor.detached()
    isPlaceholder = false
  }
}
