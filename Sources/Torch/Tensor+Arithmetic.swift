import CTorch

extension Tensor {
  /// Returns the element-wise sum; shapes are broadcast.
  public static func + (a: Tensor, b: Tensor) -> Tensor { .binary("add", a, b, ct_add) }

  /// The element-wise sum, with a scalar.
  public static func + (a: Tensor, b: Double) -> Tensor {
    .unary("add", a) { ct_add_scalar($0, b, $1) }
  }

  /// The element-wise sum, with a scalar.
  public static func + (a: Double, b: Tensor) -> Tensor { b + a }

  /// Makes a new tensor and assigns it; the old storage does not change.
  public static func += (a: inout Tensor, b: Tensor) { a = a + b }

  /// Makes a new tensor and assigns it; the old storage does not change.
  public static func += (a: inout Tensor, b: Double) { a = a + b }

  /// Returns the element-wise difference; shapes are broadcast.
  public static func - (a: Tensor, b: Tensor) -> Tensor { .binary("sub", a, b, ct_sub) }

  /// The element-wise difference, with a scalar.
  public static func - (a: Tensor, b: Double) -> Tensor {
    .unary("sub", a) { ct_sub_scalar($0, b, $1) }
  }

  /// The element-wise difference, with a scalar.
  public static func - (a: Double, b: Tensor) -> Tensor {
    .unary("sub", b) { ct_scalar_sub(a, $0, $1) }
  }

  /// Makes a new tensor and assigns it; the old storage does not change.
  public static func -= (a: inout Tensor, b: Tensor) { a = a - b }

  /// Makes a new tensor and assigns it; the old storage does not change.
  public static func -= (a: inout Tensor, b: Double) { a = a - b }

  /// Returns the element-wise product; shapes are broadcast.
  public static func * (a: Tensor, b: Tensor) -> Tensor { .binary("mul", a, b, ct_mul) }

  /// The element-wise product, with a scalar.
  public static func * (a: Tensor, b: Double) -> Tensor {
    .unary("mul", a) { ct_mul_scalar($0, b, $1) }
  }

  /// The element-wise product, with a scalar.
  public static func * (a: Double, b: Tensor) -> Tensor { b * a }

  /// Makes a new tensor and assigns it; the old storage does not change.
  public static func *= (a: inout Tensor, b: Tensor) { a = a * b }

  /// Makes a new tensor and assigns it; the old storage does not change.
  public static func *= (a: inout Tensor, b: Double) { a = a * b }

  /// The element-wise quotient; integers become float32; shapes are broadcast.
  public static func / (a: Tensor, b: Tensor) -> Tensor { .binary("div", a, b, ct_div) }

  /// The element-wise quotient; integers become float32, with a scalar.
  public static func / (a: Tensor, b: Double) -> Tensor {
    .unary("div", a) { ct_div_scalar($0, b, $1) }
  }

  /// The element-wise quotient; integers become float32, with a scalar.
  public static func / (a: Double, b: Tensor) -> Tensor {
    .unary("div", b) { ct_scalar_div(a, $0, $1) }
  }

  /// Makes a new tensor and assigns it; the old storage does not change.
  public static func /= (a: inout Tensor, b: Tensor) { a = a / b }

  /// Makes a new tensor and assigns it; the old storage does not change.
  public static func /= (a: inout Tensor, b: Double) { a = a / b }

  /// Returns the negated elements.
  public static prefix func - (x: Tensor) -> Tensor { .unary("neg", x, ct_neg) }
}

// MARK: - Comparisons, as tensors of bool

infix operator .== : ComparisonPrecedence
infix operator .!= : ComparisonPrecedence

extension Tensor {
  /// Tests elements for equality, as bool; shapes are broadcast.
  public static func .== (a: Tensor, b: Tensor) -> Tensor { .binary("eq", a, b, ct_eq) }

  /// Tests elements for equality, as bool.
  public static func .== (a: Tensor, b: Double) -> Tensor {
    .unary("eq", a) { ct_eq_scalar($0, b, $1) }
  }

  /// Tests elements for difference, as bool; shapes are broadcast.
  public static func .!= (a: Tensor, b: Tensor) -> Tensor { .binary("ne", a, b, ct_ne) }

  /// Tests elements for difference, as bool.
  public static func .!= (a: Tensor, b: Double) -> Tensor {
    .unary("ne", a) { ct_ne_scalar($0, b, $1) }
  }

  /// Tests where the left element is less, as bool; shapes are broadcast.
  public static func .< (a: Tensor, b: Tensor) -> Tensor { .binary("lt", a, b, ct_lt) }

  /// Tests where the element is less, as bool.
  public static func .< (a: Tensor, b: Double) -> Tensor {
    .unary("lt", a) { ct_lt_scalar($0, b, $1) }
  }

  /// Tests where the left element is less or equal, as bool; shapes are broadcast.
  public static func .<= (a: Tensor, b: Tensor) -> Tensor { .binary("le", a, b, ct_le) }

  /// Tests where the element is less or equal, as bool.
  public static func .<= (a: Tensor, b: Double) -> Tensor {
    .unary("le", a) { ct_le_scalar($0, b, $1) }
  }

  /// Tests where the left element is greater, as bool; shapes are broadcast.
  public static func .> (a: Tensor, b: Tensor) -> Tensor { .binary("gt", a, b, ct_gt) }

  /// Tests where the element is greater, as bool.
  public static func .> (a: Tensor, b: Double) -> Tensor {
    .unary("gt", a) { ct_gt_scalar($0, b, $1) }
  }

  /// Tests where the left element is greater or equal, as bool; shapes are broadcast.
  public static func .>= (a: Tensor, b: Tensor) -> Tensor { .binary("ge", a, b, ct_ge) }

  /// Tests where the element is greater or equal, as bool.
  public static func .>= (a: Tensor, b: Double) -> Tensor {
    .unary("ge", a) { ct_ge_scalar($0, b, $1) }
  }

  /// Tests where both are true (not zero), as bool.
  public func logicalAnd(_ other: Tensor) -> Tensor {
    .binary("logical_and", self, other, ct_logical_and)
  }

  /// Tests where either is true (not zero), as bool.
  public func logicalOr(_ other: Tensor) -> Tensor {
    .binary("logical_or", self, other, ct_logical_or)
  }

  /// Tests where exactly one is true (not zero), as bool.
  public func logicalXor(_ other: Tensor) -> Tensor {
    .binary("logical_xor", self, other, ct_logical_xor)
  }

  /// Tests where the element is zero or false, as bool.
  public func logicalNot() -> Tensor { .unary("logical_not", self, ct_logical_not) }

  /// Tests where the element is neither infinite nor NaN, as bool.
  public func isFinite() -> Tensor { .unary("isfinite", self, ct_isfinite) }

  /// Tests where the element is NaN, as bool.
  public func isNaN() -> Tensor { .unary("isnan", self, ct_isnan) }

  /// Tests where the element is infinite, as bool.
  public func isInfinite() -> Tensor { .unary("isinf", self, ct_isinf) }
}
