import CTorch

extension Tensor {
  /// Whether operations on this tensor are recorded for gradients.
  public var requiresGrad: Bool { withExtendedLifetime(handle) { ct_requires_grad(handle.raw) } }

  /// Requests gradients for this tensor, which must not be the result of an operation.
  @discardableResult
  public func requiringGrad(_ value: Bool = true) -> Tensor {
    withExtendedLifetime(self) {
      Tensor.check("requires_grad_", [self], ct_set_requires_grad(handle.raw, value))
    }
    return self
  }

  /// The gradient accumulated by `backward`, or nil.
  public var grad: Tensor? {
    withExtendedLifetime(self) {
      ct_has_grad(handle.raw) ? Tensor.unary("grad", self, ct_grad) : nil
    }
  }

  /// Sets or removes the gradient.
  package func setGrad(_ gradient: Tensor?) {
    withExtendedLifetime((self, gradient)) {
      Tensor.check(
        "set_grad", [self] + (gradient.map { [$0] } ?? []),
        ct_set_grad(handle.raw, gradient?.handle.raw))
    }
  }

  /// Calls `body` each time a backward pass has added to the gradient of this tensor, while the pass goes
  /// on; with nil no longer.
  package func whenGradientIsAdded(_ body: (() -> Void)?) {
    let status: Int32
    if let body {
      let context = Unmanaged.passRetained(GradientHook(call: body)).toOpaque()
      status = ct_set_gradient_hook(
        handle.raw, { Unmanaged<GradientHook>.fromOpaque($0).takeUnretainedValue().call() },
        context, { Unmanaged<GradientHook>.fromOpaque($0).release() })
    } else {
      status = ct_set_gradient_hook(handle.raw, nil, nil, nil)
    }
    withExtendedLifetime(self) { Tensor.check("gradient_hook", [self], status) }
  }

  /// Adds this tensor's gradient to `grad` of every tensor it was computed from.
  ///
  /// - Precondition: The tensor has one element, or a gradient is given.
  public func backward(gradient: Tensor? = nil, retainingGraph: Bool = false) {
    withExtendedLifetime((self, gradient)) {
      Tensor.check(
        "backward", [self] + (gradient.map { [$0] } ?? []),
        ct_backward(handle.raw, gradient?.handle.raw, retainingGraph))
    }
  }
}

extension Tensor {
  /// Applies a linear function that LibTorch does not know, such as a copy between processes.
  ///
  /// - Parameters:
  ///   - forward: The function; its argument is contiguous and outside the graph.
  ///   - transpose: Its transpose, which turns gradients of the result into those of the tensor.
  package func mapped(
    by forward: @escaping (Tensor) -> Tensor, transpose: @escaping (Tensor) -> Tensor
  ) -> Tensor {
    let map = LinearMap(forward: forward, transpose: transpose)
    let context = Unmanaged.passRetained(map).toOpaque()
    return .unary("linear_map", self) {
      ct_linear_map(
        $0, { LinearMap.apply($0, $1, $2, \.forward) },
        { LinearMap.apply($0, $1, $2, \.transpose) },
        context, { Unmanaged<LinearMap>.fromOpaque($0).release() }, $1)
    }
  }
}

/// A linear function and its transpose, as C calls them.
private final class LinearMap {
  let forward: (Tensor) -> Tensor
  let transpose: (Tensor) -> Tensor

  init(forward: @escaping (Tensor) -> Tensor, transpose: @escaping (Tensor) -> Tensor) {
    self.forward = forward
    self.transpose = transpose
  }

  static func apply(
    _ context: UnsafeMutableRawPointer, _ x: OpaquePointer, _ out: Out,
    _ function: KeyPath<LinearMap, (Tensor) -> Tensor>
  ) {
    let map = Unmanaged<LinearMap>.fromOpaque(context).takeUnretainedValue()
    let result = map[keyPath: function](Tensor(owning: x))
    withExtendedLifetime(result) {
      Tensor.check("linear_map", [result], ct_detach(result.handle.raw, out))
    }
  }
}

/// What is called when a gradient has been added to.
private final class GradientHook {
  let call: () -> Void
  init(call: @escaping () -> Void) { self.call = call }
}

/// The gradients of a tensor with respect to others; `grad` does not change.
///
/// With `createGraph` the gradients are themselves differentiable. An input that the output
/// does not depend on has a gradient of zeros.
public func gradients(
  of output: Tensor, withRespectTo inputs: [Tensor], gradient: Tensor? = nil,
  createGraph: Bool = false
) -> [Tensor] {
  withExtendedLifetime((output, inputs, gradient)) {
    var raws = [OpaquePointer?](repeating: nil, count: inputs.count)
    let status = Tensor.withHandles(inputs) { list in
      ct_gradients(
        output.handle.raw, gradient?.handle.raw, list, inputs.count, createGraph, &raws)
    }
    Tensor.check("gradients", [output] + inputs, status)
    return zip(raws, inputs).map { raw, input in
      raw.map(Tensor.init(owning:)) ?? input.zerosLike()
    }
  }
}

/// Whether operations on this thread are recorded for gradients.
public var isGradEnabled: Bool { ct_grad_mode() }

/// Runs `body` without recording operations for gradients, on this thread.
public func noGrad<Result, Failure: Error>(
  _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  let before = ct_grad_mode()
  ct_set_grad_mode(false)
  defer { ct_set_grad_mode(before) }
  return try body()
}

/// Runs `body` recording operations for gradients, even inside `noGrad`.
public func withGrad<Result, Failure: Error>(
  _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  let before = ct_grad_mode()
  ct_set_grad_mode(true)
  defer { ct_set_grad_mode(before) }
  return try body()
}

/// Runs `body` in mixed precision on this thread: matrix products and convolutions in `dtype`,
/// while numerically sensitive operations stay in float32. With nil, `body` runs as it is.
public func autocast<Result, Failure: Error>(
  to dtype: DType?, device: Device = .cpu, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  guard let dtype else { return try body() }
  var wasEnabled = false
  var wasDtype: Int32 = 0
  let kind = device.kind.rawValue
  Tensor.check("autocast", [], ct_autocast_begin(kind, dtype.rawValue, &wasEnabled, &wasDtype))
  defer { Tensor.check("autocast", [], ct_autocast_end(kind, wasEnabled, wasDtype)) }
  return try body()
}

/// Returns the dtype of the enclosing `autocast`, or nil outside one.
public func autocastDType(device: Device = .cpu) -> DType? {
  DType(rawValue: ct_autocast_dtype(device.kind.rawValue))
}
