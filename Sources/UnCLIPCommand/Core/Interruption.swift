import Dispatch
import Files
import Foundation
import Synchronization

/// Ends the process on Ctrl-C, a closed terminal or `kill` with nothing half-written and a line
/// that says what was kept.
final class Interruption: Sendable {
  private let kept: Mutex<String>
  private let sources: Mutex<[any DispatchSourceSignal]> = Mutex([])

  /// Starts listening; `kept` is what the line says.
  ///
  /// A signal that the process already ignores, as under `nohup`, stays ignored.
  init(_ kept: String) {
    self.kept = Mutex(kept)
    for number in [SIGINT, SIGHUP, SIGTERM] {
      let before = signal(number, SIG_IGN)
      if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { [weak self] in
        AtomicFile.removeUnfinished()
        Output.say(
          "\nunclip: Interrupted; \(self?.kept.withLock { $0 } ?? "nothing was written").\n")
        signal(number, SIG_DFL)
        kill(getpid(), number)
      }
      source.resume()
      sources.withLock { $0.append(source) }
    }
  }

  /// Changes what the line says.
  func update(_ kept: String) { self.kept.withLock { $0 = kept } }
}
