import Synchronization

/// The merge table of a vocabulary and the search for the best merge.
///
/// Source: Sennrich et al. 2016, section 3.2.
struct BytePairEncoder: Sendable {
  /// Two neighbouring symbols.
  struct Pair: Hashable, Sendable {
    let left: Int32
    let right: Int32
  }

  /// A table entry: merges of lower rank are done first.
  struct Merge: Sendable {
    let rank: Int32
    let product: Int32
  }

  private let table: [Pair: Merge]
  private let inner: [Int32]  // the symbol of each byte
  private let last: [Int32]  // the symbol of each byte that ends a piece
  private let cache = PieceCache()

  /// Holds a merge table; `inner` and `last` have one symbol for each of the 256 bytes.
  init(table: [Pair: Merge], inner: [Int32], last: [Int32]) {
    precondition(inner.count == 256 && last.count == 256, "a symbol for each of the 256 bytes")
    self.table = table
    self.inner = inner
    self.last = last
  }

  /// Returns the symbols of one piece after all merges.
  func symbols(of piece: [UInt8]) -> [Int32] {
    if let known = cache[piece] { return known }
    let merged = merge(piece)
    cache[piece] = merged
    return merged
  }

  /// Merges the pair of lowest rank, leftmost first, until none is left.
  ///
  /// Symbols are a linked list in arrays; candidates wait in a heap and are dropped when a
  /// neighbour has changed, so a piece of n bytes takes n log n steps however long it is.
  private func merge(_ piece: [UInt8]) -> [Int32] {
    guard let final = piece.last else { return [] }
    var symbols = piece.dropLast().map { inner[Int($0)] } + [last[Int(final)]]
    let count = symbols.count
    guard count > 1 else { return symbols }
    var next = Array(1...count)
    var previous = Array(-1..<count - 1)
    var heap = Heap<Candidate>()

    func consider(_ left: Int) {
      guard left >= 0, next[left] < count else { return }
      let pair = Pair(left: symbols[left], right: symbols[next[left]])
      if let merge = table[pair] {
        heap.insert(Candidate(rank: merge.rank, position: left, pair: pair, product: merge.product))
      }
    }
    for left in 0..<count - 1 { consider(left) }
    while let best = heap.removeFirst() {
      let left = best.position
      let right = next[left]
      guard right < count, symbols[left] == best.pair.left, symbols[right] == best.pair.right
      else { continue }
      symbols[left] = best.product
      symbols[right] = Self.gone
      next[left] = next[right]
      if next[right] < count { previous[next[right]] = left }
      consider(previous[left])
      consider(left)
    }
    symbols.removeAll { $0 == Self.gone }
    return symbols
  }

  private static let gone = Int32.min

  private struct Candidate: Comparable {
    let rank: Int32
    let position: Int
    let pair: Pair
    let product: Int32
    static func < (a: Candidate, b: Candidate) -> Bool {
      (a.rank, a.position) < (b.rank, b.position)
    }
    static func == (a: Candidate, b: Candidate) -> Bool {
      (a.rank, a.position) == (b.rank, b.position)
    }
  }
}

/// The symbols of pieces already merged, shared by all copies of a tokenizer.
private final class PieceCache: Sendable {
  private let known = Mutex<[[UInt8]: [Int32]]>([:])
  private static let limit = 65_536  // pieces
  private static let longest = 64  // bytes

  subscript(piece: [UInt8]) -> [Int32]? {
    get { known.withLock { $0[piece] } }
    set {
      guard piece.count <= Self.longest else { return }
      known.withLock {
        if $0.count >= Self.limit { $0.removeAll(keepingCapacity: true) }
        $0[piece] = newValue
      }
    }
  }
}

/// A binary heap whose first element is the least.
struct Heap<Element: Comparable> {
  private var elements: [Element] = []

  mutating func insert(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard elements[child] < elements[parent] else { return }
      elements.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() -> Element? {
    guard let first = elements.first else { return nil }
    let moved = elements.removeLast()
    guard !elements.isEmpty else { return first }
    elements[0] = moved
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < elements.count && elements[child] < elements[least] {
        least = child
      }
      if least == parent { return first }
      elements.swapAt(parent, least)
      parent = least
    }
  }
}
