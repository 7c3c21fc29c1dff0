/// Finds the tensors in the value of a pickle, and names each by its path.
struct TensorCollector {
  /// The deepest nesting of containers; one that contains itself is found by this.
  static let deepest = 64
  /// The most values visited: a container may be shared by many, so this bounds the work.
  static let mostValues = 1_000_000

  private let file: String
  private let budget: ReadingBudget
  private var found: [String: TensorReference] = [:]
  private var visited = 0

  /// - Throws: `ArchiveError.damaged`.
  static func tensors(
    in value: PickleValue, file: String, budget: ReadingBudget
  ) throws(ArchiveError) -> [String: TensorReference] {
    var collector = TensorCollector(file: file, budget: budget)
    try collector.visit(value, at: "", depth: 0)
    return collector.found
  }

  private init(file: String, budget: ReadingBudget) {
    self.file = file
    self.budget = budget
  }

  private mutating func visit(
    _ value: PickleValue, at path: String, depth: Int
  ) throws(ArchiveError) {
    visited += 1
    guard depth <= Self.deepest, visited <= Self.mostValues else {
      throw .damaged(
        file: file, reason: "its containers are nested without end at \"\(path.prefix(60))\"")
    }
    switch value {
    case .tensor(let tensor):
      try budget.take(bytes: ReadingBudget.bytesOfTensor + path.utf8.count)
      found[path] = tensor
    case .list(let list), .tuple(let list):
      for (index, item) in list.items.enumerated() {
        try visit(item, at: try joined(path, "\(index)"), depth: depth + 1)
      }
    case .dictionary(let dictionary):
      for (key, item) in dictionary.items {
        let name: String
        switch key {
        case .string(let text): name = text
        case .int(let number): name = "\(number)"
        // Keys of other types, such as bool, name no weights.
        default: continue
        }
        try visit(item, at: try joined(path, name), depth: depth + 1)
      }
    case .none, .bool, .int, .double, .string, .opaque, .global, .storage: break
    }
  }

  private func joined(_ path: String, _ name: String) throws(ArchiveError) -> String {
    guard !path.isEmpty else { return name }
    // Long paths are counted even if they are dropped soon: making them takes time.
    let length = path.utf8.count + name.utf8.count + 1
    if length > 256 { try budget.take(bytes: length) }
    return "\(path).\(name)"
  }
}
