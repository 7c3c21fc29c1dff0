import CTorch

/// Reading and writing by tensors of indices, which are int64.
extension Tensor {
  /// The rows of the first axis that `index` names, in its order.
  ///
  /// Shapes: `[n, ...]` by `[k]` -> `[k, ...]`.
  public func indexed(by index: Tensor) -> Tensor { indexed(by: index, over: 0) }

  /// The indices of an axis that `index` names, in its order.
  public func indexed(by index: Tensor, over axis: Int) -> Tensor {
    .binary("index_select", self, index) { ct_index_select($0, axis, $1, $2) }
  }

  /// The elements where the mask is true, in row-major order.
  ///
  /// Shapes: -> `[number of true elements]`.
  public func selected(where mask: Tensor) -> Tensor {
    .binary("masked_select", self, mask, ct_masked_select)
  }

  /// The indices of the elements that are not zero.
  ///
  /// Shapes: -> `[number of them, rank]`.
  public func nonzero() -> Tensor { .unary("nonzero", self, ct_nonzero) }

  /// For each element of `index`, the element of self that it names along an axis.
  public func gathered(_ axis: Int, _ index: Tensor) -> Tensor {
    .binary("gather", self, index) { ct_gather($0, axis, $1, $2) }
  }

  /// A copy in which the elements that `index` names along an axis are those of `source`.
  public func scattered(_ axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    .ternary("scatter", self, index, source) { ct_scatter($0, axis, $1, $2 ?? $1, $3) }
  }

  /// A copy to which `source` is added at the elements that `index` names along an axis.
  public func scatterAdded(_ axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    .ternary("scatter_add", self, index, source) { ct_scatter_add($0, axis, $1, $2 ?? $1, $3) }
  }

  /// A copy to which `source` is added at the indices of an axis that `index` names.
  ///
  /// Shapes: `index` is `[k]`; `source` has length k along the axis.
  public func indexAdded(_ axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    .ternary("index_add", self, index, source) { ct_index_add($0, axis, $1, $2 ?? $1, $3) }
  }

  /// 1 at the class, 0 elsewhere, as int64.
  ///
  /// Shapes: `[...]` -> `[..., classCount]`.
  public func oneHot(_ classCount: Int) -> Tensor {
    .unary("one_hot", self) { ct_one_hot($0, classCount, $1) }
  }
}
