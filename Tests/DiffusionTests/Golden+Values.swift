import TestSupport
import Testing
import Torch

extension Golden {
  subscript(key: String) -> Tensor {
    get throws { try tensor(key) }
  }

  func ints(_ key: String) throws -> [Int] { try self[key].array(of: Int64.self).map { Int($0) } }
  func floats(_ key: String) throws -> [Float] { try self[key].array(of: Float.self) }
}

/// Whether two values agree to a relative tolerance.
func isClose(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool {
  a == b || abs(a - b) <= tolerance * max(abs(a), abs(b))
}

/// Expects a table to agree entry by entry to a relative tolerance: its entries span ten decades.
func expectTable(
  _ values: [Double], _ golden: Tensor, _ tolerance: Double, _ name: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(
    values, golden.array(of: Double.self), Tolerance(absolute: 0, relative: tolerance), name,
    sourceLocation: sourceLocation)
}
