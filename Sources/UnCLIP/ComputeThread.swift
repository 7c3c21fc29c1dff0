import Dispatch
import Foundation
import Synchronization
import Torch
import TorchNN

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
      ProcessExit.watch()
      while let job = jobs.next() {
        guard ProcessExit.begin() else { return }
        job.runSynchronously(on: executor)
        ProcessExit.end()
      }
    }
    thread.name = "unclip"
    thread.start()
  }

  deinit { jobs.close() }

  func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }
}

/// Lets work that runs while the process exits come to its end, before LibTorch takes itself apart beneath it.
enum ProcessExit {
  private static let state = Mutex<(running: Int, isExiting: Bool)>((0, false))
  private static let ended = DispatchSemaphore(value: 0)

  /// Whether the process exits; long work asks at each of its steps.
  static var isExiting: Bool { state.withLock { $0.isExiting } }

  /// Makes the exit wait for work under way; once for the process.
  static func watch() { watching }

  private static let watching: Void = {
    // What is registered last runs first, and oneDNN registers the ends of its own tables when a kind of
    // layer first runs. So each kind that it computes for us runs here before.
    let random = RandomSource(seed: 0)
    let layer = Linear(64, 64, using: random)
    let convolution = Conv2d(32, 32, kernel: 1, using: random)
    for module in [layer, convolution] as [any Module] {
      module.freeze()
      module.pack()
    }
    noGrad {
      _ = layer(.zeros([64, 64])).gelu()
      _ = convolution(.zeros([1, 32, 16, 16]))
    }
    atexit {
      let running = ProcessExit.state.withLock { state in
        state.isExiting = true
        return state.running
      }
      for _ in 0..<running { ProcessExit.ended.wait() }
    }
  }()

  /// Whether work may begin; it says when it has ended.
  static func begin() -> Bool {
    state.withLock { state in
      guard !state.isExiting else { return false }
      state.running += 1
      return true
    }
  }

  static func end() {
    let isExiting = state.withLock { state in
      state.running -= 1
      return state.isExiting
    }
    if isExiting { ended.signal() }
  }
}
