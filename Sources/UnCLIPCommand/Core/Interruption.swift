import Dispatch
import Files
import Foundation
import Synchronization

/// Ends the process on Ctrl-C, a closed terminal or `kill` with nothing half-written and a line
/// that says what was kept.
final class Interruption {
  private final class Note: Sendable {
    let text: Mutex<String>
    init(_ text: String) { self.text = Mutex(text) }
  }

  private let note: Note
  private var sources: [any DispatchSourceSignal] = []
  private var numbers: [Int32] = []

  /// Starts listening; `kept` is what the line says.
  ///
  /// A signal that the process already ignores, as under `nohup`, stays ignored.
  init(_ kept: String) {
    note = Note(kept)
    for number in [SIGINT, SIGHUP, SIGTERM] {
      let before = signal(number, SIG_IGN)
      if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { [note] in
        AtomicFile.removeUnfinished {
          Output.say("\nunclip: Interrupted; \(note.text.withLock { $0 }).\n")
          // The caller may have blocked the signal, and then it would wait for ever.
          var signals = sigset_t()
          sigemptyset(&signals)
          sigaddset(&signals, number)
          pthread_sigmask(SIG_UNBLOCK, &signals, nil)
          signal(number, SIG_DFL)
          kill(getpid(), number)
          _exit(128 + number)
        }
      }
      // Until the source listens, a signal would be lost.
      let listening = DispatchSemaphore(value: 0)
      source.setRegistrationHandler { listening.signal() }
      source.resume()
      listening.wait()
      sources.append(source)
      numbers.append(number)
    }
  }

  deinit {
    for source in sources { source.cancel() }
    for number in numbers { signal(number, SIG_DFL) }
  }

  /// Changes what the line says.
  func update(_ kept: String) { note.text.withLock { $0 = kept } }
}
