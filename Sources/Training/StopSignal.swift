import Dispatch
import Foundation
import Synchronization

/// Whether the user or the system asked this process to end: a run then writes a checkpoint after
/// the step at work instead of dying in it.
public final class StopSignal {
  private final class Flag: Sendable {
    let isSet = Mutex(false)
  }

  private let flag = Flag()
  private let sources: [any DispatchSourceSignal]

  /// Listens to `SIGINT` and `SIGTERM` from now on; a second one ends the process at once.
  public init() {
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    for (number, source) in zip([SIGINT, SIGTERM], sources) {
      source.setEventHandler { [flag] in
        flag.isSet.withLock { $0 = true }
        signal(number, SIG_DFL)
      }
      // Until the source listens the signal would be ignored and lost.
      let listening = DispatchSemaphore(value: 0)
      source.setRegistrationHandler { listening.signal() }
      source.resume()
      listening.wait()
    }
  }

  /// Whether one has come.
  public var isRequested: Bool { flag.isSet.withLock { $0 } }
}
