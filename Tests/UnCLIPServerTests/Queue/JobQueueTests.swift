import Foundation
import TestSupport
import Testing

@testable import UnCLIPServer

struct JobQueueTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func aJobIsOnDiskWhenItIsAcceptedAndItsImagesAreWhenTheyAreSaid() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    let record = try await bench.submit(count: 2)
    #expect(record.request.seed == 7)
    #expect(try await bench.store.job(record.id, owner: nil)?.request == record.request)
    bench.runner.allow(2)
    var images: [JobImage] = []
    var last: JobRecord?
    for await update in await bench.queue.updates(of: record.id) {
      switch update {
      case .changed(let record, _): last = record
      case .image(let id, let image):
        let file = try #require(try await bench.queue.imageFile(id))
        #expect(try !Data(contentsOf: file).isEmpty)
        #expect(image.png.isEmpty)
        images.append(image)
      }
    }
    #expect(images.map(\.seed) == [7, 8])
    #expect(last?.state == .done)
    #expect(last?.images.count == 2)
    #expect(try await bench.store.job(record.id, owner: nil)?.state == .done)
    // Whoever comes late is told the same.
    var late: [JobUpdate] = []
    for await update in await bench.queue.updates(of: record.id) { late.append(update) }
    #expect(late.count == 3)
  }

  @Test func everyPartialImageIsToldToWhoeverListensFirst() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    var request = JobRequest(.generate, prompt: "a red apple")
    (request.count, request.partialImages) = (2, 3)
    let id = try await bench.queue.submit(request, owner: nil, deadline: nil, retryKey: nil).id
    // The first image is made before anybody listens.
    bench.runner.allow(1)
    #expect(
      try await bench.eventually { try await bench.queue.job(id, owner: nil)?.images.count == 1 })
    let updates = await bench.queue.updates(of: id)
    bench.runner.allow(1)
    // A slow listener: nothing is read before all of it has happened.
    #expect(
      try await bench.eventually { try await bench.store.job(id, owner: nil)?.state == .done })
    var told: [String] = []
    for await update in updates {
      switch update {
      case .changed(let record, let preview):
        guard let index = record.progress?.index, let partial = preview?.partial else { continue }
        told.append("\(index) partial \(partial)")
      case .image(_, let image): told.append("\(image.index) image")
      }
    }
    let each = ["partial 0", "partial 1", "partial 2", "image"]
    #expect(told == (0..<2).flatMap { index in each.map { "\(index) \($0)" } })
  }

  @Test func the65thImageIsRefusedAtOnceAndTheWaitIsTrue() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    // One image tells how long they take: 3 seconds.
    let first = try await bench.submit()
    bench.clock.advance(3)
    bench.runner.allow(1)
    #expect(try await bench.end(first.id).state == .done)
    for _ in 0..<16 { _ = try await bench.submit(count: 4, seed: nil) }
    #expect(await bench.queue.load.waiting == 64)
    let start = ContinuousClock.now
    await #expect {
      _ = try await bench.submit()
    } throws: { error in
      guard case JobRefusal.full(images: 64, let wait)? = error as? JobRefusal else { return false }
      // One image must be made first.
      return abs(wait - 3) <= 0.9
    }
    // The refusal waits for nothing; Scripts/serve-trial measures it.
    #expect(ContinuousClock.now - start < .seconds(2))
    await #expect {
      _ = try await bench.submit(count: 10)
    } throws: { error in
      guard case JobRefusal.full(_, let wait)? = error as? JobRefusal else { return false }
      return abs(wait - 30) <= 9
    }
    await #expect(throws: JobRefusal.self) { _ = try await bench.submit(count: 65) }
    bench.runner.allow(64)
    #expect(await bench.eventually { await bench.queue.load.waiting == 0 })
  }

  @Test func placeAndTimeAreSaid() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    let first = try await bench.submit()
    bench.clock.advance(2)
    bench.runner.allow(1)
    _ = try await bench.end(first.id)
    let running = try await bench.submit(count: 3)
    let waiting = try await bench.submit(count: 2)
    #expect(running.state == .running)
    #expect(running.position == nil)
    #expect(running.secondsLeft == 6)
    #expect(waiting.state == .queued)
    #expect(waiting.position == 1)
    #expect(waiting.secondsLeft == 10)
    bench.clock.advance(2)
    bench.runner.allow(1)
    #expect(
      try await bench.eventually {
        try await bench.queue.job(waiting.id, owner: nil)?.secondsLeft == 8
      })
    bench.runner.allow(9)
    #expect(try await bench.end(waiting.id).secondsLeft == nil)
  }

  @Test func aSecondOwnerWaitsForTwoJobsAtMost() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    var refused = 0
    for _ in 0..<100 {
      do {
        _ = try await bench.submit("a", owner: "a")
      } catch JobRefusal.overShare(let wait) {
        #expect(wait > 0)
        refused += 1
      }
    }
    // Half of the queue is kept for others.
    #expect(refused == 68)
    let record = try await bench.submit("b", owner: "b")
    #expect(try #require(record.position) <= 2)
    bench.runner.allow(3)
    _ = try await bench.end(record.id)
    let place = try #require(bench.runner.prompts.firstIndex(of: "b"))
    #expect(place <= 2)
    #expect(try await bench.queue.job(record.id, owner: "a") == nil)
    bench.runner.allow(100)
  }

  @Test func expiredJobsLeaveUnstarted() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    let running = try await bench.submit(deadline: bench.clock.now + 600)
    let waiting = try await bench.submit("late", deadline: bench.clock.now + 600)
    bench.clock.advance(601)
    #expect(try await bench.end(waiting.id).failure == .expired)
    #expect(await bench.queue.load.waiting == 1)
    bench.runner.allow(1)
    #expect(try await bench.end(running.id).state == .done)
    #expect(bench.runner.prompts == ["a red apple"])
  }

  @Test func cancelStopsAQueuedJobAtOnceAndARunningOneAtItsStep() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    let running = try await bench.submit(count: 3)
    let waiting = try await bench.submit("waits")
    await bench.queue.cancel(waiting.id)
    #expect(try await bench.queue.job(waiting.id, owner: nil)?.state == .cancelled)
    bench.runner.allow(1)
    #expect(
      try await bench.eventually {
        try await bench.queue.job(running.id, owner: nil)?.images.count == 1
      })
    await bench.queue.cancel(running.id)
    let record = try await bench.end(running.id)
    #expect(record.state == .cancelled)
    #expect(record.failure == .cancelled)
    // What was made is kept.
    #expect(record.images.count == 1)
    #expect(bench.runner.cancelled == 1)
    #expect(bench.runner.drawn == [7])
    await bench.queue.cancel(running.id)
    await bench.queue.cancel("no such job")
  }

  @Test func threeCallsWithOneRetryKeyMakeOneImage() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    let queue = bench.queue
    let request = JobRequest(.generate, prompt: "a red apple")
    // At the same time, later, and after the end.
    async let first = queue.submit(request, owner: "a", deadline: nil, retryKey: "k")
    async let second = queue.submit(request, owner: "a", deadline: nil, retryKey: "k")
    let ids = try await [first.id, second.id]
    bench.runner.allow(10)
    _ = try await bench.end(ids[0])
    let third = try await queue.submit(request, owner: "a", deadline: nil, retryKey: "k")
    #expect(Set(ids + [third.id]).count == 1)
    #expect(third.images.count == 1)
    #expect(bench.runner.drawn.count == 1)
    // Another owner, another request, another key, or ten minutes later: another job.
    var other = request
    other.seed = 1
    let others = [
      try await queue.submit(request, owner: "b", deadline: nil, retryKey: "k"),
      try await queue.submit(other, owner: "a", deadline: nil, retryKey: "k"),
      try await queue.submit(request, owner: "a", deadline: nil, retryKey: "l"),
    ]
    bench.clock.advance(601)
    let late = try await queue.submit(request, owner: "a", deadline: nil, retryKey: "k")
    #expect(Set(others.map(\.id) + [late.id, third.id]).count == 5)
    _ = try await bench.end(late.id)
  }

  @Test func aFailedJobIsNotJoined() async throws {
    let bench = try await QueueBench(folder.url)
    let first = try await bench.submit("nan", retryKey: "k")
    #expect(try await bench.end(first.id).failure == .failed("The decoder gave NaN."))
    let second = try await bench.submit("nan", retryKey: "k")
    #expect(first.id != second.id)
    _ = try await bench.end(second.id)
  }

  @Test func aClientThatHangsUpAtItsDeadlineFindsItsJobAgain() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    let first = try await bench.submit(deadline: bench.clock.now + 60, retryKey: "k")
    bench.clock.advance(60)
    await bench.queue.abandon(first.id)
    let second = try await bench.submit(deadline: bench.clock.now + 60, retryKey: "k")
    #expect(first.id == second.id)
    bench.clock.advance(30)
    // One that leaves before is gone for good.
    await bench.queue.abandon(first.id)
    #expect(try await bench.end(first.id).state == .cancelled)
    // And one that does not come back is cancelled.
    let third = try await bench.submit(deadline: bench.clock.now + 60, retryKey: "l")
    bench.clock.advance(60)
    await bench.queue.abandon(third.id)
    #expect(try await bench.queue.job(third.id, owner: nil)?.state == .running)
    bench.clock.advance(16)
    #expect(try await bench.end(third.id).state == .cancelled)
  }

  @Test func tenPoisonedJobsFailAndAThousandSucceed() async throws {
    let bench = try await QueueBench(folder.url, capacity: 2000, concurrency: 4)
    var jobs: [String] = []
    for index in 0..<1010 {
      let record = try await bench.submit(
        index.isMultiple(of: 101) ? "poison" : "good", seed: UInt64(index))
      jobs.append(record.id)
    }
    var states: [JobRecord.State: Int] = [:]
    for id in jobs { states[try await bench.end(id).state, default: 0] += 1 }
    #expect(states == [.done: 1000, .failed: 10])
    #expect(bench.runner.mostAtWork <= 4)
    // Each was tried twice.
    #expect(bench.runner.prompts.filter { $0 == "poison" }.count == 20)
  }

  @Test func aJobGoesOnAtTheMissingImageAfterACrash() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(imagesBeforeCrash: 2))
    let record = try await bench.end(try await bench.submit("crash once", count: 4).id)
    #expect(record.state == .done)
    #expect(record.images.count == 4)
    #expect(bench.runner.drawn == [7, 8, 9, 10])
  }

  @Test func whateverIsCancelledOrCrashesEveryStreamEndsAndNothingIsHeld() async throws {
    let bench = try await QueueBench(
      folder.url, runner: QueueRunner(imagesBeforeCrash: 1), capacity: 40, concurrency: 3)
    let prompts = ["good", "good", "good", "poison", "nan", "crash once"]
    let ended = try await withThrowingTaskGroup(of: Int.self) { group in
      for client in 0..<12 {
        group.addTask {
          var random = SplitMix(seed: UInt64(client))
          var ended = 0
          for call in 0..<15 {
            let prompt = prompts.randomElement(using: &random) ?? ""
            let id: String
            do {
              id = try await bench.submit(
                prompt, count: .random(in: 1...4, using: &random), seed: UInt64(call),
                owner: "\(client % 3)", retryKey: call.isMultiple(of: 3) ? "\(call)" : nil
              ).id
            } catch is JobRefusal {
              try await Task.sleep(for: .milliseconds(5))
              continue
            }
            let leaves = Int.random(in: 0..<4, using: &random)
            var news = 0
            for await update in await bench.queue.updates(of: id) {
              news += 1
              // Somebody cancels, hangs up, or only stops listening.
              if leaves == 1, news == 2 { await bench.queue.cancel(id) }
              if leaves == 2, news == 3 { await bench.queue.abandon(id) }
              if leaves == 3, news == 1 { break }
              if case .changed(let record, _) = update, record.state.isFinal { ended += 1 }
            }
          }
          return ended
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(ended > 20)
    #expect(await bench.eventually { await bench.queue.load.waiting == 0 })
    await bench.queue.drain(grace: 1)
    #expect(try await bench.store.unfinished().isEmpty)
    let entries = await bench.queue.entries
    #expect(entries.isEmpty)
  }

  @Test func aSlowListenerGetsTheNewestStepAndEveryImage() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    let record = try await bench.submit(count: 20)
    let updates = await bench.queue.updates(of: record.id)
    bench.runner.allow(20)
    _ = try await bench.end(record.id)
    var (images, changes) = (0, 0)
    var last: JobRecord?
    for await update in updates {
      switch update {
      case .image: images += 1
      case .changed(let record, _):
        changes += 1
        last = record
      }
    }
    #expect(images == 20)
    #expect(changes <= 22)
    #expect(last?.state == .done)
  }

  @Test func nothingIsAcceptedWithoutAModelOrWhileStopping() async throws {
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isLoaded: false))
    await #expect {
      _ = try await bench.submit()
    } throws: { if case JobRefusal.notReady? = $0 as? JobRefusal { true } else { false } }
    bench.runner.setLoaded(true)
    _ = try await bench.end(try await bench.submit().id)
    // While its worker starts again, jobs are accepted and wait.
    bench.runner.setLoaded(false)
    _ = try await bench.end(try await bench.submit().id)
    await bench.queue.drain(grace: 1)
    await #expect(throws: JobRefusal.draining) { _ = try await bench.submit() }
    #expect(await bench.queue.load.isDraining)
  }

  @Test func aRequestThatNamesNoStoredFileIsRefused() async throws {
    let bench = try await QueueBench(folder.url)
    var request = JobRequest(.vary)
    request.sources = [.init(file: String(repeating: "a", count: 64))]
    await #expect {
      _ = try await bench.queue.submit(request, owner: nil, deadline: nil, retryKey: nil)
    } throws: { error in
      guard case JobRefusal.invalid(_, field: "sources")? = error as? JobRefusal else {
        return false
      }
      return true
    }
    let hash = try await bench.queue.store(Data("a file".utf8))
    request.sources = [.init(file: hash)]
    let record = try await bench.queue.submit(request, owner: nil, deadline: nil, retryKey: nil)
    #expect(try await bench.end(record.id).state == .done)
  }
}
