import Dispatch
import Foundation
import Synchronization

/// A serial executor with one thread that lives as long as it does.
///
/// A dispatch queue may run each job on another thread, and OpenMP keeps a team of threads for each
/// thread that ever computed.
final class ComputeThread: SerialExecutor {
  /// The jobs, shared with the thread, which must not keep the executor alive.
  private final class Jobs: Sendable {
    private let waiting = Mutex<(jobs: [UnownedJob], isClosed: Bool)>(([], false))
    private let changed = DispatchSemaphore(value: 0)

    func append(_ job: UnownedJob) {
      waiting.withLock { $0.jobs.append(job) }
      changed.signal()
    }

    func close() {
      waiting.withLock { $0.isClosed = true }
      changed.signal()
    }

    /// Returns the next job, waited for; nil once there are no more and none will come.
    func next() -> UnownedJob? {
      while true {
        let (job, isClosed) = waiting.withLock { state in
          (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
        }
        if let job { return job }
        if isClosed { return nil }
        changed.wait()
      }
    }
  }

  private let jobs = Jobs()

  init() {
    let jobs = jobs
    let executor = asUnownedSerialExecutor()
    let thread = Thread {
      while let job = jobs.next() { job.runSynchronously(on: executor) }
    }
    thread.name = "unclip"
    thread.start()
  }

  deinit { jobs.close() }

  func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }
}
