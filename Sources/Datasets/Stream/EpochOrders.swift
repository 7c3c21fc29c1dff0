import Synchronization

/// The order of the entries in each epoch: each about as often as its weight, no two epochs alike.
final class EpochOrders: Sendable {
  /// Entries in one epoch: the sum of the weights, the largest scaled to 1.
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

  /// Returns the entry at a position of the endless sequence of epochs.
  func entry(at position: Int) -> Int {
    let (epoch, offset) = position.quotientAndRemainder(dividingBy: length)
    return orders.withLock { orders in
      if let order = orders[epoch] { return order[offset] }
      let order = order(of: epoch)
      orders = orders.filter { abs($0.key - epoch) <= 2 }
      orders[epoch] = order
      return order[offset]
    }
  }

  /// Orders one epoch by systematic sampling: equal steps along the weights from a random start,
  /// shuffled.
  private func order(of epoch: Int) -> [Int] {
    var random = SampleRandom(seed: seed ^ 0x5EED_0F0E, epoch)
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
