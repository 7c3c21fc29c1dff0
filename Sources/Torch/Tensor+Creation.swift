import CTorch

extension Tensor {
  /// Returns a tensor of zeros.
  public static func zeros(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    Tensor("zeros", []) {
      ct_zeros(shape, shape.count, dtype.rawValue, device.kind.rawValue, Int32(device.index), $0)
    }
  }

  /// Returns a tensor of ones.
  public static func ones(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    Tensor("ones", []) {
      ct_ones(shape, shape.count, dtype.rawValue, device.kind.rawValue, Int32(device.index), $0)
    }
  }

  /// Returns a tensor of one value everywhere.
  public static func full(
    _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    Tensor("full", []) {
      ct_full(
        shape, shape.count, value, dtype.rawValue, device.kind.rawValue, Int32(device.index), $0)
    }
  }

  /// A placeholder tensor with a shape and the memory of one element.
  package static func placeholder(_ shape: [Int], dtype: DType = .float32) -> Tensor {
    Tensor.zeros([], dtype: dtype).expanded(shape).detached()
  }

  /// An uninitialised tensor.
  public static func empty(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    Tensor("empty", []) {
      ct_empty(shape, shape.count, dtype.rawValue, device.kind.rawValue, Int32(device.index), $0)
    }
  }

  /// The values from `start` up to but not including `end`.
  ///
  /// Shapes: `[ceil((end - start) / step)]`.
  public static func arange(
    _ start: Double, _ end: Double, step: Double = 1, dtype: DType = .float32,
    device: Device = .cpu
  ) -> Tensor {
    Tensor("arange", []) {
      ct_arange(
        start, end, step, dtype.rawValue, device.kind.rawValue, Int32(device.index), $0)
    }
  }

  /// The integers from 0 up to but not including `end`.
  public static func arange(
    _ end: Double, dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    arange(0, end, dtype: dtype, device: device)
  }

  /// The integers from 0 up to but not including `count`, as int64.
  public static func indices(_ count: Int, device: Device = .cpu) -> Tensor {
    arange(0, Double(count), dtype: .int64, device: device)
  }

  /// `count` equally spaced values from `start` to `end`, both included.
  public static func linspace(
    _ start: Double, _ end: Double, count: Int, dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    Tensor("linspace", []) {
      ct_linspace(
        start, end, count, dtype.rawValue, device.kind.rawValue, Int32(device.index), $0)
    }
  }

  /// Returns the identity matrix.
  ///
  /// Shapes: `[count, count]`, or `[count, columns]`.
  public static func eye(
    _ count: Int, columns: Int? = nil, dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    Tensor("eye", []) {
      ct_eye(
        count, columns ?? count, dtype.rawValue, device.kind.rawValue, Int32(device.index), $0)
    }
  }

  /// Makes a tensor with the values of an array, in row-major order.
  ///
  /// Shapes: `shape`, or one axis.
  /// - Precondition: The shape holds exactly the values.
  public init<Element: TensorElement>(
    _ values: [Element], shape: [Int]? = nil, device: Device = .cpu
  ) {
    let shape = shape ?? [values.count]
    let cpu = values.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: Element.dtype) }
    self = device == .cpu ? cpu : cpu.to(device)
  }

  /// Makes a tensor of no axes with one value.
  public init(scalar: Double, dtype: DType = .float32, device: Device = .cpu) {
    self = .full([], scalar, dtype: dtype, device: device)
  }

  /// Makes a tensor with a copy of the bytes, in row-major order.
  ///
  /// - Precondition: The shape and dtype take exactly the bytes.
  public init(bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType) {
    let needed = shape.reduce(dtype.size, *)
    precondition(
      bytes.count == needed && shape.allSatisfy { $0 >= 0 },
      "a \(dtype) tensor of shape \(shape) takes \(needed) bytes, not \(bytes.count)")
    self.init("from_bytes", []) {
      ct_from_bytes(bytes.baseAddress, shape, shape.count, dtype.rawValue, $0)
    }
  }

  /// A tensor over a mapped file, whose owner lives as long as the tensor's storage.
  init(
    over memory: UnsafeMutableRawPointer, shape: [Int], dtype: DType, keeping owner: AnyObject
  ) {
    let context = Unmanaged.passRetained(owner).toOpaque()
    self.init("from_mapping", []) {
      ct_from_mapping(
        memory, shape, shape.count, dtype.rawValue,
        { context in
          if let context { Unmanaged<AnyObject>.fromOpaque(context).release() }
        }, context, $0)
    }
  }

  /// Whether the elements are those of a mapped file.
  package var isMapped: Bool { withExtendedLifetime(self) { ct_is_mapped(handle.raw) } }

  /// Takes the pages of a mapped tensor out of memory; the next use reads them from the file.
  ///
  /// - Precondition: Nothing was written to the tensor, which would be lost.
  package func forgetPages() { withExtendedLifetime(self) { ct_forget_pages(handle.raw) } }

  /// Returns zeros of the same shape, dtype and device.
  public func zerosLike() -> Tensor { .unary("zeros_like", self, ct_zeros_like) }

  /// Returns ones of the same shape, dtype and device.
  public func onesLike() -> Tensor { .unary("ones_like", self, ct_ones_like) }
}
