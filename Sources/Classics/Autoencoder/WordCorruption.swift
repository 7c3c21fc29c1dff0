public import Torch

/// A way of corrupting text at random: drops words and shuffles the rest a little.
///
/// Source: Lample et al. 2018, section 2.3.
public struct WordCorruption: Sendable, Equatable {
  /// Probability that a word is dropped.
  public var dropRate: Double
  /// How many positions a word can move at most.
  public var shuffleDistance: Int

  /// Groups the values: a rate in 0 to 1, a distance of 0 or more.
  public init(dropRate: Double, shuffleDistance: Int) {
    precondition(
      (0...1).contains(dropRate) && shuffleDistance >= 0,
      "a rate lies in 0 to 1 and a distance is 0 or more")
    self.dropRate = dropRate
    self.shuffleDistance = shuffleDistance
  }

  /// Corrupts a row of words; at least one word is kept.
  public func callAsFunction<Word>(_ words: [Word], using random: RandomSource) -> [Word] {
    guard !words.isEmpty else { return [] }
    let uniform = random.uniform([words.count], in: 0..<1).array(of: Double.self)
    var kept = words.indices.filter { uniform[$0] >= dropRate }
    if kept.isEmpty, let best = words.indices.max(by: { uniform[$0] < uniform[$1] }) {
      kept = [best]
    }
    // Sorting by i + u with u below k + 1 keeps the order of words more than k apart.
    let moves = random.uniform([kept.count], in: 0..<1).array(of: Double.self)
    let keys = zip(kept.indices, moves).map { Double($0) + $1 * Double(shuffleDistance + 1) }
    return kept.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { words[kept[$0]] }
  }

  /// Corrupts a text of words separated by spaces.
  public func callAsFunction(_ text: String, using random: RandomSource) -> String {
    self(text.split(separator: " "), using: random).joined(separator: " ")
  }
}
