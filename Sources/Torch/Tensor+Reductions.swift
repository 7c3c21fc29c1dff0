import CTorch

/// Reductions. Given no axes, they reduce to a tensor of no axes; given axes, these are removed, or
/// kept with length one when `keepingDims` is true.
extension Tensor {
  /// The sum; integers and bools are summed as int64.
  public func sum() -> Tensor { .unary("sum", self) { ct_sum($0, [], 0, false, $1) } }

  /// The sum; integers and bools are summed as int64.
  public func sum(over axes: Int..., keepingDims: Bool = false) -> Tensor {
    sum(over: axes, keepingDims: keepingDims)
  }

  /// The sum; integers and bools are summed as int64.
  public func sum(over axes: [Int], keepingDims: Bool = false) -> Tensor {
    .unary("sum", self) { ct_sum($0, axes, axes.count, keepingDims, $1) }
  }

  /// Returns the mean.
  public func mean() -> Tensor { .unary("mean", self) { ct_mean($0, [], 0, false, $1) } }

  /// Returns the mean.
  public func mean(over axes: Int..., keepingDims: Bool = false) -> Tensor {
    mean(over: axes, keepingDims: keepingDims)
  }

  /// Returns the mean.
  public func mean(over axes: [Int], keepingDims: Bool = false) -> Tensor {
    .unary("mean", self) { ct_mean($0, axes, axes.count, keepingDims, $1) }
  }

  /// Returns the largest element.
  public func max() -> Tensor { .unary("amax", self) { ct_amax($0, [], 0, false, $1) } }

  /// Returns the largest element.
  public func max(over axes: Int..., keepingDims: Bool = false) -> Tensor {
    max(over: axes, keepingDims: keepingDims)
  }

  /// Returns the largest element.
  public func max(over axes: [Int], keepingDims: Bool = false) -> Tensor {
    .unary("amax", self) { ct_amax($0, axes, axes.count, keepingDims, $1) }
  }

  /// Returns the smallest element.
  public func min() -> Tensor { .unary("amin", self) { ct_amin($0, [], 0, false, $1) } }

  /// Returns the smallest element.
  public func min(over axes: Int..., keepingDims: Bool = false) -> Tensor {
    min(over: axes, keepingDims: keepingDims)
  }

  /// Returns the smallest element.
  public func min(over axes: [Int], keepingDims: Bool = false) -> Tensor {
    .unary("amin", self) { ct_amin($0, axes, axes.count, keepingDims, $1) }
  }

  /// Returns whether any element is true (not zero), as bool.
  public func any() -> Tensor { .unary("any", self) { ct_any($0, [], 0, false, $1) } }

  /// Returns whether any element is true (not zero), as bool.
  public func any(over axes: Int..., keepingDims: Bool = false) -> Tensor {
    any(over: axes, keepingDims: keepingDims)
  }

  /// Returns whether any element is true (not zero), as bool.
  public func any(over axes: [Int], keepingDims: Bool = false) -> Tensor {
    .unary("any", self) { ct_any($0, axes, axes.count, keepingDims, $1) }
  }

  /// Returns whether all elements are true (not zero), as bool.
  public func all() -> Tensor { .unary("all", self) { ct_all($0, [], 0, false, $1) } }

  /// Returns whether all elements are true (not zero), as bool.
  public func all(over axes: Int..., keepingDims: Bool = false) -> Tensor {
    all(over: axes, keepingDims: keepingDims)
  }

  /// Returns whether all elements are true (not zero), as bool.
  public func all(over axes: [Int], keepingDims: Bool = false) -> Tensor {
    .unary("all", self) { ct_all($0, axes, axes.count, keepingDims, $1) }
  }

  /// Returns the logarithm of the sum of exponentials, without overflow.
  public func logSumExp() -> Tensor {
    .unary("logsumexp", self) { ct_logsumexp($0, [], 0, false, $1) }
  }

  /// Returns the logarithm of the sum of exponentials, without overflow.
  public func logSumExp(over axes: Int..., keepingDims: Bool = false) -> Tensor {
    logSumExp(over: axes, keepingDims: keepingDims)
  }

  /// Returns the logarithm of the sum of exponentials, without overflow.
  public func logSumExp(over axes: [Int], keepingDims: Bool = false) -> Tensor {
    .unary("logsumexp", self) { ct_logsumexp($0, axes, axes.count, keepingDims, $1) }
  }

