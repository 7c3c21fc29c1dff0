import Synchronization

/// The news of a job for one listener, who may be slow: of states and steps only the newest waits,
/// images and partial images all do, so that a mailbox holds at most twice as many as the job has of
/// these.
final class UpdateMailbox: Sendable {
  private struct State {
    var waiting: [JobUpdate] = []
    var isOpen = false
    var hasEnded = false
    var reader: CheckedContinuation<JobUpdate?, Never>?

    /// The next to hand over; nil while there is nothing.
    mutating func take() -> (reader: CheckedContinuation<JobUpdate?, Never>, JobUpdate?)? {
      guard isOpen, let reader, hasEnded || !waiting.isEmpty else { return nil }
      self.reader = nil
      return (reader, waiting.isEmpty ? nil : waiting.removeFirst())
    }
  }

  private let state = Mutex(State())

  /// Adds news.
  func push(_ update: JobUpdate) {
    change { state in
      guard !state.hasEnded else { return }
      guard case .changed(let record, let preview) = update,
        case .changed(_, let older)? = state.waiting.last, older?.partial == nil
      else { return state.waiting.append(update) }
      state.waiting[state.waiting.count - 1] = .changed(record, preview: preview ?? older)
    }
  }

  /// Begins: `first` comes before what was pushed until now.
  func open(with first: [JobUpdate]) {
    change { state in
      state.waiting = first + state.waiting
      state.isOpen = true
    }
  }

  /// Ends the news; what waits is still handed over.
  func end() { change { $0.hasEnded = true } }

  /// The stream of one reader.
  var stream: AsyncStream<JobUpdate> {
    AsyncStream {
      await self.next()
    } onCancel: {
      self.change { state in
        (state.isOpen, state.hasEnded) = (true, true)
        state.waiting = []
      }
    }
  }

  private func next() async -> JobUpdate? {
    await withCheckedContinuation { reader in
      change { state in
        precondition(state.reader == nil, "a mailbox has one reader")
        state.reader = reader
      }
    }
  }

  private func change(_ body: (inout sending State) -> Void) {
    let ready = state.withLock { state in
      body(&state)
      return state.take()
    }
    if let ready { ready.reader.resume(returning: ready.1) }
  }
}
