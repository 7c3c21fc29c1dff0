import Synchronization

/// The order of the entries in each pass: each about as often as its weight, shuffled anew.
final class EpochOrders: Sendable {
  /// Entries in one pass: the sum of the weights with the largest scaled to 1.
  let length: Int
  private let cumulative: [Double]
  private let seed: UInt64
  private let orders = Mutex<[Int: [Int]]>([:])

  init(weights: [Double], seed: UInt64) {
    let top = weights.max() ?? 1
    var sum = 0.0
    cumulative = weights.map {
      sum += $0 / top
      return sum
    }
    length = max(1, Int(sum.rounded()))
    self.seed = seed
  }

  /// Returns the entry at a position in the endless sequence of passes.
  func entry(at position: Int) -> Int {
    let (pass, offset) = position.quotientAndRemainder(dividingBy: length)
    return orders.withLock { orders in
      if let order = orders[pass] { return order[offset] }
      let order = order(of: pass)
      orders = orders.filter { abs($0.key - pass) <= 2 }
      orders[pass] = order
      return order[offset]
    }
  }

  /// Orders a pass by systematic sampling: equal steps along the cumulative weights, then shuffled.
  private func order(of pass: Int) -> [Int] {
    var random = SampleRandom(seed: seed ^ 0x5EED_0F0E, pass)
    let total = cumulative.last ?? 1
    let step = total / Double(length)
    var mark = random.uniform() * step
    var order: [Int] = []
    order.reserveCapacity(length)
    for (index, bound) in cumulative.enumerated() {
      while mark < bound && order.count < length {
        order.append(index)
        mark += step
      }
    }
    while order.count < length { order.append(cumulative.count - 1) }
    random.shuffle(&order)
    return order
  }
}
