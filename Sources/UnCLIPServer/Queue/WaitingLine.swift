/// Jobs that wait: owners take turns, and of each the first comes first.
struct WaitingLine {
  /// The jobs of each owner; the first owner is next.
  private var lines: [(owner: String?, jobs: [String])] = []

  /// Whether nobody waits.
  var isEmpty: Bool { lines.isEmpty }

  /// Adds a job behind those of its owner; a new owner comes after all others.
  mutating func append(_ id: String, owner: String?) {
    if let line = lines.firstIndex(where: { $0.owner == owner }) {
      lines[line].jobs.append(id)
    } else {
      lines.append((owner, [id]))
    }
  }

  /// Takes the next job.
  mutating func next() -> String? {
    guard !lines.isEmpty else { return nil }
    var line = lines.removeFirst()
    let id = line.jobs.removeFirst()
    if !line.jobs.isEmpty { lines.append(line) }
    return id
  }

  /// Removes a job.
  mutating func remove(_ id: String) {
    for line in lines.indices { lines[line].jobs.removeAll { $0 == id } }
    lines.removeAll { $0.jobs.isEmpty }
  }

  /// All jobs in the order in which they begin.
  var order: [String] {
    var order: [String] = []
    for turn in 0..<(lines.map(\.jobs.count).max() ?? 0) {
      for line in lines where turn < line.jobs.count { order.append(line.jobs[turn]) }
    }
    return order
  }
}
