import CTorch

extension Tensor {
  /// Changes the shape; one length may be -1 and follows from the others. PyTorch `reshape`.
  ///
  /// - Precondition: the number of elements stays the same.
  public func reshaped(_ shape: [Int]) -> Tensor {
    .unary("reshape", self) { ct_reshape($0, shape, shape.count, $1) }
  }

  /// Changes the shape; one length may be -1 and follows from the others. PyTorch `reshape`.
  ///
  /// - Precondition: the number of elements stays the same.
  public func reshaped(_ shape: Int...) -> Tensor { reshaped(shape) }

  /// Changes the shape without copying. PyTorch `view`.
  ///
  /// - Precondition: the strides allow it.
  public func view(_ shape: Int...) -> Tensor {
    .unary("view", self) { ct_view($0, shape, shape.count, $1) }
  }

  /// Swaps two axes. PyTorch `transpose`.
  public func transposed(_ a: Int = -2, _ b: Int = -1) -> Tensor {
    .unary("transpose", self) { ct_transpose($0, a, b, $1) }
  }

  /// Reorders the axes. PyTorch `permute`.
  public func permuted(_ axes: Int...) -> Tensor { permuted(axes) }

  /// Reorders the axes. PyTorch `permute`.
  public func permuted(_ axes: [Int]) -> Tensor {
    .unary("permute", self) { ct_permute($0, axes, axes.count, $1) }
  }

  /// Removes an axis of length 1; one of another length stays. PyTorch `squeeze`.
  public func squeezed(_ axis: Int) -> Tensor {
    .unary("squeeze", self) { ct_squeeze($0, axis, $1) }
  }

  /// Inserts an axis of length 1. PyTorch `unsqueeze`.
  public func unsqueezed(_ axis: Int) -> Tensor {
    .unary("unsqueeze", self) { ct_unsqueeze($0, axis, $1) }
  }

  /// Repeats axes of length 1 without copying; -1 leaves an axis as it is. PyTorch `expand`.
  public func expanded(_ shape: [Int]) -> Tensor {
    .unary("expand", self) { ct_expand($0, shape, shape.count, $1) }
  }

  /// Repeats axes of length 1 without copying; -1 leaves an axis as it is. PyTorch `expand`.
  public func expanded(_ shape: Int...) -> Tensor { expanded(shape) }

  /// Joins the axes from one through another. PyTorch `flatten`.
  public func flattened(from axis: Int = 0, through last: Int = -1) -> Tensor {
    .unary("flatten", self) { ct_flatten($0, axis, last, $1) }
  }

  /// Takes a range of an axis, sharing storage. PyTorch `narrow`.
  public func narrowed(_ axis: Int, start: Int, count: Int) -> Tensor {
    .unary("narrow", self) { ct_narrow($0, axis, start, count, $1) }
  }

  /// Takes one index of an axis, which is removed. PyTorch `select`.
  public func selected(_ axis: Int, _ index: Int) -> Tensor {
    .unary("select", self) { ct_select($0, axis, index, $1) }
  }

  /// One index of the first axis.
  public subscript(index: Int) -> Tensor { selected(0, index) }

  /// A range of the first axis.
  public subscript(range: Range<Int>) -> Tensor {
    narrowed(0, start: range.lowerBound, count: range.count)
  }

  /// Takes every `step`-th index of an axis from `start` up to but not including `end`.
  public func strided(_ axis: Int, from start: Int, to end: Int, by step: Int) -> Tensor {
    .unary("slice", self) { ct_slice($0, axis, start, end, step, $1) }
  }

  /// Splits an axis into pieces of given lengths. PyTorch `split`.
  public func split(sizes: [Int], over axis: Int) -> [Tensor] {
    withExtendedLifetime(self) {
      var raws = [OpaquePointer?](repeating: nil, count: sizes.count)
      Tensor.check("split", [self], ct_split(handle.raw, sizes, sizes.count, axis, &raws))
      return raws.compactMap { $0.map(Tensor.init(owning:)) }
    }
  }

