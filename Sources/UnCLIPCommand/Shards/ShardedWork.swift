import Files
import Foundation

/// Makes the samples of items and adds them to a shard.
protocol ShardMaker {
  /// Makes the samples of an item, or keeps its text, a copy of these bytes, for a batch.
  func add(_ number: Int, _ text: UnsafeRawBufferPointer, to shard: ShardFile) throws
  /// Adds what is left of the last batch.
  func finish(_ shard: ShardFile) throws
}

/// Work on many items by any number of processes, which a folder of shards is all they share.
///
/// Each item belongs to one of the shards, whoever makes it. A shard appears whole or not at all; one
/// that is there is never made again; one that a process makes is locked.
struct ShardedWork {
  let folder: URL
  let plan: ShardPlan
  let part: WorkPart
  let source: any WorkSource
  /// The most samples of an item.
  let samplesPerItem: Int
  /// What a sample is, in the plural: `images`.
  let unit: String

  /// What was done, as `--json` prints it.
  struct Report: Encodable, Equatable {
    var folder: String
    /// Shards of this part; those that were there already too.
    var shards: Int
    /// Shards that this process made.
    var shardsMade: Int
    var items: Int
    /// Items of which no sample or not every one could be made.
    var failed: Int
    /// Samples in the shards.
    var samples: Int
    /// Samples that this process made.
    var samplesMade: Int
    var seconds: Double
    var samplesPerSecond: Double
  }

  /// Makes every shard of the part that is not there, and ends when all are.
  ///
  /// - Parameter progress: nil for a process that does not speak.
  /// - Throws: What `maker` throws; `CommandError`.
  func run(_ maker: some ShardMaker, progress: ProgressReporter?) throws -> Report {
    let order = part.order(of: plan.shards)
    let counts = try source.counts(shards: plan.shards)
    guard counts.reduce(0, +) == plan.input.items else {
      throw CommandError.data("What is read was changed since the run began; start it again.")
    }
    let began = ContinuousClock.now
    let state = ShardedProgress(
      progress, unit: unit,
      sizes: Dictionary(uniqueKeysWithValues: order.map { ($0, counts[$0] * samplesPerItem) }),
      isFinished: { self.isFinished($0) })
    let interruption = Interruption(kept(state.unfinished.count, of: order.count))
    defer { withExtendedLifetime(interruption) {} }
    let leftovers = partialFiles()
    var pending = order.filter { !isFinished($0) }
    var made: [Int] = []
    var isWaiting = false
    while !pending.isEmpty {
      var locked: [Int] = []
      let before = made.count
      for shard in pending where !isFinished(shard) {
        guard let lock = try lock(shard) else {
          locked.append(shard)
          continue
        }
        try withExtendedLifetime(lock) {
          guard !isFinished(shard) else { return }
          remove(leftovers, of: shard)
          try make(shard, maker, state)
          made.append(shard)
          interruption.update(kept(state.unfinished.count, of: order.count))
        }
      }
      pending = locked
      guard made.count == before, let shard = pending.first else { continue }
      if !isWaiting { progress?.line("waiting for another process, which makes \(name(shard))") }
      isWaiting = true
      usleep(200_000)
    }
    state.finish()
    if (0..<plan.shards).allSatisfy(isFinished) {
      // Another process may be doing the same.
      do { try FileManager.default.removeItem(at: locks) } catch {}
    }
    let seconds = (ContinuousClock.now - began).seconds
    return try report(order, counts, made: Set(made), seconds: seconds)
  }

