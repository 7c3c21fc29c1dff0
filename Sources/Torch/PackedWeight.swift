import CTorch

/// A frozen weight in the processor's fastest layout.
///
/// Only the function it was packed for takes it, `F.linear` or `F.conv2d`, without gradients.
package struct PackedWeight {
  /// The owner of one packed weight of the shim.
  final class Handle {
    let raw: OpaquePointer

    init(_ raw: OpaquePointer) { self.raw = raw }

    deinit { ct_packed_free(raw) }
  }

  /// The shape of the plain weight.
  package let shape: [Int]
  /// The type of the plain weight.
  package let dtype: DType

  let handle: Handle

  /// Packs `[out, in]` in oneDNN's layout: fastest for inputs of `rows` rows, correct for all.
  ///
  /// - Precondition: ``canPack(_:)``.
  package init(linear weight: Tensor, rows: Int) {
    self.init("packing of a linear weight", weight) { ct_pack_linear($0, rows, $1) }
  }

  /// Packs a convolution's weight together with the convolution's own settings, in oneDNN's layout
  /// or for Winograd's F(4×4, 3×3).
  ///
  /// Winograd's algorithm has about four times the rounding error of the direct sum (5e-5 for
  /// results of deviation 1).
  ///
  /// Shapes: `[out, in / groups, kh, kw]`; fastest for inputs of the shape `input`
  /// (`[B, in, H, W]`), correct for all.
  ///
  /// Source: Lavin and Gray 2016.
  ///
  /// - Precondition: ``canPack(_:)``, and a convolution of which
  ///   ``Convolution/gainsByWinograd(weight:dtype:input:)`` can be true if `winograd` is.
  package init(
    convolution weight: Tensor, _ settings: Convolution, input: [Int], winograd: Bool = false
  ) {
    precondition(input.count == 4, "a convolution's input has 4 axes, not \(input)")
    self.init("packing of a convolution's weight", weight) {
      ct_pack_conv2d(
        $0, input, [settings.stride, settings.stride], [settings.padding, settings.padding],
        [settings.dilation, settings.dilation], settings.groups, winograd, $1)
    }
  }

  private init(
    _ op: StaticString, _ weight: Tensor, _ body: (OpaquePointer, Out) -> Int32
  ) {
    var raw: OpaquePointer?
    let status = withExtendedLifetime(weight) { body(weight.handle.raw, &raw) }
    guard status == 0, let raw else { Tensor.fail(op, [weight]) }
    handle = Handle(raw)
    shape = weight.shape
    dtype = weight.dtype
  }

  /// Returns the plain weight, bit for bit.
  package func unpacked() -> Tensor {
    withExtendedLifetime(self) {
      Tensor("unpacking of a weight", []) { ct_unpacked(handle.raw, $0) }
    }
  }

  /// Returns whether the weight can be packed: float32 or bfloat16 on the CPU.
  package static func canPack(_ weight: Tensor) -> Bool {
    withExtendedLifetime(weight) { ct_can_pack(weight.handle.raw) }
  }
}

@available(*, unavailable)
extension PackedWeight: Sendable {}

/// The settings of a convolution, the same in both directions.
package struct Convolution {
  package let stride: Int
  package let padding: Int
  package let dilation: Int
  package let groups: Int

  package init(stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1) {
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
  }

  /// Whether Winograd's algorithm is faster for a weight and an input of these shapes.
  package func gainsByWinograd(weight: [Int], dtype: DType, input: [Int]) -> Bool {
    guard weight.count == 4, input.count == 4 else { return false }
    return ct_winograd_gains(
      weight, dtype.rawValue, input, [stride, stride], [padding, padding], [dilation, dilation],
      groups)
  }
}

extension F {
  /// Computes `x * weightᵀ + bias` with a packed weight.
  ///
  /// Shapes: x `[..., in]`, bias `[out]` -> `[..., out]`.
  package static func linear(_ x: Tensor, _ weight: PackedWeight, _ bias: Tensor? = nil) -> Tensor {
    OperationCounter.add(2 * Double(x.count) * Double(weight.shape[0]))
    return packed("linear", x, weight, bias, ct_packed_linear)
  }

  /// Applies the convolution that the weight was packed for.
  ///
  /// Shapes: x `[B, C, H, W]`, bias `[out]` -> `[B, out, H', W']`.
  package static func conv2d(_ x: Tensor, _ weight: PackedWeight, _ bias: Tensor? = nil) -> Tensor {
    let y = packed("conv2d", x, weight, bias, ct_packed_conv2d)
    // Counts the operations of the direct sum, also where Winograd's algorithm does fewer.
    OperationCounter.add(2 * Double(y.count) * Double(weight.shape.dropFirst().reduce(1, *)))
    return y
  }

  private static func packed(
    _ op: StaticString, _ x: Tensor, _ weight: PackedWeight, _ bias: Tensor?,
    _ body: (OpaquePointer, OpaquePointer, OpaquePointer?, Out) -> Int32
  ) -> Tensor {
    withExtendedLifetime((weight, bias)) {
      .unary(op, x) { body($0, weight.handle.raw, bias?.handle.raw, $1) }
    }
  }
}