  /// Splits an axis into pieces of one length; the last may be shorter. PyTorch `split`.
  public func split(size: Int, over axis: Int) -> [Tensor] {
    precondition(size > 0, "split needs a positive size, not \(size)")
    let length = dim(axis)
    return split(
      sizes: stride(from: 0, to: length, by: size).map { Swift.min(size, length - $0) },
      over: axis)
  }

  /// Splits an axis into equal pieces. PyTorch `chunk`.
  ///
  /// - Precondition: the length is a multiple of the count.
  public func chunked(_ count: Int, over axis: Int) -> [Tensor] {
    let length = dim(axis)
    precondition(
      count > 0 && length % count == 0, "axis \(axis) of \(shape) does not fall in \(count) parts")
    return split(sizes: Array(repeating: length / count, count: count), over: axis)
  }

  /// Joins tensors along an axis. PyTorch `cat`.
  public static func concatenated(_ tensors: [Tensor], over axis: Int) -> Tensor {
    Tensor("cat", tensors) { out in
      withHandles(tensors) { ct_concatenate($0, tensors.count, axis, out) }
    }
  }

  /// Joins tensors along a new axis. PyTorch `stack`.
  public static func stacked(_ tensors: [Tensor], over axis: Int = 0) -> Tensor {
    Tensor("stack", tensors) { out in
      withHandles(tensors) { ct_stack($0, tensors.count, axis, out) }
    }
  }

  /// Reverses the order along axes. PyTorch `flip`.
  public func flipped(_ axes: Int...) -> Tensor {
    .unary("flip", self) { ct_flip($0, axes, axes.count, $1) }
  }

  /// Shifts the elements along an axis; those that leave at the end enter at the start. PyTorch
  /// `roll`.
  public func rolled(by shift: Int, over axis: Int) -> Tensor {
    .unary("roll", self) { ct_roll($0, [shift], [axis], 1, $1) }
  }

  /// Repeats the whole tensor along each axis. PyTorch `repeat`.
  public func repeated(_ times: [Int]) -> Tensor {
    .unary("repeat", self) { ct_repeat($0, times, times.count, $1) }
  }

  /// Repeats each index of an axis `times` times. PyTorch `repeat_interleave`.
  public func repeatInterleaved(_ times: Int, over axis: Int) -> Tensor {
    .unary("repeat_interleave", self) { ct_repeat_interleave($0, times, axis, $1) }
  }

  /// How `padded` fills the new elements.
  public enum Padding: Sendable, Equatable {
    /// A constant.
    case constant(Double)
    /// The mirror image at the edge, without the edge itself.
    case reflect
    /// The element at the edge, repeated.
    case replicate
  }

  /// Pads the last axes. PyTorch `pad`.
  ///
  /// Shapes: `amounts` is [left, right] of the last axis, then [top, bottom] of the one before, and
  /// so on.
  public func padded(_ amounts: [Int], mode: Padding = .constant(0)) -> Tensor {
    .unary("pad", self) {
      switch mode {
      case .constant(let value): ct_pad($0, amounts, amounts.count, "constant", value, $1)
      case .reflect: ct_pad($0, amounts, amounts.count, "reflect", 0, $1)
      case .replicate: ct_pad($0, amounts, amounts.count, "replicate", 0, $1)
      }
    }
  }

  /// Zeroes the elements above a diagonal of the last two axes. PyTorch `tril`.
  public func lowerTriangle(diagonal: Int = 0) -> Tensor {
    .unary("tril", self) { ct_tril($0, diagonal, $1) }
  }

  /// Zeroes the elements below a diagonal of the last two axes. PyTorch `triu`.
  public func upperTriangle(diagonal: Int = 0) -> Tensor {
    .unary("triu", self) { ct_triu($0, diagonal, $1) }
  }

  /// Returns the diagonal of two axes, as a last axis. PyTorch `diagonal`.
  public func diagonal(offset: Int = 0, _ a: Int = -2, _ b: Int = -1) -> Tensor {
    .unary("diagonal", self) { ct_diagonal($0, offset, a, b, $1) }
  }
}
