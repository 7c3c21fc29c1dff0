import CTorch

/// An n-dimensional array of numbers.
///
/// A tensor is a handle: copies share storage, as in PyTorch. Operations make new tensors, record
/// themselves for `backward` where gradients are requested, and trap with LibTorch's text and the
/// operand shapes when the operands do not fit. Layout is PyTorch's: images are `[B, C, H, W]`,
/// sequences `[B, L, D]`, linear weights `[out, in]`. Axes are counted from 0, or from the end
/// with -1.
public struct Tensor {
  /// The owner of one LibTorch handle.
  final class Handle {
    let raw: OpaquePointer

    init(_ raw: OpaquePointer) { self.raw = raw }

    deinit { ct_free(raw) }
  }

  let handle: Handle

  init(owning raw: OpaquePointer) { handle = Handle(raw) }
}

@available(*, unavailable)
extension Tensor: Sendable {}

// MARK: - Calls into the shim

/// The destination of the shim's new tensor.
typealias Out = UnsafeMutablePointer<OpaquePointer?>

extension Tensor {
  /// Makes a tensor made by the shim; a failure traps with the operands' shapes.
  @inline(__always)
  init(_ op: StaticString, _ operands: @autoclosure () -> [Tensor], _ body: (Out) -> Int32) {
    var raw: OpaquePointer?
    guard body(&raw) == 0, let raw else { Tensor.fail(op, operands()) }
    self.init(owning: raw)
  }

  /// Returns an operation of one tensor.
  @inline(__always)
  static func unary(
    _ op: StaticString, _ x: Tensor, _ body: (OpaquePointer, Out) -> Int32
  ) -> Tensor {
    withExtendedLifetime(x) { Tensor(op, [x]) { body(x.handle.raw, $0) } }
  }

  /// Returns an operation of two tensors.
  @inline(__always)
  static func binary(
    _ op: StaticString, _ a: Tensor, _ b: Tensor,
    _ body: (OpaquePointer, OpaquePointer, Out) -> Int32
  ) -> Tensor {
    withExtendedLifetime((a, b)) {
      Tensor(op, [a, b]) { body(a.handle.raw, b.handle.raw, $0) }
    }
  }

  /// Returns an operation of three tensors, of which the last may be absent.
  @inline(__always)
  static func ternary(
    _ op: StaticString, _ a: Tensor, _ b: Tensor, _ c: Tensor?,
    _ body: (OpaquePointer, OpaquePointer, OpaquePointer?, Out) -> Int32
  ) -> Tensor {
    withExtendedLifetime((a, b, c)) {
      Tensor(op, [a, b] + (c.map { [$0] } ?? [])) {
        body(a.handle.raw, b.handle.raw, c?.handle.raw, $0)
      }
    }
  }

  /// Returns an operation of one tensor that makes two.
  static func pair(
    _ op: StaticString, _ x: Tensor, _ body: (OpaquePointer, Out, Out) -> Int32
  ) -> (Tensor, Tensor) {
    withExtendedLifetime(x) {
      var first: OpaquePointer?
      var second: OpaquePointer?
      guard body(x.handle.raw, &first, &second) == 0, let first, let second else {
        fail(op, [x])
      }
      return (Tensor(owning: first), Tensor(owning: second))
    }
  }

  /// Returns a call that makes no tensor.
  @inline(__always)
  static func check(
    _ op: StaticString, _ operands: @autoclosure () -> [Tensor], _ status: Int32
  ) {
    guard status == 0 else { fail(op, operands()) }
  }

  /// Runs `body` with the handles of a list.
  static func withHandles<Result>(
    _ list: [Tensor], _ body: (UnsafePointer<OpaquePointer?>) -> Result
  ) -> Result {
    withExtendedLifetime(list) {
      let raws: [OpaquePointer?] = list.map(\.handle.raw)
      return raws.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else {
          var none: OpaquePointer?
          return withUnsafePointer(to: &none) { body($0) }
        }
        return body(base)
      }
    }
  }

  /// Ends the process: an operation that fails, except for lack of memory, is a bug in this
  /// package, not the user's mistake.
  @inline(never)
  static func fail(_ op: StaticString, _ operands: [Tensor]) -> Never {
    let reason = lastFailure()
    endIfOutOfMemory(reason)
    let list = operands.map { "\($0.dtype)\($0.shape)" }.joined(separator: ", ")
    fatalError("\(op)(\(list)): \(reason)")
  }
}
