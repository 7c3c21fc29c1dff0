public import Torch

/// A random corruption of text: words are dropped and change places a little.
///
/// Source: Lample et al. 2018, section 2.3.
public struct WordCorruption: Sendable, Equatable {
  /// The probability that a word is dropped.
  public var dropRate: Double
  /// The largest number of positions that a word moves.
  public var shuffleDistance: Int

  /// Groups the values; the rate is 0 to 1 and the distance 0 or more.
  public init(dropRate: Double, shuffleDistance: Int) {
    precondition(
      (0...1).contains(dropRate) && shuffleDistance >= 0,
      "a drop rate lies in 0 to 1 and a distance is 0 or more")
    self.dropRate = dropRate
    self.shuffleDistance = shuffleDistance
  }

  /// Corrupts a sequence of words; at least one is kept.
  public func callAsFunction<Word>(_ words: [Word], using random: RandomSource) -> [Word] {
    guard !words.isEmpty else { return [] }
    let luck = random.uniform([words.count], in: 0..<1).array(of: Double.self)
    var kept = words.indices.filter { luck[$0] >= dropRate }
    if kept.isEmpty, let luckiest = words.indices.max(by: { luck[$0] < luck[$1] }) {
      kept = [luckiest]
    }
    // Sorting by i + u with u below k + 1 swaps no two words that are more than k apart.
    let shifts = random.uniform([kept.count], in: 0..<1).array(of: Double.self)
    let keys = zip(kept.indices, shifts).map { Double($0) + $1 * Double(shuffleDistance + 1) }
    return kept.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { words[kept[$0]] }
  }

  /// Corrupts a text whose words are separated by spaces.
  public func callAsFunction(_ text: String, using random: RandomSource) -> String {
    self(text.split(separator: " "), using: random).joined(separator: " ")
  }
}
