public import Foundation

/// The time, and waiting; tests have one of their own.
public struct ServerClock: Sendable {
  /// Gives the time.
  public var now: @Sendable () -> Date
  /// Waits until a time; ends early in a cancelled task.
  public var wait: @Sendable (_ until: Date) async -> Void

  /// Makes a clock.
  public init(
    now: @escaping @Sendable () -> Date, wait: @escaping @Sendable (_ until: Date) async -> Void
  ) {
    self.now = now
    self.wait = wait
  }

  /// The clock of the system.
  public static let system = ServerClock(
    now: { Date() },
    wait: { end in
      let seconds = max(0, min(end.timeIntervalSinceNow, 1e9))
      // A cancelled task need not wait.
      do { try await Task.sleep(for: .seconds(seconds)) } catch {}
    })
}
