import Dispatch
import Synchronization

/// Runs asynchronous work for a command, which waits for it.
final class Waiting<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let ended = DispatchSemaphore(value: 0)

  private init() {}

  /// Returns what the work does.
  static func run(_ work: @escaping @Sendable () async throws -> Value) throws -> Value {
    let waiting = Waiting()
    Task.detached {
      let result: Result<Value, any Error>
      do { result = .success(try await work()) } catch { result = .failure(error) }
      waiting.result.withLock { $0 = result }
      waiting.ended.signal()
    }
    waiting.ended.wait()
    guard let result = waiting.result.withLock({ $0 }) else {
      preconditionFailure("work ended without a result")
    }
    return try result.get()
  }
}
