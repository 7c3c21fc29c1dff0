public import Foundation
public import Logging
import Synchronization

/// Runs jobs in a child process that holds the model, and starts it again when it ends.
///
/// A job that crashes the process, or for which the system has no memory, is lost alone: the server
/// and its waiting jobs go on. One job runs at a time; others wait in the order in which they came.
public actor WorkerProcess: JobRunner {
  /// What is started, and how long it may be silent.
  public struct Configuration: Sendable {
    /// The program, which speaks the worker's protocol: `unclip`.
    public var executable: URL
    /// Its arguments: `worker --model small`.
    public var arguments: [String]
    /// Its environment.
    public var environment: [String: String]
    /// Finds a stored file by its SHA-256.
    public var file: @Sendable (String) -> URL
    /// How long the process may say nothing, not even that it lives, before it is ended.
    public var silence: Duration
    /// How long the model may take to load.
    public var loading: Duration
    /// How long a cancelled job may take to end, which takes one denoising step.
    public var cancelling: Duration
    /// Waits before the first, second, … start after an end; the last is repeated. A process that
    /// has done a job begins anew.
    public var backOff: [Duration]

    /// Groups all of it.
    public init(
      executable: URL, arguments: [String],
      environment: [String: String] = ProcessInfo.processInfo.environment,
      silence: Duration = .seconds(60), loading: Duration = .seconds(900),
      cancelling: Duration = .seconds(300),
      backOff: [Duration] = [
        .milliseconds(100), .milliseconds(500), .seconds(2), .seconds(10), .seconds(30),
      ], file: @escaping @Sendable (String) -> URL
    ) {
      self.executable = executable
      self.arguments = arguments
      self.environment = environment
      self.file = file
      self.silence = silence
      self.loading = loading
      self.cancelling = cancelling
      self.backOff = backOff
    }
  }

  /// Who listens to a job.
  final class Caller: Sendable {
    let hasLeft = Mutex(false)
  }

  /// A job that waits or runs.
  struct Job {
    let id: UInt64
    let request: JobRequest
    let caller: Caller
    let continuation: AsyncThrowingStream<JobEvent, any Error>.Continuation
    /// When it was cancelled; nil unless it was.
    var cancelled: ContinuousClock.Instant?
  }

  package nonisolated let configuration: Configuration
  let logger: Logger
  var waiting: [Job] = []
  var running: Job?
  private var lastJob: UInt64 = 0
  var child: Child?
  var isStopping = false
  /// Starts since a job was done.
  var failedStarts = 0
  /// What happens to the process, one life after the other.
  var life: Task<Void, Never>?

  /// The loaded model; nil while it loads.
  public internal(set) var model: ModelDescription?
  /// Bytes that the process holds.
  public internal(set) var memory = 0
  /// Why the process could not load the model; nil once it has.
  public internal(set) var refusal: String?
  /// How often the process was started.
  public internal(set) var starts = 0

  /// Prepares a worker; ``start()`` starts it.
  public init(_ configuration: Configuration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Whether a job runs.
  public var isAtWork: Bool { running != nil }

  /// Ends the stream to the process as the end of this one would; for tests.
  package func hangUp() { child?.process.channel.shutDown() }

  /// The number of the process; nil where none runs.
  public var processIdentifier: Int32? { child?.process.id }

  /// Starts the process, and again whenever it ends; returns at once.
  public func start() {
    guard life == nil, !isStopping else { return }
    life = Task { await live() }
  }

  /// Runs a job and says what happens; see `JobRunner`.
  ///
  /// A job that comes while the process starts waits for it.
  public nonisolated func run(_ request: JobRequest) -> AsyncThrowingStream<JobEvent, any Error> {
    AsyncThrowingStream { continuation in
      let caller = Caller()
      continuation.onTermination = { reason in
        guard case .cancelled = reason else { return }
        caller.hasLeft.withLock { $0 = true }
        Task { await self.cancel(caller) }
      }
      Task { await self.add(request, of: caller, continuation) }
    }
  }

  private func add(
    _ request: JobRequest, of caller: Caller,
    _ continuation: AsyncThrowingStream<JobEvent, any Error>.Continuation
  ) {
    guard !isStopping else { return continuation.finish(throwing: JobFailure.interrupted) }
    // Its cancellation may have come before it.
    if caller.hasLeft.withLock({ $0 }) { return }
    lastJob += 1
    waiting.append(
      Job(id: lastJob, request: request, caller: caller, continuation: continuation))
    runNext()
  }

  private func cancel(_ caller: Caller) {
    waiting.removeAll { $0.caller === caller }
    guard let id = running?.id, running?.caller === caller else { return }
    running?.cancelled = .now
    send(.cancel(job: id))
  }

  /// Gives the process the next job, if it is free.
  func runNext() {
    guard running == nil, model != nil, child?.isReady == true, !isStopping, !waiting.isEmpty
    else { return }
    let job = waiting.removeFirst()
    running = job
    var files: [String: String] = [:]
    for hash in job.request.files { files[hash] = configuration.file(hash).path }
    send(.run(job: job.id, request: job.request, files: files))
  }

  func send(_ message: WorkerMessage) { child?.send(message) }

  /// Ends the running job.
  func finish(_ failure: JobFailure?) {
    guard let job = running else { return }
    running = nil
    job.continuation.finish(throwing: failure)
  }

  /// Ends the jobs that wait.
  func failWaiting(_ failure: JobFailure) {
    let jobs = waiting
    waiting = []
    for job in jobs { job.continuation.finish(throwing: failure) }
  }

  /// Ends the process: jobs that wait are interrupted, and the one that runs if it has not ended
  /// after `grace`. When this returns, no process is left.
  public func stop(grace: Duration = .zero) async {
    isStopping = true
    failWaiting(.interrupted)
    await wait(for: grace) { self.running == nil }
    finish(.interrupted)
    model = nil
    send(.quit)
    await wait(for: .seconds(2)) { self.child == nil }
    child?.kill(because: "it did not end when it was asked to")
    await wait(for: .seconds(10)) { self.child == nil }
    // What is left of it waits for its next start.
    life?.cancel()
    await life?.value
    life = nil
  }

  private func wait(for duration: Duration, until condition: () -> Bool) async {
    let end = ContinuousClock.now + duration
    while !condition(), ContinuousClock.now < end { await pause(.milliseconds(5)) }
  }

  /// Waits, whether or not this task is cancelled meanwhile.
  private func pause(_ duration: Duration) async {
    await Task {
      do { try await Task.sleep(for: duration) } catch {}
    }.value
  }
}
