import CTorch

extension F {
  /// Returns the mean of each window; the stride is the kernel unless given.
  ///
  /// Shapes: `[B, C, H, W]` -> `[B, C, H', W']`.
  public static func averagePool2d(
    _ x: Tensor, kernel: Int, stride: Int? = nil, padding: Int = 0
  ) -> Tensor {
    let step = stride ?? kernel
    return .unary("avg_pool2d", x) {
      ct_avg_pool2d($0, [kernel, kernel], [step, step], [padding, padding], $1)
    }
  }

  /// Returns the largest element of each window; the stride is the kernel unless given.
  ///
  /// Shapes: `[B, C, H, W]` -> `[B, C, H', W']`.
  public static func maxPool2d(
    _ x: Tensor, kernel: Int, stride: Int? = nil, padding: Int = 0
  ) -> Tensor {
    let step = stride ?? kernel
    return .unary("max_pool2d", x) {
      ct_max_pool2d($0, [kernel, kernel], [step, step], [padding, padding], $1)
    }
  }

  /// The means of windows that divide the image into an output of the size.
  ///
  /// Shapes: `[B, C, H, W]` -> `[B, C, size.0, size.1]`.
  public static func adaptiveAveragePool2d(_ x: Tensor, size: (Int, Int)) -> Tensor {
    .unary("adaptive_avg_pool2d", x) { ct_adaptive_avg_pool2d($0, [size.0, size.1], $1) }
  }

  /// How `interpolate` computes values between elements.
  public enum Interpolation: String, Sendable {
    /// The element at or before the position; PyTorch's "nearest".
    case nearest
    /// The element whose centre is nearest; PyTorch's "nearest-exact".
    case nearestExact = "nearest-exact"
    /// Between two elements each way.
    case bilinear
    /// Between four elements each way.
    case bicubic
  }

  /// Resizes images to (height, width).
  ///
  /// With `antialias` the filter widens when the image shrinks, as in PIL, and the cubic is
  /// the one with a = -0.5 instead of -0.75 even when it grows.
  /// Shapes: `[B, C, H, W]` -> `[B, C, size.0, size.1]`.
  /// - Precondition: No `antialias` or `alignCorners` with a nearest mode.
  public static func interpolate(
    _ x: Tensor, size: (Int, Int), mode: Interpolation = .nearest, antialias: Bool = false,
    alignCorners: Bool = false
  ) -> Tensor {
    let target = [size.0, size.1]
    switch mode {
    case .nearest, .nearestExact:
      precondition(
        !antialias && !alignCorners, "\(mode) takes neither antialias nor alignCorners")
      return mode == .nearest
        ? .unary("upsample_nearest2d", x) { ct_upsample_nearest($0, target, $1) }
        : .unary("upsample_nearest_exact2d", x) { ct_upsample_nearest_exact($0, target, $1) }
    case .bilinear:
      return .unary("upsample_bilinear2d", x) {
        ct_upsample_bilinear($0, target, alignCorners, antialias, $1)
      }
    case .bicubic:
      return .unary("upsample_bicubic2d", x) {
        ct_upsample_bicubic($0, target, alignCorners, antialias, $1)
      }
    }
  }

  /// Lays channels out as pixels.
  ///
  /// Shapes: `[B, C * f * f, H, W]` -> `[B, C, H * f, W * f]`.
  public static func pixelShuffle(_ x: Tensor, _ factor: Int) -> Tensor {
    .unary("pixel_shuffle", x) { ct_pixel_shuffle($0, factor, $1) }
  }

  /// Lays pixels out as channels.
  ///
  /// Shapes: `[B, C, H * f, W * f]` -> `[B, C * f * f, H, W]`.
  public static func pixelUnshuffle(_ x: Tensor, _ factor: Int) -> Tensor {
    .unary("pixel_unshuffle", x) { ct_pixel_unshuffle($0, factor, $1) }
  }

  /// Returns the windows of an image as columns.
  ///
  /// Shapes: `[B, C, H, W]` -> `[B, C * kernel * kernel, windows]`.
  public static func unfold(
    _ x: Tensor, kernel: Int, stride: Int = 1, padding: Int = 0
  ) -> Tensor {
    .unary("im2col", x) {
      ct_unfold($0, [kernel, kernel], [stride, stride], [padding, padding], $1)
    }
  }
}
