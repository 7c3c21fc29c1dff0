import Config
import Foundation
import Logging
import TestSupport
import Testing
import UnCLIP
import UnCLIPServer

@testable import UnCLIPCommand

/// How a worker process starts, ends and is started again.
@Suite(.serialized) struct WorkerLifeTests {
  private static let short = WorkerHarness.request(.generate, prompt: "a red apple")
  /// A job that nobody would wait for.
  private static var long: JobRequest {
    var request = WorkerHarness.request(.generate, prompt: "a red apple", steps: 900)
    request.count = 500
    return request
  }

  @Test func theModelIsDescribed() async throws {
    try await withWorker(WorkerHarness()) { harness in
      try await WorkerHarness.wait { await harness.worker.model != nil }
      let model = try #require(await harness.worker.model)
      #expect(model.operations.contains(.generate) && model.operations.contains(.classify))
      #expect(model.memory > 1 << 20 && model.fingerprint.count >= 16)
      #expect(model.sizes.last == model.defaultSize)
      #expect(try JobRequest.defaults(of: model).decoderSteps > 0)
    }
  }

  @Test func aKilledProcessLosesItsJobAlone() async throws {
    try await withWorker(WorkerHarness()) { harness in
      #expect(await harness.run(Self.short).failure == nil)
      for round in 0..<12 {
        let before = await harness.worker.processIdentifier
        let job = Task { await harness.run(Self.long) }
        let next = Task { await harness.run(Self.short) }
        // From before the job begins to its middle.
        try await Task.sleep(for: .milliseconds(round * 15))
        if let id = await harness.worker.processIdentifier { kill(id, SIGKILL) }
        let isLost = await WorkerLifeTests.ends(job, within: .seconds(20))
        // Killed before it was sent, it runs on the next process.
        if !isLost { job.cancel() }
        if isLost { #expect(await job.value.failure == .outOfMemory) }
        let outcome = await next.value
        #expect(outcome.images.count == 1 && outcome.failure == nil, "round \(round)")
        #expect(await harness.worker.processIdentifier != before)
      }
    }
  }

  private static func ends(
    _ job: Task<WorkerHarness.Outcome, Never>, within time: Duration
  ) async -> Bool {
    await withTaskGroup { group in
      group.addTask {
        _ = await job.value
        return true
      }
      group.addTask {
        do { try await Task.sleep(for: time) } catch {}
        job.cancel()
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
  }

  @Test func aCrashIsNoShortageOfMemory() async throws {
    try await withWorker(WorkerHarness()) { harness in
      let job = Task { await harness.run(Self.long) }
      try await WorkerHarness.wait { await harness.worker.isAtWork }
      let id = try #require(await harness.worker.processIdentifier)
      kill(id, SIGUSR1)
      guard case .crashed(let sentence)? = await job.value.failure else {
        Issue.record("no crash")
        return
      }
      #expect(sentence.contains("ended by signal \(SIGUSR1)"))
      #expect(await harness.run(Self.short).failure == nil)
    }
  }

  /// Listens to a job for some steps.
  private static func listen(to worker: WorkerProcess, steps: Int) async throws {
    var count = 0
    for try await event in worker.run(long) {
      if case .step = event { count += 1 }
      if count == steps { return }
    }
  }

  @Test func whoStopsListeningCancels() async throws {
    try await withWorker(WorkerHarness()) { harness in
      #expect(await harness.run(Self.short).failure == nil)
      let id = await harness.worker.processIdentifier
      try await Self.listen(to: harness.worker, steps: 5)
      let start = ContinuousClock.now
      #expect(await harness.run(Self.short).failure == nil)
      #expect(ContinuousClock.now - start < .seconds(10), "the long job has 500 images")
      #expect(await harness.worker.processIdentifier == id, "a cancelled job ends no process")
      // Jobs that are cancelled while they wait, and before they came.
      let first = Task { await harness.run(Self.long) }
      let waiting = Task { await harness.run(Self.long) }
      let gone = Task { await harness.run(Self.long) }
      gone.cancel()
      try await Task.sleep(for: .milliseconds(50))
      waiting.cancel()
      first.cancel()
      #expect(await harness.run(Self.short).failure == nil)
    }
  }

  @Test func aSilentProcessIsEnded() async throws {
    let harness = try WorkerHarness { $0.silence = .seconds(1) }
    try await withWorker(harness) { harness in
      let job = Task { await harness.run(Self.long) }
      try await WorkerHarness.wait { await harness.worker.isAtWork }
      let id = try #require(await harness.worker.processIdentifier)
      kill(id, SIGSTOP)
      guard case .crashed(let sentence)? = await job.value.failure else {
        Issue.record("no end")
        return
      }
      #expect(sentence.contains("did not answer for 1"))
      #expect(await harness.run(Self.short).failure == nil)
    }
  }

  @Test func memoryDoesNotGrow() async throws {
    try await withWorker(WorkerHarness()) { harness in
      func memory() async throws -> Int {
        let id = try #require(await harness.worker.processIdentifier)
        let text = try String(contentsOfFile: "/proc/\(id)/statm", encoding: .utf8)
        return Int(text.split(separator: " ")[1]).map { $0 * 4096 } ?? 0
      }
      for _ in 0..<40 { _ = await harness.run(Self.short) }
      let before = try await memory()
      for _ in 0..<200 {
        #expect(await harness.run(Self.short).failure == nil)
      }
      #expect(try await memory() - before < 16 << 20)
    }
  }

  @Test func stoppingLeavesNoProcess() async throws {
    let harness = try WorkerHarness()
    await harness.worker.start()
    let running = Task { await harness.run(Self.long) }
    try await WorkerHarness.wait { await harness.worker.isAtWork }
    let waiting = Task { await harness.run(Self.short) }
    try await Task.sleep(for: .milliseconds(20))
    let id = try #require(await harness.worker.processIdentifier)
    await harness.worker.stop(grace: .milliseconds(100))
    #expect(await running.value.failure == .interrupted)
    #expect(await waiting.value.failure == .interrupted)
    #expect(kill(id, 0) == -1 && errno == ESRCH)
    #expect(await harness.run(Self.short).failure == .interrupted)
  }

  @Test func aGraceLetsTheJobEnd() async throws {
    let harness = try WorkerHarness()
    await harness.worker.start()
    var request = Self.short
    request.count = 10
    let running = Task { await harness.run(request) }
    try await WorkerHarness.wait { await harness.worker.isAtWork }
    await harness.worker.stop(grace: .seconds(30))
    let outcome = await running.value
    #expect(outcome.failure == nil && outcome.images.count == 10)
  }

  /// The child ends with whoever started it, even in the middle of a job.
  @Test func noOrphanIsLeft() async throws {
    // A shell starts a worker on the two ends of nothing but itself; its stream ends with it.
    let outcome = try BuiltCommand.shell(#""$0" worker </dev/null"#)
    expectFailure(outcome, status: 64, saying: "started by unclip serve")
    let harness = try WorkerHarness()
    await harness.worker.start()
    _ = Task { await harness.run(Self.long) }
    try await WorkerHarness.wait { await harness.worker.isAtWork }
    let id = try #require(await harness.worker.processIdentifier)
    await harness.worker.hangUp()
    try await WorkerHarness.wait { await harness.worker.processIdentifier != id }
    #expect(kill(id, 0) == -1 && errno == ESRCH)
    await harness.worker.stop()
  }

  @Test func aModelThatCannotBeLoadedIsTold() async throws {
    try await withWorker(WorkerHarness(model: "/nowhere")) { harness in
      guard case .failed(let sentence)? = await harness.run(Self.short).failure else {
        Issue.record("no failure")
        return
      }
      #expect(sentence.contains("/nowhere"))
      #expect(await harness.worker.model == nil)
    }
  }

  @Test func aProgramThatIsNoWorkerIsTold() async throws {
    for path in ["/bin/echo", "/nowhere/unclip"] {
      let harness = try WorkerHarness(executable: URL(fileURLWithPath: path))
      try await withWorker(harness) { harness in
        let failure = await harness.run(Self.short).failure
        #expect("\(failure.map { "\($0)" } ?? "")".contains("start"), "\(path): \(failure as Any)")
      }
    }
  }

  @Test func aPoolSpreadsJobs() async throws {
    let harness = try WorkerHarness()
    let configuration = harness.worker.configuration
    let pool = WorkerPool(
      [configuration, configuration],
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    await pool.start()
    for worker in pool.workers { try await WorkerHarness.wait { await worker.model != nil } }
    let long = Task { for try await _ in pool.run(Self.long) {} }
    try await WorkerHarness.wait { await pool.workers[0].isAtWork }
    var images = 0
    for try await event in pool.run(Self.short) { if case .image = event { images += 1 } }
    #expect(images == 1, "the other process is free")
    #expect(await pool.model?.name == "model")
    long.cancel()
    await pool.stop()
  }
}
