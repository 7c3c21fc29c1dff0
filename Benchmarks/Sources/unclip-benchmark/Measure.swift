import Foundation

/// Seconds of each of `runs` calls, after `warmUp` more that are not counted.
func seconds(runs: Int, warmUp: Int, _ body: () throws -> Void) rethrows -> [Double] {
  let clock = ContinuousClock()
  for _ in 0..<warmUp { try body() }
  return try (0..<runs).map { _ in
    let start = clock.now
    try body()
    return (clock.now - start) / .seconds(1)
  }
}

/// One line: the case, its shape, the shortest and the middle time.
func report(_ name: String, shape: String, _ times: [Double]) throws {
  let sorted = times.sorted()
  let line: [String: Any] = [
    "case": name, "shape": shape, "runs": sorted.count, "min_seconds": sorted[0],
    "median_seconds": sorted[sorted.count / 2], "side": "swift",
  ]
  let data = try JSONSerialization.data(withJSONObject: line, options: [.sortedKeys])
  print(String(decoding: data, as: UTF8.self))
}
