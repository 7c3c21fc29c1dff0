import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct SharedBatchTests {
  /// Noise and dropout included: what is drawn for a row does not depend on who has it.
  @Test(arguments: [[0, 1, 4], [0, 2, 3, 4], [0, 1, 2, 3, 4]])
  func gradientsOfRowsAddUpToThoseOfTheBatch(_ bounds: [Int]) throws {
    func gradients(_ shares: [BatchRows]) throws -> (loss: Double, gradients: [Tensor]) {
      let task = ToyTask()
      var sum = 0.0
      for rows in shares {
        task.module.seedDropout(5, rows: rows)
        let loss = task.loss(
          try task.batch(at: 3, rows: rows), of: 0, using: RandomSource(seed: 7, rows: rows))
        (loss.total * rows.fraction).backward()
        sum += loss.total.item() * rows.fraction
      }
      return (sum, task.module.parameters().compactMap(\.gradient))
    }
    let whole = try gradients([.all(4)])
    let shared = try gradients(
      zip(bounds, bounds.dropFirst()).map { BatchRows($0..<$1, of: 4) })
    #expect(abs(shared.loss - whole.loss) < 1e-6 * abs(whole.loss))
    #expect(shared.gradients.count == whole.gradients.count && !whole.gradients.isEmpty)
    for (a, b) in zip(shared.gradients, whole.gradients) { expectClose(a, b, .products) }
  }
}
