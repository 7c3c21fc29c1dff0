/// Finds the word that another is a misspelling of.
package enum Spelling {
  /// Short forms and other trainers' words for keys of configurations.
  private static let forms: [String: String] = [
    "lr": "learning_rate", "bs": "batch_size", "wd": "weight_decay", "warmup": "warm_up_steps",
    "epochs": "steps", "iterations": "steps", "max_steps": "steps", "ema": "ema_decay",
    "clip_grad": "max_gradient_norm", "grad_accum": "gradient_accumulation",
  ]

  /// Returns the word that `word` is a common other form of, or the nearest of `words`, if at most a
  /// third of the letters (at least one) are wrong.
  package static func nearest(to word: String, among words: some Sequence<String>) -> String? {
    if let form = words.first(where: { forms[word] == $0 || forms[$0] == word }) { return form }
    let most = max(1, min(word.count, 40) / 3)
    guard word.count <= 100 else { return nil }
    let near = words.lazy.filter { abs($0.count - word.count) <= most }
      .map { (word: $0, distance: distance(word, $0)) }
      .filter { $0.distance <= most }
    return near.min { ($0.distance, $0.word) < ($1.distance, $1.word) }?.word
  }

  /// Counts the letters to insert, remove, change or swap with their neighbour.
  ///
  /// Source: Damerau 1964, in the form of optimal string alignment.
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var earlier: [Int] = []
    var above = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(above[j + 1] + 1, row[j] + 1, above[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, earlier[j - 1] + 1) }
        row.append(best)
      }
      (earlier, above) = (above, row)
    }
    return above[b.count]
  }
}
