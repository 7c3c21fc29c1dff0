import CTorch

extension Tensor {
  /// The same elements in another shape; -1 stands for one length that follows.
  ///
  /// Traps: if the counts differ.
  public func reshaped(_ shape: [Int]) -> Tensor {
    .unary("reshape", self) { ct_reshape($0, shape, shape.count, $1) }
  }

  /// The same elements in another shape; -1 stands for one length that follows.
  ///
  /// Traps: if the counts differ.
  public func reshaped(_ shape: Int...) -> Tensor { reshaped(shape) }

  /// The same storage in another shape.
  ///
  /// Traps: if that takes a copy.
  public func view(_ shape: Int...) -> Tensor {
    .unary("view", self) { ct_view($0, shape, shape.count, $1) }
  }

  /// Two axes changed about.
  public func transposed(_ a: Int = -2, _ b: Int = -1) -> Tensor {
    .unary("transpose", self) { ct_transpose($0, a, b, $1) }
  }

  /// The axes in another order.
  public func permuted(_ axes: Int...) -> Tensor { permuted(axes) }

  /// The axes in another order.
  public func permuted(_ axes: [Int]) -> Tensor {
    .unary("permute", self) { ct_permute($0, axes, axes.count, $1) }
  }

  /// An axis of length one removed; one of another length stays.
  public func squeezed(_ axis: Int) -> Tensor {
    .unary("squeeze", self) { ct_squeeze($0, axis, $1) }
  }

  /// An axis of length one put in.
  public func unsqueezed(_ axis: Int) -> Tensor {
    .unary("unsqueeze", self) { ct_unsqueeze($0, axis, $1) }
  }

  /// Axes of length one stretched without copying; -1 leaves an axis as it is.
  public func expanded(_ shape: [Int]) -> Tensor {
    .unary("expand", self) { ct_expand($0, shape, shape.count, $1) }
  }

  /// Axes of length one stretched without copying; -1 leaves an axis as it is.
  public func expanded(_ shape: Int...) -> Tensor { expanded(shape) }

  /// The axes from one through another joined to one.
  public func flattened(from axis: Int = 0, through last: Int = -1) -> Tensor {
    .unary("flatten", self) { ct_flatten($0, axis, last, $1) }
  }

  /// Part of an axis, sharing storage.
  public func narrowed(_ axis: Int, start: Int, count: Int) -> Tensor {
    .unary("narrow", self) { ct_narrow($0, axis, start, count, $1) }
  }

  /// One index of an axis; the axis is removed.
  public func selected(_ axis: Int, _ index: Int) -> Tensor {
    .unary("select", self) { ct_select($0, axis, index, $1) }
  }

  /// One index of the first axis.
  public subscript(index: Int) -> Tensor { selected(0, index) }

  /// A range of the first axis.
  public subscript(range: Range<Int>) -> Tensor {
    narrowed(0, start: range.lowerBound, count: range.count)
  }

  /// Every `step`-th index of an axis from `start` up to and without `end`.
  public func strided(_ axis: Int, from start: Int, to end: Int, by step: Int) -> Tensor {
    .unary("slice", self) { ct_slice($0, axis, start, end, step, $1) }
  }

  /// The axis cut into pieces of given lengths.
  public func split(sizes: [Int], over axis: Int) -> [Tensor] {
    withExtendedLifetime(self) {
      var raws = [OpaquePointer?](repeating: nil, count: sizes.count)
      Tensor.check("split", [self], ct_split(handle.raw, sizes, sizes.count, axis, &raws))
      return raws.compactMap { $0.map(Tensor.init(owning:)) }
    }
  }

  /// The axis cut into pieces of one length; the last may be shorter.
  public func split(size: Int, over axis: Int) -> [Tensor] {
    precondition(size > 0, "split needs a positive size, not \(size)")
    let length = dim(axis)
    return split(
      sizes: stride(from: 0, to: length, by: size).map { Swift.min(size, length - $0) },
      over: axis)
  }

  /// The axis cut into equal pieces.
  ///
  /// Traps: if the length is not a multiple of the count.
  public func chunked(_ count: Int, over axis: Int) -> [Tensor] {
    let length = dim(axis)
    precondition(
      count > 0 && length % count == 0, "axis \(axis) of \(shape) does not fall in \(count) parts")
    return split(sizes: Array(repeating: length / count, count: count), over: axis)
  }

  /// The tensors one after the other along an axis.
  public static func concatenated(_ tensors: [Tensor], over axis: Int) -> Tensor {
    Tensor("cat", tensors) { out in
      withHandles(tensors) { ct_concatenate($0, tensors.count, axis, out) }
    }
  }

  /// The tensors side by side along a new axis.
  public static func stacked(_ tensors: [Tensor], over axis: Int = 0) -> Tensor {
    Tensor("stack", tensors) { out in
      withHandles(tensors) { ct_stack($0, tensors.count, axis, out) }
    }
  }

  /// The order along the axes reversed.
  public func flipped(_ axes: Int...) -> Tensor {
    .unary("flip", self) { ct_flip($0, axes, axes.count, $1) }
  }

  /// The elements moved along an axis; what leaves at the end enters at the start.
  public func rolled(by shift: Int, over axis: Int) -> Tensor {
    .unary("roll", self) { ct_roll($0, [shift], [axis], 1, $1) }
  }

  /// The whole tensor laid out again along each axis.
  public func repeated(_ times: [Int]) -> Tensor {
    .unary("repeat", self) { ct_repeat($0, times, times.count, $1) }
  }

  /// Each index of an axis laid out `times` times in a row.
  public func repeatInterleaved(_ times: Int, over axis: Int) -> Tensor {
    .unary("repeat_interleave", self) { ct_repeat_interleave($0, times, axis, $1) }
  }

  /// What `padded` writes outside the tensor.
  public enum Padding: Sendable, Equatable {
    /// One number.
    case constant(Double)
    /// The mirror image, without the edge itself.
    case reflect
    /// The edge.
    case replicate
  }

  /// Room around the last axes.
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

  /// The last two axes with zeros above a diagonal.
  public func lowerTriangle(diagonal: Int = 0) -> Tensor {
    .unary("tril", self) { ct_tril($0, diagonal, $1) }
  }

  /// The last two axes with zeros below a diagonal.
  public func upperTriangle(diagonal: Int = 0) -> Tensor {
    .unary("triu", self) { ct_triu($0, diagonal, $1) }
  }

  /// The diagonal of two axes, as a last axis.
  public func diagonal(offset: Int = 0, _ a: Int = -2, _ b: Int = -1) -> Tensor {
    .unary("diagonal", self) { ct_diagonal($0, offset, a, b, $1) }
  }
}
