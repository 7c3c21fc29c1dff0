public import Logging

/// Several worker processes, each of which runs a job at a time.
public actor WorkerPool: JobRunner {
  /// The processes.
  public nonisolated let workers: [WorkerProcess]
  /// Jobs of each that wait or run.
  private var loads: [Int]

  /// Makes a worker of each configuration; ``start()`` starts them.
  ///
  /// - Precondition: There is at least one.
  public init(_ configurations: [WorkerProcess.Configuration], logger: Logger) {
    precondition(!configurations.isEmpty, "a pool of no workers")
    workers = configurations.map { WorkerProcess($0, logger: logger) }
    loads = configurations.map { _ in 0 }
  }

  /// The loaded model; nil while no process has it.
  public var model: ModelDescription? {
    get async {
      var found: ModelDescription?
      for worker in workers {
        guard let model = await worker.model else { continue }
        if found == nil { found = model } else { found?.memory += model.memory }
      }
      return found
    }
  }

  /// Why no process has the model; nil while one may still load it.
  public var refusal: String? {
    get async {
      var last: String?
      for worker in workers {
        guard let refusal = await worker.refusal else { return nil }
        last = refusal
      }
      return last
    }
  }

  /// The numbers of the processes that run.
  public var processIdentifiers: [Int32] {
    get async {
      var found: [Int32] = []
      for worker in workers {
        if let process = await worker.processIdentifier { found.append(process) }
      }
      return found
    }
  }

  /// Jobs that run at the same time.
  public nonisolated var concurrency: Int { workers.count }

  /// Starts the processes.
  public func start() async {
    for worker in workers { await worker.start() }
  }

  /// Ends all processes; see ``WorkerProcess/stop(grace:)``.
  public func stop(grace: Duration = .zero) async {
    await withTaskGroup { group in
      for worker in workers { group.addTask { await worker.stop(grace: grace) } }
    }
  }

  /// Runs a job on the worker with the fewest; see `JobRunner`.
  public nonisolated func run(_ request: JobRequest) -> AsyncThrowingStream<JobEvent, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        let index = await self.take()
        do {
          for try await event in self.workers[index].run(request) { continuation.yield(event) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
        await self.giveBack(index)
      }
      continuation.onTermination = { reason in
        if case .cancelled = reason { task.cancel() }
      }
    }
  }

  private func take() async -> Int {
    // One whose model is loaded goes before one that starts again.
    var ready: Set<Int> = []
    for (index, worker) in workers.enumerated() where await worker.model != nil {
      ready.insert(index)
    }
    let candidates = ready.isEmpty ? Array(workers.indices) : ready.sorted()
    let index = candidates.min { loads[$0] < loads[$1] } ?? 0
    loads[index] += 1
    return index
  }

  private func giveBack(_ index: Int) { loads[index] -= 1 }
}
