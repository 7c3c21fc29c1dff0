import Foundation
import Synchronization

@testable import UnCLIPServer

/// A runner that makes small files that depend on the seed alone, as slowly as a test wants.
///
/// The prompt tells it to misbehave: `poison` crashes each time, `crash once` the first time, `nan`
/// fails.
final class QueueRunner: JobRunner {
  private struct State {
    var permits: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
    var drawn: [UInt64] = []
    var prompts: [String] = []
    var crashed: Set<String> = []
    var cancelled = 0
    var atWork = 0
    var mostAtWork = 0
    var isLoaded: Bool
  }

  private let state: Mutex<State>
  /// Images of a run before it crashes.
  let imagesBeforeCrash: Int
  /// Bytes that each file has in addition.
  let padding: Int

  /// Makes a runner that needs ``allow(_:)`` for each image, or not.
  init(
    isGated: Bool = false, isLoaded: Bool = true, imagesBeforeCrash: Int = 0, padding: Int = 0
  ) {
    self.padding = padding
    state = Mutex(State(permits: isGated ? 0 : .max, isLoaded: isLoaded))
    self.imagesBeforeCrash = imagesBeforeCrash
  }

  static let description = ModelDescription(
    name: "scripted", version: "1", fingerprint: "f00d", sizes: [64], defaultSize: 64,
    operations: JobRequest.Operation.allCases, parts: [], defaults: Data("{}".utf8))

  var model: ModelDescription? {
    get async { state.withLock { $0.isLoaded } ? Self.description : nil }
  }

  /// Whether the model is loaded.
  func setLoaded(_ isLoaded: Bool) { state.withLock { $0.isLoaded = isLoaded } }

  /// The seeds of all images, in the order in which they were made.
  var drawn: [UInt64] { state.withLock { $0.drawn } }
  /// The prompts of all runs, in order.
  var prompts: [String] { state.withLock { $0.prompts } }
  var cancelled: Int { state.withLock { $0.cancelled } }
  var mostAtWork: Int { state.withLock { $0.mostAtWork } }

  /// Lets it make so many images.
  func allow(_ count: Int) {
    for _ in 0..<count {
      let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
        guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
        state.permits += 1
        return nil
      }
      next?.resume()
    }
  }

  static func file(_ seed: UInt64) -> Data { Data("image of seed \(seed)".utf8) }

  static func embedding(_ seed: UInt64) -> [Float] {
    let angle = Float(seed % 360) * .pi / 180
    return [cos(angle), sin(angle), 0, 0, 0, 0, 0, 0, 0]
  }

  func run(_ request: JobRequest) -> AsyncThrowingStream<JobEvent, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        do {
          try await self.work(request, continuation)
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { reason in
        guard case .cancelled = reason else { return }
        self.state.withLock { $0.cancelled += 1 }
        task.cancel()
        // A cancelled run must not wait for a permit.
        self.state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }?.resume()
      }
    }
  }

  private func work(
    _ request: JobRequest, _ continuation: AsyncThrowingStream<JobEvent, any Error>.Continuation
  ) async throws {
    let prompt = request.prompt ?? ""
    state.withLock { state in
      state.prompts.append(prompt)
      state.atWork += 1
      state.mostAtWork = max(state.mostAtWork, state.atWork)
    }
    defer { state.withLock { $0.atWork -= 1 } }
    if request.operation == .embed {
      continuation.yield(
        .result(Data("{\"embeddings\":[{\"embedding\":[1,0,0,0,0,0,0,0,0]}]}".utf8)))
      return
    }
    for index in 0..<request.count {
      try await permit()
      if prompt == "nan" { throw JobFailure.failed("The decoder gave NaN.") }
      let crashes =
        prompt == "poison"
        || prompt == "crash once" && state.withLock { $0.crashed.insert(prompt).inserted }
      if crashes, index == imagesBeforeCrash { throw JobFailure.crashed("killed") }
      var step = JobStep(
        stage: "decoder", step: 1, stepCount: 1, index: index, count: request.count,
        preview: Data("preview".utf8))
      for partial in 0..<request.partialImages {
        step.partial = partial
        continuation.yield(.step(step))
      }
      step.partial = nil
      continuation.yield(.step(step))
      let seed = (request.seed ?? 0) &+ UInt64(index)
      state.withLock { $0.drawn.append(seed) }
      continuation.yield(
        .image(
          JobImage(
            index: index, seed: seed, width: 64, height: 64,
            png: Self.file(seed) + Data(count: padding),
            embedding: Self.embedding(seed))))
    }
  }

  private func permit() async throws {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.permits > 0 else {
          state.waiting.append(continuation)
          return false
        }
        if state.permits < .max { state.permits -= 1 }
        return true
      }
      if isFree { continuation.resume() }
    }
    try Task.checkCancellation()
  }
}

/// A clock that a test moves.
final class QueueClock: Sendable {
  private let time = Mutex(Date(timeIntervalSince1970: 1_800_000_000))

  var now: Date { time.withLock { $0 } }
  func advance(_ seconds: Double) { time.withLock { $0 += seconds } }

  var clock: ServerClock {
    ServerClock(
      now: { self.now },
      wait: { end in
        while self.now < end, !Task.isCancelled {
          do { try await Task.sleep(for: .milliseconds(2)) } catch {}
        }
      })
  }
}

/// A queue over a new store with a scripted runner.
struct QueueBench {
  let folder: URL
  let store: ServerStore
  let runner: QueueRunner
  let clock = QueueClock()
  let queue: JobQueue

  init(
    _ folder: URL, runner: QueueRunner = QueueRunner(), capacity: Int = 64, concurrency: Int = 1,
    quota: Int = ServerStore.defaultQuota
  ) async throws {
    self.folder = folder
    self.runner = runner
    store = try ServerStore(folder, quota: quota)
    var limits = JobQueue.Limits()
    limits.capacity = capacity
    limits.concurrency = concurrency
    queue = JobQueue(store: store, runner: runner, limits: limits, clock: clock.clock)
    try await queue.start()
  }

  func submit(
    _ prompt: String = "a red apple", count: Int = 1, seed: UInt64? = 7, owner: String? = nil,
    deadline: Date? = nil, retryKey: String? = nil
  ) async throws -> JobRecord {
    var request = JobRequest(.generate, prompt: prompt)
    request.count = count
    request.seed = seed
    return try await queue.submit(
      request, owner: owner, deadline: deadline, retryKey: retryKey)
  }

  /// Waits for the end of a job; returns its record.
  func end(_ id: String) async throws -> JobRecord {
    var last: JobRecord?
    for await update in await queue.updates(of: id) {
      if case .changed(let record, _) = update { last = record }
    }
    guard let last else { throw CancellationError() }
    return last
  }

  /// Waits until something is so; false after some seconds.
  func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<2000 {
      if try await condition() { return true }
      do { try await Task.sleep(for: .milliseconds(2)) } catch { return false }
    }
    return false
  }
}
