import CTorch

extension Tensor {
  /// Whether ``F/packedLinear(_:rows:)`` and ``F/packedConv2d(_:input:stride:padding:dilation:groups:)``
  /// take this weight: a plain float32 or bfloat16 tensor on the CPU.
  public var canPack: Bool { withExtendedLifetime(self) { ct_can_pack(handle.raw) } }
}

extension F {
  /// A linear weight in oneDNN's layout, for `linear` without gradients.
  ///
  /// The result has no plain elements: only `linear` reads it.
  /// Shapes: `[out, in]`, best for inputs of `rows` rows, right for all.
  public static func packedLinear(_ weight: Tensor, rows: Int) -> Tensor {
    .unary("packing of a linear weight", weight) { ct_pack_linear($0, rows, $1) }
  }

  /// A convolution's weight in oneDNN's layout or, where that is faster, for Winograd's
  /// F(4×4, 3×3); for `conv2d` without gradients and with the same steps.
  ///
  /// Only `conv2d` can read the result. Winograd's sums round about four times as coarsely as the
  /// sum as written (5e-5 where the results have a deviation of 1).
  /// Shapes: `[out, C / groups, kh, kw]`, best for inputs of the shape `input`, right for all.
  /// Source: Lavin and Gray 2016.
  public static func packedConv2d(
    _ weight: Tensor, input: [Int], stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1
  ) -> Tensor {
    .unary("packing of a convolution's weight", weight) {
      ct_pack_conv2d(
        $0, input, [stride, stride], [padding, padding], [dilation, dilation], groups, $1)
    }
  }
}
