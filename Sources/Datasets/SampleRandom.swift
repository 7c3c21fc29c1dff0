import Files

/// Random numbers that are a pure function of a seed and a few indices, the same on every machine.
///
/// Source: SplitMix64, Steele, Lea and Flood 2014.
public struct SampleRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Starts the sequence that belongs to `seed` and `indices`.
  public init(seed: UInt64, _ indices: Int...) {
    state = SplitMix64.mixed(seed &+ SplitMix64.increment)
    for index in indices {
      state = SplitMix64.mixed(
        state ^ SplitMix64.mixed(UInt64(bitPattern: Int64(index)) &+ SplitMix64.increment))
    }
  }

  /// Returns the next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= SplitMix64.increment
    return SplitMix64.mixed(state)
  }

  /// Returns a random number in [0, 1).
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Returns a random number in `range`.
  public mutating func uniform(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
  }

  /// Returns a random integer in 0 ..< `bound`.
  ///
  /// - Precondition: `bound` is at least 1.
  public mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0, "a random number below \(bound) does not exist")
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// Returns true with this probability.
  public mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

  /// Returns one of the elements with equal probability.
  ///
  /// - Precondition: `elements` is not empty.
  public mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[integer(below: elements.count)]
  }

  /// Returns an index with a probability proportional to its weight.
  ///
  /// - Precondition: A weight is above 0.
  public mutating func index(weights: [Double]) -> Int {
    let total = weights.reduce(0, +)
    precondition(total > 0, "\(weights.count) weights add up to \(total)")
    var rest = uniform() * total
    for (index, weight) in weights.enumerated() where weight > 0 {
      rest -= weight
      if rest < 0 { return index }
    }
    return weights.lastIndex { $0 > 0 } ?? 0
  }

  /// Puts the elements in a random order.
  public mutating func shuffle<Element>(_ elements: inout [Element]) {
    for index in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(index, integer(below: index + 1))
    }
  }
}
