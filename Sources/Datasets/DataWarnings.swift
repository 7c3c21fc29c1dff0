import Synchronization

/// Warnings about data that are skipped while a run goes on, each once; without a receiver they are
/// dropped.
package enum DataWarnings {
  private struct State {
    var receiver: (@Sendable (String) -> Void)?
    var sent: Set<String> = []
  }

  private static let state = Mutex(State())

  /// Gives the warnings that follow to `receiver`, each a sentence without a full stop.
  package static func report(to receiver: @escaping @Sendable (String) -> Void) {
    state.withLock { $0.receiver = receiver }
  }

  static func send(_ text: String) {
    let receiver = state.withLock { $0.sent.insert(text).inserted ? $0.receiver : nil }
    receiver?(text)
  }
}