  /// Returns the variance; divided by n - 1 when unbiased, else by n.
  public func variance(unbiased: Bool = true) -> Tensor {
    .unary("var", self) { ct_var($0, [], 0, false, unbiased, $1) }
  }

  /// Returns the variance; divided by n - 1 when unbiased, else by n.
  public func variance(
    over axes: Int..., unbiased: Bool = true, keepingDims: Bool = false
  ) -> Tensor {
    .unary("var", self) { ct_var($0, axes, axes.count, keepingDims, unbiased, $1) }
  }

  /// Returns the square root of the variance.
  public func standardDeviation(unbiased: Bool = true) -> Tensor {
    .unary("std", self) { ct_std($0, [], 0, false, unbiased, $1) }
  }

  /// Returns the square root of the variance.
  public func standardDeviation(
    over axes: Int..., unbiased: Bool = true, keepingDims: Bool = false
  ) -> Tensor {
    .unary("std", self) { ct_std($0, axes, axes.count, keepingDims, unbiased, $1) }
  }

  /// Returns the norm of all elements together; order 2 is Euclidean.
  public func norm(order: Double = 2) -> Tensor {
    .unary("norm", self) { ct_norm($0, order, [], 0, false, $1) }
  }

  /// Returns the norm along axes; order 2 is Euclidean.
  public func norm(over axes: Int..., order: Double = 2, keepingDims: Bool = false) -> Tensor {
    .unary("norm", self) { ct_norm($0, order, axes, axes.count, keepingDims, $1) }
  }

  /// Returns the vectors along an axis divided by their Euclidean norm, or by `epsilon` if that is
  /// larger.
  public func normalized(over axis: Int = -1, epsilon: Double = 1e-12) -> Tensor {
    self / norm(over: axis, keepingDims: true).clamped(min: epsilon)
  }

  /// Returns the product along an axis.
  public func product(over axis: Int, keepingDims: Bool = false) -> Tensor {
    .unary("prod", self) { ct_prod($0, axis, keepingDims, $1) }
  }

  /// Returns the index of the largest element along an axis, as int64.
  public func argmax(over axis: Int, keepingDims: Bool = false) -> Tensor {
    .unary("argmax", self) { ct_argmax($0, axis, keepingDims, $1) }
  }

  /// Returns the index of the smallest element along an axis, as int64.
  public func argmin(over axis: Int, keepingDims: Bool = false) -> Tensor {
    .unary("argmin", self) { ct_argmin($0, axis, keepingDims, $1) }
  }

  /// Returns the largest element along an axis and its index.
  public func maxWithIndices(
    over axis: Int, keepingDims: Bool = false
  ) -> (values: Tensor, indices: Tensor) {
    Tensor.pair("max", self) { ct_max_with_indices($0, axis, keepingDims, $1, $2) }
  }

  /// Returns the running sum along an axis.
  public func cumulativeSum(over axis: Int) -> Tensor {
    .unary("cumsum", self) { ct_cumsum($0, axis, $1) }
  }

  /// Returns the running product along an axis.
  public func cumulativeProduct(over axis: Int) -> Tensor {
    .unary("cumprod", self) { ct_cumprod($0, axis, $1) }
  }

  /// Returns the `count` largest (or smallest) elements along an axis, in order, and their indices.
  public func topK(
    _ count: Int, over axis: Int = -1, largest: Bool = true
  ) -> (values: Tensor, indices: Tensor) {
    Tensor.pair("topk", self) { ct_topk($0, count, axis, largest, $1, $2) }
  }

  /// The elements sorted along an axis, equal ones in their old order, and their old indices.
  public func sorted(
    over axis: Int = -1, descending: Bool = false
  ) -> (values: Tensor, indices: Tensor) {
    Tensor.pair("sort", self) { ct_sort($0, axis, descending, $1, $2) }
  }

  /// Returns the quantile `q` along an axis, interpolated linearly between elements.
  ///
  /// Range: `q` in [0, 1].
  public func quantile(_ q: Double, over axis: Int, keepingDims: Bool = false) -> Tensor {
    .unary("quantile", self) { ct_quantile($0, q, axis, keepingDims, $1) }
  }

  /// How often each integer from 0 on occurs. PyTorch `bincount`.
  ///
  /// Shapes: `[n]` -> `[max(minimumLength, largest + 1)]`, int64.
  public func occurrences(minimumLength: Int = 0) -> Tensor {
    .unary("bincount", self) { ct_bincount($0, minimumLength, $1) }
  }
}
