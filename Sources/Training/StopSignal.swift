import Dispatch
import Foundation
import Synchronization

/// Whether the user or the system asked this process to end: a run then writes a checkpoint after
/// the step at work instead of dying in it.
public final class StopSignal {
  private final class Flag: Sendable {
    let isSet = Mutex(false)
  }

  private typealias Handler = @convention(c) (Int32) -> Void

  private let flag = Flag()
  private var sources: [any DispatchSourceSignal] = []
  /// What each signal did before.
  private var earlier: [(number: Int32, handler: Handler?)] = []

  /// Listens from now on to `SIGINT` (Ctrl-C), `SIGHUP` (the terminal was closed) and `SIGTERM`; a
  /// second one of any of them ends the process at once.
  ///
  /// A signal that the process ignores already, as `nohup` has it, goes on being ignored.
  public init() {
    for number in [SIGINT, SIGHUP, SIGTERM] {
      let before = signal(number, SIG_IGN)
      if !Self.isIgnoring(before) { earlier.append((number, before)) }
    }
    let numbers = earlier.map(\.number)
    sources = numbers.map { DispatchSource.makeSignalSource(signal: $0, queue: .global()) }
    for source in sources {
      source.setEventHandler { [flag] in
        flag.isSet.withLock { $0 = true }
        for number in numbers { signal(number, SIG_DFL) }
      }
      // Until the source listens the signal would be ignored and lost.
      let listening = DispatchSemaphore(value: 0)
      source.setRegistrationHandler { listening.signal() }
      source.resume()
      listening.wait()
    }
  }

  /// The signals do again what they did before.
  deinit {
    for source in sources { source.cancel() }
    for (number, handler) in earlier { signal(number, handler) }
  }

  /// Whether one has come.
  public var isRequested: Bool { flag.isSet.withLock { $0 } }

  private static func isIgnoring(_ handler: Handler?) -> Bool {
    unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
