public import Torch

/// A way of spoiling sentences at random: words are lost and move a little.
///
/// What a denoising autoencoder undoes need not be an image.
/// Source: Lample et al. 2018, section 2.3.
public struct WordCorruption: Sendable, Equatable {
  /// Share of words that are lost.
  public var dropRate: Double
  /// No word moves further than so many places.
  public var shuffleDistance: Int

  /// Groups the values; the rate is 0 to 1 and the distance 0 or more.
  public init(dropRate: Double, shuffleDistance: Int) {
    precondition(
      (0...1).contains(dropRate) && shuffleDistance >= 0,
      "a share lies in 0 to 1 and a distance is 0 or more")
    self.dropRate = dropRate
    self.shuffleDistance = shuffleDistance
  }

  /// Spoils a row of words; of a row with words at least one is left.
  public func callAsFunction<Word>(_ words: [Word], using random: RandomSource) -> [Word] {
    guard !words.isEmpty else { return [] }
    let luck = random.uniform([words.count], in: 0..<1).array(of: Double.self)
    var places = words.indices.filter { luck[$0] >= dropRate }
    if places.isEmpty, let luckiest = words.indices.max(by: { luck[$0] < luck[$1] }) {
      places = [luckiest]
    }
    // Sorting i + u with u below k + 1 lets no two words pass that are more than k apart.
    let moves = random.uniform([places.count], in: 0..<1).array(of: Double.self)
    let keys = zip(places.indices, moves).map { Double($0) + $1 * Double(shuffleDistance + 1) }
    return places.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { words[places[$0]] }
  }

  /// Spoils a sentence, whose words have spaces between.
  public func callAsFunction(_ sentence: String, using random: RandomSource) -> String {
    self(sentence.split(separator: " "), using: random).joined(separator: " ")
  }
}
