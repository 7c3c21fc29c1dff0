import Foundation
import TestSupport
import Testing

@testable import UnCLIPServer

struct JobQueueRestartTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func drainLetsWhatRunsEndAndKeepsWhatWaits() async throws {
    var waiting = ""
    do {
      let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
      let running = try await bench.submit()
      waiting = try await bench.submit("waits", count: 2, seed: 40).id
      let news = await bench.queue.updates(of: waiting)
      async let drained: Void = bench.queue.drain(grace: 30)
      // Who listens to a job that waits is not kept waiting.
      for await _ in news {}
      bench.runner.allow(1)
      await drained
      #expect(try await bench.queue.job(running.id, owner: nil)?.state == .done)
      #expect(bench.runner.prompts == ["a red apple"])
      // Nor is who asks for news later.
      for await _ in await bench.queue.updates(of: waiting) {}
    }
    let bench = try await QueueBench(folder.url)
    let record = try await bench.end(waiting)
    #expect(record.state == .done)
    #expect(bench.runner.drawn == [40, 41])
  }

  @Test func whatRunsLongerThanTheGraceGoesOnAtTheNextStart() async throws {
    var id = ""
    do {
      let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
      id = try await bench.submit(count: 3).id
      bench.runner.allow(1)
      #expect(
        try await bench.eventually {
          try await bench.queue.job(id, owner: nil)?.images.count == 1
        })
      async let drained: Void = bench.queue.drain(grace: 30)
      #expect(await bench.eventually { await bench.queue.load.isDraining })
      try await Task.sleep(for: .milliseconds(20))
      bench.clock.advance(31)
      await drained
    }
    let bench = try await QueueBench(folder.url)
    #expect(try await bench.end(id).images.count == 3)
    // The first image was not made again.
    #expect(bench.runner.drawn == [8, 9])
  }

  @Test func howLongImagesTakeIsKnownAfterARestart() async throws {
    do {
      let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
      let record = try await bench.submit(count: 2)
      bench.clock.advance(6)
      bench.runner.allow(2)
      _ = try await bench.end(record.id)
    }
    let bench = try await QueueBench(folder.url, runner: QueueRunner(isGated: true))
    #expect(try await bench.submit().secondsLeft == 3)
    bench.runner.allow(1)
  }

  @Test func aKilledServerLosesNothingAndMakesNothingTwice() async throws {
    let accepted = folder.file("accepted")
    let data = folder.file("data")
    var random = SplitMix(seed: 5)
    let kills = ProcessInfo.processInfo.environment["UNCLIP_KILLS"].flatMap { Int($0) } ?? 6
    for _ in 0..<kills {
      let delay = Int.random(in: 1...120, using: &random)
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [delay = delay as Int, data = data.path as String, accepted = accepted.path as String] in
        let bench = try await QueueBench(URL(fileURLWithPath: data), concurrency: 2)
        Thread.detachNewThread {
          Thread.sleep(forTimeInterval: Double(delay) / 1000)
          kill(getpid(), SIGKILL)
        }
        while true {
          do {
            let record = try await bench.submit(count: 3, seed: .random(in: 0...1_000_000))
            log(record.id, to: accepted + "-\(getpid())")
          } catch is JobRefusal {
            try await Task.sleep(for: .milliseconds(1))
          }
        }
      }
    }
    let ids = try folder.names.filter { $0.hasPrefix("accepted-") }.flatMap { name in
      try String(contentsOf: folder.file(name), encoding: .utf8).split(separator: "\n")
    }
    #expect(!ids.isEmpty)
    let bench = try await QueueBench(data)
    var files: Set<String> = []
    for id in ids {
      let record = try await bench.end(String(id))
      #expect(record.state == .done)
      #expect(record.images.count == 3)
      for (index, image) in record.images.enumerated() {
        let url = try #require(try await bench.queue.imageFile(image))
        let seed = try #require(record.request.seed) + UInt64(index)
        #expect(try Data(contentsOf: url) == QueueRunner.file(seed))
        #expect(files.insert(url.lastPathComponent).inserted)
      }
    }
    // A job may be accepted and its answer lost, but no file is there without its row.
    #expect(await bench.eventually { await bench.queue.load.waiting == 0 })
    let rows = try await bench.store.images(LibraryQuery()).images.count
    #expect(rows > 0)
    let walk = try #require(FileManager.default.enumerator(atPath: data.path))
    let names = walk.compactMap { $0 as? String }
    #expect(!names.contains { $0.hasSuffix(".partial") })
    for name in names where name.hasSuffix(".png") {
      let id = String(name.suffix(36).prefix(32))
      #expect(try await bench.store.libraryImage(id, owner: nil) != nil)
    }
  }
}

/// Appends a line to a file.
private func log(_ line: String, to path: String) {
  guard let file = fopen(path, "a") else { return }
  fputs(line + "\n", file)
  fclose(file)
}
