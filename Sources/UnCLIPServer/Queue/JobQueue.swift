import Files
public import Foundation

/// The jobs of a server: bounded, fair between owners, and on disk before they are accepted.
///
/// Jobs that had not ended when the server stopped go on at ``start()`` with the images that they
/// lack.
public actor JobQueue: JobService {
  /// How much a queue takes and how long it waits.
  public struct Limits: Sendable {
    /// Images that may be accepted and not yet made.
    public var capacity = 64
    /// Jobs that run at once: the workers of the pool.
    public var concurrency = 1
    /// Seconds for which a repetition joins the job of the first call.
    public var retryWindow = 600.0
    /// Seconds for which a job runs on whose client hung up at its deadline, until it asks again.
    public var linger = 15.0

    /// The limits that serve one person or a small team.
    public init() {}
  }

  /// What a model cannot do, said before a job is accepted.
  public typealias Check =
    @Sendable (JobRequest, ModelDescription) throws(JobRefusal) -> Void

  /// A job that has not ended.
  struct Entry {
    var job: StoredJob
    /// Ids of images that were deleted, which the record does not list.
    var hidden: Set<String> = []
    var listeners: [WeakMailbox] = []
    /// Partial images for the first listener, who has not come yet.
    var partials: [JobUpdate] = []
    /// Ends its waiting at the deadline.
    var deadline: Task<Void, Never>?
    /// Cancels it if its client does not come back.
    var farewell: Task<Void, Never>?
    /// When its image at work began.
    var imageBegan: Date?
    var isCancelled = false
    /// Its final record, if that was committed with its last image.
    var committed: JobRecord?

    /// Images that are not made yet.
    var imagesLeft: Int {
      let request = job.record.request
      return request.operation.makesImages ? max(0, request.count - job.images.count) : 1
    }
  }

  /// A listener as long as it listens.
  struct WeakMailbox {
    weak var mailbox: UpdateMailbox?
  }

  let store: ServerStore
  let runner: any JobRunner
  let limits: Limits
  let clock: ServerClock
  let check: Check
  let watch: @Sendable (QueueEvent) -> Void

  var entries: [String: Entry] = [:]
  var line = WaitingLine()
  var running: [String: Task<Void, Never>] = [:]
  var speed = SpeedEstimate()
  var isDraining = false
  /// Whether what runs is given up, to be made at the next start.
  var isInterrupted = false
  /// Images of jobs that are being committed, with their owners.
  var arriving: [String: (owner: String?, images: Int)] = [:]
  /// Calls with a retry key that are being accepted.
  var calls: [String: Task<Result<JobRecord, JobRefusal>, Never>] = [:]
  /// The model that was loaded last.
  var lastModel: ModelDescription?
  var lastTidied: Date

  /// Makes a queue; nothing runs before ``start()``.
  ///
  /// - Parameters:
  ///   - store: Where jobs and images are kept.
  ///   - runner: What runs jobs, `limits.concurrency` at once.
  ///   - limits: How much it takes and how long it waits.
  ///   - clock: The time, for deadlines and measurements.
  ///   - check: Refuses what the model cannot do.
  ///   - watch: Is told what happens, at once; it must not wait.
  public init(
    store: ServerStore, runner: any JobRunner, limits: Limits = Limits(),
    clock: ServerClock = .system, check: @escaping Check = { _, _ in },
    watch: @escaping @Sendable (QueueEvent) -> Void = { _ in }
  ) {
    self.store = store
    self.runner = runner
    self.limits = limits
    self.clock = clock
    self.check = check
    self.watch = watch
    lastTidied = clock.now()
  }

  /// Takes up the jobs that had not ended when the server stopped.
  ///
  /// - Throws: `StoreError`.
  public func start() async throws(StoreError) {
    try await store.tidy(at: clock.now())
    for (request, seconds) in try await store.recentSpeeds() { speed.add(seconds, for: request) }
    for job in try await store.unfinished() where entries[job.record.id] == nil { enqueue(job) }
    startJobs()
  }

  // MARK: JobService

  /// Accepts a job: when this returns, it is on disk and survives a crash of the server.
  public func submit(
    _ request: JobRequest, owner: String?, deadline: Date?, retryKey: String?
  ) async throws(JobRefusal) -> JobRecord {
    do throws(JobRefusal) {
      return try await join(request, owner: owner, deadline: deadline, retryKey: retryKey)
    } catch {
      watch(.refused(request, error))
      throw error
    }
  }

  private func join(
    _ request: JobRequest, owner: String?, deadline: Date?, retryKey: String?
  ) async throws(JobRefusal) -> JobRecord {
    guard let retryKey else {
      return try await accept(request, owner: owner, deadline: deadline, retry: nil)
    }
    let retry = try Self.retry(retryKey, owner, request)
    if let present = calls[retry] { return try await present.value.get() }
    let call = Task {
      do throws(JobRefusal) {
        return Result<JobRecord, JobRefusal>.success(
          try await self.accept(request, owner: owner, deadline: deadline, retry: retry))
      } catch {
        return .failure(error)
      }
    }
    calls[retry] = call
    defer { calls[retry] = nil }
    return try await call.value.get()
  }

  /// Returns a job; nil if there is none of that id that `owner` may see: with a key, its own.
  public func job(_ id: String, owner: String?) async throws -> JobRecord? {
    if let record = entries[id]?.job.record {
      return owner == nil || owner == record.owner ? located(record) : nil
    }
    return try await store.job(id, owner: owner)
  }

  /// Says what happens to a job. It begins with its present state and the images that it has; of a
  /// job that has ended, the state comes after them, as it ends the stream. When the server stops
  /// first, the stream ends without a final state.
  public func updates(of id: String) async -> AsyncStream<JobUpdate> {
    let mailbox = UpdateMailbox()
    if let record = entries[id]?.job.record {
      entries[id]?.listeners.append(WeakMailbox(mailbox: mailbox))
      let partials = entries[id]?.partials ?? []
      entries[id]?.partials = []
      let first = JobUpdate.changed(located(record), preview: nil)
      mailbox.open(with: [first] + (await images(of: record, after: partials)))
      // Nothing more happens to what is left for the next start.
      if isDraining, running[id] == nil { mailbox.end() }
    } else {
      mailbox.end()
      do {
        let record = try await store.job(id, owner: nil)
        guard let record else { throw CancellationError() }
        mailbox.open(with: await images(of: record) + [.changed(record, preview: nil)])
      } catch {
        mailbox.open(with: [])
      }
    }
    return mailbox.stream
  }

  /// Cancels a job, queued or running; nothing for one that ended.
  public func cancel(_ id: String) async {
    guard entries[id] != nil else { return }
    entries[id]?.isCancelled = true
    if let task = running[id] {
      task.cancel()
    } else {
      await end(id, .cancelled, .cancelled)
    }
  }

  /// Cancels a job whose client left; one whose client hung up at the deadline runs on for a few
  /// seconds, as that client repeats its call.
  public func abandon(_ id: String) async {
    guard let entry = entries[id] else { return }
    let isTimeout = entry.job.deadline.map { $0.timeIntervalSince(clock.now()) < 1 } ?? false
    guard running[id] != nil, entry.job.retry != nil, isTimeout else { return await cancel(id) }
    entry.farewell?.cancel()
    let end = clock.now() + limits.linger
    entries[id]?.farewell = Task { [clock] in
      await clock.wait(end)
      if !Task.isCancelled { await self.cancel(id) }
    }
  }

  /// Returns the PNG file of an image; nil if there is none.
  public func imageFile(_ id: String) async throws -> URL? { try await store.imageFile(id) }

  /// Takes a file that a job will name; returns its SHA-256, hexadecimal.
  public func store(_ data: Data) async throws(JobRefusal) -> String {
    do throws(StoreError) {
      try await requireRoom()
      return try await store.addInput(data, at: clock.now())
    } catch {
      throw Self.refusal(error)
    }
  }

  /// How full the queue is.
  public var load: JobLoad {
    JobLoad(
      waiting: images(of: nil), capacity: limits.capacity, secondsPerImage: speed.average,
      isDraining: isDraining)
  }

  /// Stops: accepts nothing more, lets what runs end for at most `grace` seconds, and leaves what
  /// waits for the next start. What still runs then goes on at the next start too.
  public func drain(grace: Double) async {
    isDraining = true
    for id in line.order { endListeners(id) }
    let end = clock.now() + grace
    let timer = Task { [clock] in
      await clock.wait(end)
      if !Task.isCancelled { self.interrupt() }
    }
    while let task = running.first?.value { await task.value }
    timer.cancel()
  }

  private func interrupt() {
    isInterrupted = true
    for task in running.values { task.cancel() }
  }
}
