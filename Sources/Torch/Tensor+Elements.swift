import CTorch

/// Element functions; each makes a tensor of the same shape and differentiates.
extension Tensor {
  /// Returns the square root.
  public func sqrt() -> Tensor { .unary("sqrt", self, ct_sqrt) }

  /// Returns one over the square root.
  public func rsqrt() -> Tensor { .unary("rsqrt", self, ct_rsqrt) }

  /// Returns the square.
  public func square() -> Tensor { .unary("square", self, ct_square) }

  /// Returns one over the element.
  public func reciprocal() -> Tensor { .unary("reciprocal", self, ct_reciprocal) }

  /// Computes e to the element.
  public func exp() -> Tensor { .unary("exp", self, ct_exp) }

  /// Computes e to the element, less one, exact near zero.
  public func expm1() -> Tensor { .unary("expm1", self, ct_expm1) }

  /// Returns the natural logarithm.
  public func log() -> Tensor { .unary("log", self, ct_log) }

  /// Returns the natural logarithm of one plus the element, exact near zero.
  public func log1p() -> Tensor { .unary("log1p", self, ct_log1p) }

  /// Returns the logarithm to base two.
  public func log2() -> Tensor { .unary("log2", self, ct_log2) }

  /// Returns the sine of radians.
  public func sin() -> Tensor { .unary("sin", self, ct_sin) }

  /// Returns the cosine of radians.
  public func cos() -> Tensor { .unary("cos", self, ct_cos) }

  /// Returns the tangent of radians.
  public func tan() -> Tensor { .unary("tan", self, ct_tan) }

  /// Returns the angle in radians whose cosine is the element.
  public func acos() -> Tensor { .unary("acos", self, ct_acos) }

  /// Returns the angle in radians whose sine is the element.
  public func asin() -> Tensor { .unary("asin", self, ct_asin) }

  /// Returns the angle in radians whose tangent is the element.
  public func atan() -> Tensor { .unary("atan", self, ct_atan) }

  /// Returns the hyperbolic sine.
  public func sinh() -> Tensor { .unary("sinh", self, ct_sinh) }

  /// Returns the hyperbolic cosine.
  public func cosh() -> Tensor { .unary("cosh", self, ct_cosh) }

  /// Returns the hyperbolic tangent.
  public func tanh() -> Tensor { .unary("tanh", self, ct_tanh) }

  /// Computes 1 / (1 + exp(-x)).
  public func sigmoid() -> Tensor { .unary("sigmoid", self, ct_sigmoid) }

  /// Returns the logarithm of the sigmoid, without overflow.
  public func logSigmoid() -> Tensor { .unary("log_sigmoid", self, ct_log_sigmoid) }

  /// Returns the absolute value.
  public func abs() -> Tensor { .unary("abs", self, ct_abs) }

  /// Returns the sign: -1, 0 or 1.
  public func sign() -> Tensor { .unary("sign", self, ct_sign) }

  /// The largest integer not above the element. PyTorch `floor`.
  public func floor() -> Tensor { .unary("floor", self, ct_floor) }

  /// The smallest integer not below the element. PyTorch `ceil`.
  public func ceil() -> Tensor { .unary("ceil", self, ct_ceil) }

  /// The nearest integer; halves round to even.
  public func round() -> Tensor { .unary("round", self, ct_round) }

  /// The element without its fraction. PyTorch `trunc`.
  public func truncated() -> Tensor { .unary("trunc", self, ct_trunc) }

  /// Returns the error function.
  public func erf() -> Tensor { .unary("erf", self, ct_erf) }

  /// Returns the inverse of the error function.
  public func erfInverse() -> Tensor { .unary("erfinv", self, ct_erfinv) }

  /// Returns the logarithm of the absolute value of the gamma function.
  public func lgamma() -> Tensor { .unary("lgamma", self, ct_lgamma) }

  /// Returns the elements to a power.
  public func pow(_ exponent: Double) -> Tensor {
    .unary("pow", self) { ct_pow_scalar($0, exponent, $1) }
  }

  /// Returns the elements to the power of the other's; shapes are broadcast.
  public func pow(_ exponent: Tensor) -> Tensor { .binary("pow", self, exponent, ct_pow) }

  /// A scalar to the power of each element.
  public static func pow(_ base: Double, _ exponent: Tensor) -> Tensor {
    .unary("pow", exponent) { ct_scalar_pow(base, $0, $1) }
  }

  /// Returns the remainder with the sign of the divisor.
  public func remainder(_ divisor: Double) -> Tensor {
    .unary("remainder", self) { ct_remainder_scalar($0, divisor, $1) }
  }

  /// Returns the remainder with the sign of the divisor; shapes are broadcast.
  public func remainder(_ divisor: Tensor) -> Tensor {
    .binary("remainder", self, divisor, ct_remainder)
  }

  /// Returns the angle in radians of the point (x: other, y: self).
  public func atan2(_ other: Tensor) -> Tensor { .binary("atan2", self, other, ct_atan2) }

