import Distribution
import Foundation
import Torch
import TorchNN

extension Ranks {
  /// Sums a loss and its parts over the processes.
  func sum(
    _ loss: Double, _ parts: [String: Double]
  ) throws(DistributionError) -> (loss: Double, parts: [String: Double]) {
    guard count > 1 else { return (loss, parts) }
    let names = parts.keys.sorted()
    let values = Tensor([loss] + names.map { parts[$0] ?? 0 })
    try sum([values])
    let sums = values.array(of: Double.self)
    return (sums[0], Dictionary(uniqueKeysWithValues: zip(names, sums.dropFirst())))
  }
}
