import Files
import Foundation

/// Which calls repeat which.
///
/// OpenAI's clients send a call again when it failed or took too long, and say only that they do: not
/// which call it was. Two calls that ask for the same are still two calls, so a repetition takes the
/// place of one whose client has left, the oldest first, or else of the newest that runs.
actor RepeatedCalls {
  /// A call that runs, or whose client has left.
  struct Call: Sendable, Equatable {
    /// What it asks for, hashed.
    let content: String
    /// Equal for a call and its repetitions.
    let id: String
  }

  private struct Entry {
    var id: String
    var left: Date?
  }

  private let clock: ServerClock
  /// Seconds for which a call whose client has left is remembered.
  private let memory: Double
  private var entries: [String: [Entry]] = [:]

  init(clock: ServerClock = .system, memory: Double = 600) {
    (self.clock, self.memory) = (clock, memory)
  }

  /// Begins a call, or goes on with the one that it repeats.
  func begin(_ content: Data, isRepeated: Bool) -> Call {
    let oldest = clock.now() - memory
    entries = entries.compactMapValues { calls in
      let kept = calls.filter { $0.left.map { $0 >= oldest } ?? true }
      return kept.isEmpty ? nil : kept
    }
    let content = sha256(content)
    var calls = entries[content] ?? []
    var id = StoreID.random()
    if isRepeated, !calls.isEmpty {
      let index = calls.firstIndex { $0.left != nil } ?? calls.count - 1
      id = calls.remove(at: index).id
    }
    calls.append(Entry(id: id))
    entries[content] = calls
    return Call(content: content, id: id)
  }

  /// Notes that the client of a call has left before its answer.
  func leave(_ call: Call) {
    guard let index = entries[call.content]?.firstIndex(where: { $0.id == call.id }) else { return }
    entries[call.content]?[index].left = clock.now()
  }

  /// Forgets a call that was answered.
  func end(_ call: Call) { entries[call.content]?.removeAll { $0.id == call.id } }
}
