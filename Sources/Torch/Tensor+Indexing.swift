import CTorch

/// Reading and writing by tensors of indices, which are int64.
extension Tensor {
  /// Returns the rows of the first axis that `index` names, in its order. PyTorch `index_select`.
  ///
  /// Shapes: `[n, ...]` by `[k]` -> `[k, ...]`.
  public func indexed(by index: Tensor) -> Tensor { indexed(by: index, over: 0) }

  /// Returns the slices of an axis that `index` names, in its order. PyTorch `index_select`.
  public func indexed(by index: Tensor, over axis: Int) -> Tensor {
    .binary("index_select", self, index) { ct_index_select($0, axis, $1, $2) }
  }

  /// Returns the elements where the mask is true, in row-major order. PyTorch `masked_select`.
  ///
  /// Shapes: -> `[number of true elements]`.
  public func selected(where mask: Tensor) -> Tensor {
    .binary("masked_select", self, mask, ct_masked_select)
  }

  /// Returns the indices of the elements that are not zero.
  ///
  /// Shapes: -> `[number of them, rank]`.
  public func nonzero() -> Tensor { .unary("nonzero", self, ct_nonzero) }

  /// Reads, for each element of `index`, the element it names along an axis. PyTorch `gather`.
  public func gathered(_ axis: Int, _ index: Tensor) -> Tensor {
    .binary("gather", self, index) { ct_gather($0, axis, $1, $2) }
  }

  /// Copies, with the elements that `index` names along an axis from `source`. PyTorch `scatter`.
  public func scattered(_ axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    .ternary("scatter", self, index, source) { ct_scatter($0, axis, $1, $2 ?? $1, $3) }
  }

  /// Copies, and adds `source` at the elements that `index` names. PyTorch `scatter_add`.
  public func scatterAdded(_ axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    .ternary("scatter_add", self, index, source) { ct_scatter_add($0, axis, $1, $2 ?? $1, $3) }
  }

  /// Copies, and adds `source` at the slices that `index` names. PyTorch `index_add`.
  ///
  /// Shapes: `index` is `[k]`; `source` has length k along the axis.
  public func indexAdded(_ axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    .ternary("index_add", self, index, source) { ct_index_add($0, axis, $1, $2 ?? $1, $3) }
  }

  /// Sets 1 at the class, 0 elsewhere, as int64. PyTorch `one_hot`.
  ///
  /// Shapes: `[...]` -> `[..., classCount]`.
  public func oneHot(_ classCount: Int) -> Tensor {
    .unary("one_hot", self) { ct_one_hot($0, classCount, $1) }
  }
}
