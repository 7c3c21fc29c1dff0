import Synchronization

/// A counter of the multiplications and additions of matrix products: linear layers, convolutions,
/// attention, `matmul`.
///
/// A multiplication with its addition counts as two, as in data sheets. Element-wise operations do
/// not count, nor do those of other tasks.
public final class OperationCounter: Sendable {
  @TaskLocal private static var current: OperationCounter?
  private let counted = Mutex(0.0)

  /// Makes a counter at zero.
  public init() {}

  /// Operations so far.
  public var count: Double { counted.withLock { $0 } }

  /// Counts what `body` computes.
  public func counting<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Self.$current.withValue(self, operation: body)
  }

  /// Adds to the counter of this task, if there is one.
  static func add(_ operations: @autoclosure () -> Double) {
    guard let current else { return }
    let more = operations()
    current.counted.withLock { $0 += more }
  }
}