  /// Prints what was done.
  ///
  /// - Throws: `CommandError.data` if something failed.
  func close(_ report: Report, output: OutputOptions, progress: ProgressReporter) throws {
    if output.json { try Output.json(report) } else { try Output.line(folder.path) }
    let rate = report.samplesPerSecond.formatted(places: report.samplesPerSecond < 10 ? 2 : 0)
    let speed = report.samplesMade > 0 ? ", \(rate) \(unit) a second by this process" : ""
    progress.line(
      "\(report.samples) \(report.samples == 1 ? String(unit.dropLast()) : unit) of \(report.items) "
        + (report.items == 1 ? "item" : "items") + " in \(report.shards) shards, of which this"
        + " process made \(report.shardsMade) in \(ProgressReporter.duration(report.seconds))\(speed)"
    )
    guard report.failed > 0 else { return }
    throw CommandError.data(
      "\(report.failed) of \(report.items) items failed, and all others are done; "
        + "\(folder.path)/shard-*.errors.jsonl say why.")
  }

  // MARK: Shards

  /// `shard-00007.tar`, `shard-00007.errors.jsonl`.
  private func name(_ shard: Int, _ kind: String = "tar") -> String {
    let digits = "\(shard)"
    return "shard-" + String(repeating: "0", count: max(0, 5 - digits.count)) + "\(digits).\(kind)"
  }

  private func failures(of shard: Int) -> URL {
    folder.appending(path: name(shard, "errors.jsonl"))
  }

  private func isFinished(_ shard: Int) -> Bool {
    OutputFile.exists(folder.appending(path: name(shard)))
  }

  private func kept(_ unfinished: Int, of all: Int) -> String {
    "\(all - unfinished) of \(all) shards are finished, and the same command goes on with the others"
  }

  private func make(_ shard: Int, _ maker: some ShardMaker, _ state: ShardedProgress) throws {
    let file = try ShardFile(
      folder.appending(path: name(shard)), failures: failures(of: shard)
    ) { state.update($0) }
    try source.forEach { number, text in
      guard WorkHash.shard(of: number, text, of: plan.shards) == shard else { return }
      try maker.add(number, text, to: file)
    }
    try maker.finish(file)
    try file.commit()
    state.finish(shard)
  }

  private func report(
    _ shards: [Int], _ counts: [Int], made: Set<Int>, seconds: Double
  ) throws -> Report {
    var failed: Set<Int> = []
    var (items, samples, samplesMade) = (0, 0, 0)
    for shard in shards {
      let failures = try Self.failures(in: failures(of: shard))
      failed.formUnion(failures.map(\.item))
      let own = counts[shard] * samplesPerItem - failures.reduce(0) { $0 + $1.samples }
      items += counts[shard]
      samples += own
      if made.contains(shard) { samplesMade += own }
    }
    return Report(
      folder: folder.path, shards: shards.count, shardsMade: made.count, items: items,
      failed: failed.count, samples: samples, samplesMade: samplesMade,
      seconds: seconds, samplesPerSecond: seconds > 0 ? Double(samplesMade) / seconds : 0)
  }

  private static func failures(in file: URL) throws(CommandError) -> [ShardFile.Failure] {
    guard OutputFile.exists(file) else { return [] }
    do {
      let decoder = JSONDecoder()
      return try FileContents.read(file).split(separator: 10)
        .map { try decoder.decode(ShardFile.Failure.self, from: $0) }
    } catch {
      throw .data(
        "\(file.path) cannot be read; remove it and the shard beside it, and run the command again."
      )
    }
  }

  // MARK: Several processes

  private var locks: URL { folder.appending(path: ".locks") }

  /// Locks a shard; nil where another process has it.
  private func lock(_ shard: Int) throws(CommandError) -> FolderLock? {
    let place = locks.appending(path: "\(shard)")
    do {
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      return try FolderLock(place)
    } catch {
      // Who finishes the last shard removes the locks.
      if isFinished(shard) { return nil }
      throw .cannotCreate(path: place.path, reason: reason(of: error), option: "--shards")
    }
  }

  /// The names of files that processes which are gone, or at work on other shards, were writing.
  private func partialFiles() -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasPrefix(".shard-") && $0.hasSuffix(".partial") }
    } catch {
      return []
    }
  }

  /// Removes those of a shard, whose lock is held.
  private func remove(_ files: [String], of shard: Int) {
    for file in files where file.hasPrefix(".\(name(shard, ""))") {
      unlink(folder.appending(path: file).path)
    }
  }
}
