public import Testing
public import Torch

/// How far values may be apart: `absolute + relative * |expected|`.
public struct Tolerance: Sendable {
  /// The part that does not depend on the value.
  public let absolute: Double
  /// The part that grows with the value.
  public let relative: Double

  /// One number for both parts.
  public init(_ both: Double) { (absolute, relative) = (both, both) }

  /// Two numbers; the place that uses them says why the table does not do.
  public init(absolute: Double, relative: Double) {
    (self.absolute, self.relative) = (absolute, relative)
  }

  /// No difference at all.
  public static let exact = Tolerance(0)
  /// Tables of schedules, computed in float64.
  public static let schedule = Tolerance(1e-12)
  /// Element functions in float32.
  public static let elements = Tolerance(1e-6)
  /// Matrix products and convolutions in float32.
  public static let products = Tolerance(1e-5)
  /// A gradient against finite differences in float64.
  public static let gradient = Tolerance(1e-6)

  /// A whole network that computes in a type.
  public static func network(_ dtype: DType) -> Tolerance {
    switch dtype {
    case .float64: Tolerance(1e-9)
    case .float32: Tolerance(1e-4)
    case .float16: Tolerance(2e-3)
    default: Tolerance(1e-2)
    }
  }
}

/// Expects two tensors of one shape to agree element by element; names the worst element.
public func expectClose(
  _ actual: Tensor, _ expected: Tensor, _ tolerance: Tolerance = .elements,
  _ comment: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.shape == expected.shape else {
    Issue.record(
      "\(comment()) shape \(actual.shape) instead of \(expected.shape)",
      sourceLocation: sourceLocation)
    return
  }
  expectClose(
    actual.array(of: Double.self), expected.array(of: Double.self), tolerance, comment(),
    shape: expected.shape, sourceLocation: sourceLocation)
}

/// Expects two lists to agree element by element; names the worst element.
public func expectClose(
  _ actual: [Double], _ expected: [Double], _ tolerance: Tolerance = .elements,
  _ comment: @autoclosure () -> String = "", shape: [Int]? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.count == expected.count else {
    Issue.record(
      "\(comment()) \(actual.count) values instead of \(expected.count)",
      sourceLocation: sourceLocation)
    return
  }
  var worst = (excess: 0.0, index: -1)
  var failures = 0
  for (index, (a, e)) in zip(actual, expected).enumerated() {
    if a == e || (a.isNaN && e.isNaN) { continue }
    let allowed = tolerance.absolute + tolerance.relative * abs(e)
    let difference = abs(a - e)
    if difference <= allowed { continue }
    failures += 1
    let excess = difference.isFinite ? difference / max(allowed, 1e-300) : .infinity
    if excess >= worst.excess { worst = (excess, index) }
  }
  guard failures > 0 else { return }
  let place = coordinates(of: worst.index, in: shape ?? [expected.count])
  Issue.record(
    """
    \(comment()) \(failures) of \(expected.count) values differ; worst at \(place): \
    \(actual[worst.index]) instead of \(expected[worst.index]), \(worst.excess) times what \
    \(tolerance.absolute) + \(tolerance.relative) * |expected| allows
    """, sourceLocation: sourceLocation)
}

/// The index along each axis of an element counted in row-major order.
private func coordinates(of index: Int, in shape: [Int]) -> [Int] {
  var rest = index
  var result: [Int] = []
  for length in shape.reversed() {
    result.append(rest % max(length, 1))
    rest /= max(length, 1)
  }
  return result.reversed()
}
