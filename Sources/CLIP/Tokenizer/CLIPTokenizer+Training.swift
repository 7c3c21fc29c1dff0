extension CLIPTokenizer {
  /// Learns merges from texts.
  ///
  /// The vocabulary is the 256 byte symbols, the same at the end of a piece, the merges, start and
  /// end. Each round merges the most frequent pair of symbols; of equals the one with the
  /// lowest left symbol, then right symbol, so the same texts give the same tokenizer. Training
  /// stops before `vocabularySize` when no pair occurs `minimumCount` times.
  ///
  /// - Precondition: `vocabularySize` is at least 514 and `contextLength` at least 2.
  ///
  /// Source: Sennrich et al. 2016, algorithm 1; the order of ids is openai/CLIP's.
  /// - Precondition: the vocabulary is no smaller; the context holds at least 2 tokens.
  public static func train(
    on texts: some Sequence<String>, vocabularySize: Int, contextLength: Int = 77,
    minimumCount: Int = 2
  ) -> CLIPTokenizer {
    precondition(
      vocabularySize >= 514, "a vocabulary of \(vocabularySize) does not hold all bytes: 514 do")
    var trainer = BytePairTrainer(texts)
    var symbols = ByteSymbols.bytesInOrder.map(ByteSymbols.symbol)
    symbols += symbols.map { $0 + ByteSymbols.endOfWord }
    var ids = Dictionary(uniqueKeysWithValues: zip(symbols, 0...))
    var merges: [(left: String, right: String)] = []
    while symbols.count < vocabularySize - 2, let pair = trainer.best(minimumCount: minimumCount) {
      let (left, right) = (symbols[Int(pair.left)], symbols[Int(pair.right)])
      let product = left + right
      let id: Int
      if let known = ids[product] {
        id = known
      } else {
        id = symbols.count
        ids[product] = id
        symbols.append(product)
      }
      merges.append((left, right))
      trainer.merge(pair, into: Int32(id))
    }
    for token in [stockStart, stockEnd] {
      ids[token.text] = symbols.count
      symbols.append(token.text)
    }
    do {
      return try CLIPTokenizer(vocabulary: ids, merges: merges, contextLength: contextLength)
    } catch {
      preconditionFailure("a trained vocabulary is whole, but \(error)")
    }
  }
}

/// Pieces as symbols, with the count of each pair of adjacent symbols.
private struct BytePairTrainer {
  typealias Pair = BytePairEncoder.Pair

  private var words: [(symbols: [Int32], count: Int)] = []
  private var counts: [Pair: Int] = [:]
  private var positions: [Pair: Set<Int>] = [:]  // the words that hold or held a pair
  private var heap = Heap<Candidate>()

  init(_ texts: some Sequence<String>) {
    var pieces: [[UInt8]: Int] = [:]
    for text in texts {
      TextSplitter.forEachPiece(of: TextSplitter.cleaned(text)[...]) { piece in
        var bytes: [UInt8] = []
        for scalar in piece { bytes += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter }
        pieces[bytes, default: 0] += 1
        return true
      }
    }
    var order = [Int32](repeating: 0, count: 256)
    for (id, byte) in ByteSymbols.bytesInOrder.enumerated() { order[Int(byte)] = Int32(id) }
    words = pieces.map { bytes, count in
      var symbols = bytes.map { order[Int($0)] }
      symbols[symbols.count - 1] += 256
      return (symbols, count)
    }
    for index in words.indices { change(index, by: words[index].count) }
    for (pair, count) in counts { heap.insert(Candidate(pair: pair, count: count)) }
  }

  /// Returns the most frequent pair, if it occurs at least `minimumCount` times.
  mutating func best(minimumCount: Int) -> Pair? {
    while let candidate = heap.removeFirst() {
      let count = counts[candidate.pair] ?? 0
      if count == candidate.count { return count >= minimumCount ? candidate.pair : nil }
      // The count has fallen since: requeue it.
      if count > 0, count < candidate.count {
        heap.insert(Candidate(pair: candidate.pair, count: count))
      }
    }
    return nil
  }

  /// Replaces every occurrence of a pair, left to right, and updates the counts.
  mutating func merge(_ pair: Pair, into product: Int32) {
    var touched: Set<Pair> = []
    for index in positions.removeValue(forKey: pair) ?? [] {
      let old = words[index].symbols
      var new: [Int32] = []
      new.reserveCapacity(old.count)
      var i = 0
      while i < old.count {
        if i + 1 < old.count, old[i] == pair.left, old[i + 1] == pair.right {
          new.append(product)
          i += 2
        } else {
          new.append(old[i])
          i += 1
        }
      }
      guard new.count < old.count else { continue }
      change(index, by: -words[index].count)
      words[index].symbols = new
      change(index, by: words[index].count)
      for (left, right) in zip(new, new.dropFirst()) where left == product || right == product {
        touched.insert(Pair(left: left, right: right))
      }
    }
    counts[pair] = nil
    for pair in touched {
      if let count = counts[pair] { heap.insert(Candidate(pair: pair, count: count)) }
    }
  }

  /// Adds `amount` to the count of each pair of a word.
  private mutating func change(_ index: Int, by amount: Int) {
    let symbols = words[index].symbols
    for (left, right) in zip(symbols, symbols.dropFirst()) {
      let pair = Pair(left: left, right: right)
      counts[pair, default: 0] += amount
      if amount > 0 { positions[pair, default: []].insert(index) }
    }
  }

  private struct Candidate: Comparable {
    let pair: Pair
    let count: Int
    static func < (a: Candidate, b: Candidate) -> Bool {
      (-a.count, a.pair.left, a.pair.right) < (-b.count, b.pair.left, b.pair.right)
    }
  }
}
