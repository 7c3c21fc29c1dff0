import CTorch

extension Tensor {
  /// The length of each axis.
  public var shape: [Int] {
    withExtendedLifetime(handle) {
      let rank = ct_rank(handle.raw)
      return [Int](unsafeUninitializedCapacity: rank) { buffer, count in
        if let base = buffer.baseAddress { ct_sizes(handle.raw, base) }
        count = rank
      }
    }
  }

  /// The number of axes.
  public var rank: Int { withExtendedLifetime(handle) { ct_rank(handle.raw) } }

  /// The number of elements.
  public var count: Int { withExtendedLifetime(handle) { ct_count(handle.raw) } }

  /// Returns the length of one axis.
  ///
  /// - Precondition: The axis exists.
  public func dim(_ axis: Int) -> Int {
    withExtendedLifetime(handle) {
      let rank = ct_rank(handle.raw)
      precondition(
        axis >= -rank && axis < rank, "axis \(axis) of a tensor of shape \(shape)")
      return ct_size(handle.raw, axis < 0 ? axis + rank : axis)
    }
  }

  /// The distance in elements from one index to the next, along each axis.
  var strides: [Int] {
    withExtendedLifetime(handle) {
      let rank = ct_rank(handle.raw)
      return [Int](unsafeUninitializedCapacity: rank) { buffer, count in
        if let base = buffer.baseAddress { ct_strides(handle.raw, base) }
        count = rank
      }
    }
  }

  /// The element type.
  ///
  /// - Precondition: The type is one of ``DType``.
  public var dtype: DType {
    let raw = withExtendedLifetime(handle) { ct_dtype(handle.raw) }
    guard let dtype = DType(rawValue: raw) else {
      preconditionFailure("LibTorch's scalar type \(raw) is not known here")
    }
    return dtype
  }

  /// The device of the tensor.
  ///
  /// - Precondition: The kind of device is one of ``Device``.
  public var device: Device {
    withExtendedLifetime(handle) {
      guard let kind = Device.Kind(rawValue: ct_device_kind(handle.raw)) else {
        preconditionFailure("a tensor lives on a device that is neither cpu nor cuda")
      }
      return kind == .cpu ? .cpu : Device(kind: kind, index: Int(ct_device_index(handle.raw)))
    }
  }

  /// Whether the elements lie in row-major order without gaps.
  public var isContiguous: Bool { withExtendedLifetime(handle) { ct_is_contiguous(handle.raw) } }

  /// Whether a `[B, C, H, W]` tensor lies in memory as `[B, H, W, C]`.
  public var isChannelsLast: Bool {
    withExtendedLifetime(handle) { ct_is_channels_last(handle.raw) }
  }

  /// Whether both tensors share memory.
  package func sharesStorage(with other: Tensor) -> Bool {
    withExtendedLifetime((self, other)) { ct_shares_storage(handle.raw, other.handle.raw) }
  }

  /// The lengths of the two axes.
  ///
  /// - Precondition: The rank is 2.
  public var shape2: (Int, Int) {
    let shape = shape
    precondition(shape.count == 2, "expected two axes, found shape \(shape)")
    return (shape[0], shape[1])
  }

  /// The lengths of the three axes.
  ///
  /// - Precondition: The rank is 3.
  public var shape3: (Int, Int, Int) {
    let shape = shape
    precondition(shape.count == 3, "expected three axes, found shape \(shape)")
    return (shape[0], shape[1], shape[2])
  }

  /// The lengths of the four axes.
  ///
  /// - Precondition: The rank is 4.
  public var shape4: (Int, Int, Int, Int) {
    let shape = shape
    precondition(shape.count == 4, "expected four axes, found shape \(shape)")
    return (shape[0], shape[1], shape[2], shape[3])
  }

  /// Returns the value of a tensor with one element.
  ///
  /// - Precondition: There is exactly one element.
  public func item() -> Double {
    var value = 0.0
    withExtendedLifetime(self) { Tensor.check("item", [self], ct_item(handle.raw, &value)) }
    return value
  }

  /// The value of a tensor with one element, as an integer.
  ///
  /// - Precondition: There is exactly one element.
  public func itemInt() -> Int {
    var value: Int64 = 0
    withExtendedLifetime(self) {
      Tensor.check("item", [self], ct_item_int(handle.raw, &value))
    }
    return Int(value)
  }

  /// Returns the elements in row-major order, converted to `Element`.
  public func array<Element: TensorElement>(of type: Element.Type = Element.self) -> [Element] {
    let plain = detached().to(device: .cpu, dtype: Element.dtype).contiguous()
    return plain.withBytes { bytes in
      [Element](unsafeUninitializedCapacity: plain.count) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
        count = plain.count
      }
    }
  }

  /// Returns the bytes of the elements in row-major order, in the tensor's own dtype.
  public func bytes() -> [UInt8] { detached().to(.cpu).contiguous().withBytes { [UInt8]($0) } }

  /// Reads the memory of a contiguous tensor of the CPU.
  ///
  /// - Precondition: The tensor is contiguous and on the CPU.
  package func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(
      isContiguous && device == .cpu, "reading the bytes of a tensor needs contiguous CPU memory")
    var pointer: UnsafeRawPointer?
    Tensor.check("data", [self], ct_data(handle.raw, &pointer))
    let length = count * dtype.size
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(start: length == 0 ? nil : pointer, count: length))
  }
}

extension Tensor {
  /// Returns the same values in another dtype; the tensor itself when nothing changes.
  public func to(_ dtype: DType) -> Tensor { to(device: device, dtype: dtype) }

  /// Returns the same values on another device; the tensor itself when nothing changes.
  public func to(_ device: Device) -> Tensor { to(device: device, dtype: dtype) }

  /// Returns the same values on another device in another dtype.
  public func to(device: Device, dtype: DType) -> Tensor {
    .unary("to", self) {
      ct_to($0, dtype.rawValue, device.kind.rawValue, Int32(device.index), $1)
    }
  }

  /// Returns the same values in row-major order without gaps.
  public func contiguous() -> Tensor { .unary("contiguous", self, ct_contiguous) }

  /// Returns the same `[B, C, H, W]` values, in memory as `[B, H, W, C]`.
  public func channelsLast() -> Tensor { .unary("channels_last", self, ct_channels_last) }

  /// The same storage, outside the gradient graph.
  public func detached() -> Tensor { .unary("detach", self, ct_detach) }

  /// Returns a copy with storage of its own; gradients flow through it.
  public func cloned() -> Tensor { .unary("clone", self, ct_clone) }

  /// Overwrites the elements with those of `source`, converting dtype and device.
  package func copy(from source: Tensor) {
    withExtendedLifetime((self, source)) {
      Tensor.check("copy_", [self, source], ct_copy_in_place(handle.raw, source.handle.raw))
    }
  }
}