  /// The elements clamped to bounds; nil leaves a side open.
  ///
  /// - Precondition: At least one bound is given.
  public func clamped(min: Double? = nil, max: Double? = nil) -> Tensor {
    .unary("clamp", self) { raw, out in
      Tensor.withOptional(min) { low in
        Tensor.withOptional(max) { high in ct_clamp(raw, low, high, out) }
      }
    }
  }

  /// The elements clamped to a range.
  public func clamped(to range: ClosedRange<Double>) -> Tensor {
    clamped(min: range.lowerBound, max: range.upperBound)
  }

  /// Returns the smaller of each two elements; shapes are broadcast.
  public static func minimum(_ a: Tensor, _ b: Tensor) -> Tensor {
    .binary("minimum", a, b, ct_minimum)
  }

  /// Returns the larger of each two elements; shapes are broadcast.
  public static func maximum(_ a: Tensor, _ b: Tensor) -> Tensor {
    .binary("maximum", a, b, ct_maximum)
  }

  /// Computes `self + weight * (end - self)`. PyTorch `lerp`.
  public func interpolated(to end: Tensor, _ weight: Double) -> Tensor {
    .binary("lerp", self, end) { ct_lerp($0, $1, weight, $2) }
  }

  /// Computes `self + scale * a * b`, in one pass. PyTorch `addcmul`.
  public func addingProduct(_ a: Tensor, _ b: Tensor, scale: Double = 1) -> Tensor {
    .ternary("addcmul", self, a, b) { ct_addcmul($0, $1, $2 ?? $1, scale, $3) }
  }

  /// Chooses `a` where the condition holds, `b` elsewhere; shapes are broadcast.
  public static func `where`(_ condition: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    .ternary("where", condition, a, b) { ct_where($0, $1, $2 ?? $1, $3) }
  }

  /// Sets elements to `value` wherever the mask is true. PyTorch `masked_fill`.
  ///
  /// Shapes: the mask's shape is broadcast to the tensor's.
  public func masked(fill mask: Tensor, _ value: Double) -> Tensor {
    .binary("masked_fill", self, mask) { ct_masked_fill($0, $1, value, $2) }
  }

  /// The tensor with NaN and the infinities replaced.
  public func replacingNonFinite(
    nan: Double = 0, positive: Double, negative: Double
  ) -> Tensor {
    .unary("nan_to_num", self) { ct_nan_to_num($0, nan, positive, negative, $1) }
  }

  /// Passes an optional value to C as a pointer that may be null.
  static func withOptional<Result>(
    _ value: Double?, _ body: (UnsafePointer<Double>?) -> Result
  ) -> Result {
    guard let value else { return body(nil) }
    return withUnsafePointer(to: value) { body($0) }
  }
}

// MARK: - Activations

extension Tensor {
  /// Computes max(x, 0).
  public func relu() -> Tensor { .unary("relu", self, ct_relu) }

  /// Computes x * Phi(x), by the error function.
  ///
  /// Source: Hendrycks and Gimpel, Gaussian Error Linear Units.
  public func gelu() -> Tensor { .unary("gelu", self) { ct_gelu($0, false, $1) } }

  /// Returns the tanh approximation of `gelu`.
  public func geluTanh() -> Tensor { .unary("gelu", self) { ct_gelu($0, true, $1) } }

  /// Computes x * sigmoid(1.702 x).
  ///
  /// Source: openai/CLIP `QuickGELU`.
  public func quickGELU() -> Tensor { self * (self * 1.702).sigmoid() }

  /// Computes x * sigmoid(x).
  public func silu() -> Tensor { .unary("silu", self, ct_silu) }

  /// Computes x * tanh(softplus(x)).
  public func mish() -> Tensor { .unary("mish", self, ct_mish) }

  /// Returns the exponentials along an axis, divided by their sum.
  public func softmax(over axis: Int) -> Tensor {
    .unary("softmax", self) { ct_softmax($0, axis, $1) }
  }

  /// Returns the logarithm of `softmax`, without overflow.
  public func logSoftmax(over axis: Int) -> Tensor {
    .unary("log_softmax", self) { ct_log_softmax($0, axis, $1) }
  }

  /// Computes log(1 + exp(beta x)) / beta; linear above `threshold`.
  public func softplus(beta: Double = 1, threshold: Double = 20) -> Tensor {
    .unary("softplus", self) { ct_softplus($0, beta, threshold, $1) }
  }

  /// Computes x above zero, slope * x below.
  public func leakyReLU(_ slope: Double = 0.01) -> Tensor {
    .unary("leaky_relu", self) { ct_leaky_relu($0, slope, $1) }
  }

  /// Computes x above zero, alpha * (exp(x) - 1) below.
  public func elu(_ alpha: Double = 1) -> Tensor {
    .unary("elu", self) { ct_elu($0, alpha, $1) }
  }
}
