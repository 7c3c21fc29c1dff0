import Dispatch
import Foundation
import Synchronization

/// Notices when the user or the system asks this process to end, so that a run can finish its step
/// and write a checkpoint.
public final class StopSignal {
  private final class Flag: Sendable {
    let isSet = Mutex(false)
  }

  private typealias Handler = @convention(c) (Int32) -> Void

  private let flag = Flag()
  private var sources: [any DispatchSourceSignal] = []
  /// The previous handler of each signal.
  private var earlier: [(number: Int32, handler: Handler?)] = []

  /// Starts listening to `SIGINT` (Ctrl-C), `SIGHUP` (the terminal was closed) and `SIGTERM`; a
  /// second signal ends the process at once.
  ///
  /// A signal that the process already ignores, as under `nohup`, stays ignored.
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
      // Until the source listens, a signal would be lost.
      let listening = DispatchSemaphore(value: 0)
      source.setRegistrationHandler { listening.signal() }
      source.resume()
      listening.wait()
    }
  }

  /// Restores the previous handlers.
  deinit {
    for source in sources { source.cancel() }
    for (number, handler) in earlier { signal(number, handler) }
  }

  /// Whether a signal has come.
  public var isRequested: Bool { flag.isSet.withLock { $0 } }

  private static func isIgnoring(_ handler: Handler?) -> Bool {
    unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
