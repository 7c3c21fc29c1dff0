public import Foundation

/// The time, and waiting; tests have one of their own.
public struct ServerClock: Sendable {
  /// Gives the time.
  public var now: @Sendable () -> Date
  /// Waits some seconds; ends early in a cancelled task.
  public var sleep: @Sendable (_ seconds: Double) async -> Void

  /// Makes a clock.
  public init(
    now: @escaping @Sendable () -> Date,
    sleep: @escaping @Sendable (_ seconds: Double) async -> Void
  ) {
    self.now = now
    self.sleep = sleep
  }

  /// The clock of the system.
  public static let system = ServerClock(
    now: { Date() },
    sleep: { seconds in
      // A cancelled task need not wait.
      do { try await Task.sleep(for: .seconds(max(0, min(seconds, 1e9)))) } catch {}
    })
}
