import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import Training

/// Runs in child processes that are killed, or whose disk is full.
@Suite(.serialized) struct KilledRunTests {
  /// Many short steps with a checkpoint at every second one, so that a kill falls anywhere.
  static var options: TrainingOptions {
    var options = TrainingOptions.tiny
    (options.steps, options.sampleEverySteps, options.checkpointEverySteps) = (60, 0, 2)
    return options
  }

  @Test func killedAnywhereItResumesBitForBit() async throws {
    let folder = try TemporaryFolder()
    let whole = folder.file("whole"), broken = folder.file("broken")
    try ToyTask.trainer(in: whole, options: Self.options).run()

    for milliseconds in [40, 90, 170] {
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [path = broken.path as String, milliseconds = milliseconds as Int] in
        let trainer = try ToyTask.trainer(
          in: URL(fileURLWithPath: path), options: KilledRunTests.options)
        _ = try trainer.resume()
        Thread.detachNewThread {
          usleep(UInt32(milliseconds) * 1000)
          kill(getpid(), SIGKILL)
        }
        try trainer.run()
        kill(getpid(), SIGKILL)  // In case the run outpaced the parent.
      }
    }
    let trainer = try ToyTask.trainer(in: broken, options: Self.options)
    _ = try trainer.resume()
    try trainer.run()
    let name = "checkpoint-00000060"
    #expect(
      try decidedFiles(of: whole.appending(path: name))
        == decidedFiles(of: broken.appending(path: name)))
    let names = try FileManager.default.contentsOfDirectory(atPath: broken.path)
    #expect(!names.contains { $0.hasSuffix(".partial") }, "\(names)")
  }

  @Test(arguments: [(SIGINT, SIGINT), (SIGTERM, SIGTERM), (SIGHUP, SIGHUP), (SIGHUP, SIGINT)])
  func aSignalAsksToStopAndTheSecondEnds(first: Int32, second: Int32) async {
    await #expect(processExitsWith: .signal(second)) {
      [first = first as Int32, second = second as Int32] in
      let stop = StopSignal()
      guard !stop.isRequested else { exit(1) }
      kill(getpid(), first)
      for _ in 0..<500 where !stop.isRequested { usleep(10_000) }
      guard stop.isRequested else { exit(2) }
      usleep(100_000)
      kill(getpid(), second)
      usleep(2_000_000)
      exit(3)
    }
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
  func signalsDoWhatTheyDidBeforeOnceNobodyListens(number: Int32) async {
    await #expect(processExitsWith: .signal(number)) { [number = number as Int32] in
      do { _ = StopSignal() }
      usleep(100_000)
      kill(getpid(), number)
      usleep(2_000_000)
      exit(3)
    }
  }

  /// `nohup` starts a process that ignores `SIGHUP`.
  @Test func anIgnoredSignalStaysIgnored() async {
    await #expect(processExitsWith: .exitCode(5)) {
      signal(SIGHUP, SIG_IGN)
      let stop = StopSignal()
      kill(getpid(), SIGHUP)
      usleep(300_000)
      exit(stop.isRequested ? 4 : 5)
    }
  }

  @Test func aFullDiskLosesNothingEarlier() async throws {
    let folder = try TemporaryFolder()
    var first = TrainingOptions.tiny
    first.steps = 4
    try ToyTask.trainer(in: folder.url, options: first).run()
    let before = try decidedFiles(of: folder.file("checkpoint-00000004"))

    await #expect(processExitsWith: .exitCode(7)) { [path = folder.url.path as String] in
      let trainer = try ToyTask.trainer(in: URL(fileURLWithPath: path))
      _ = try trainer.resume()
      signal(SIGXFSZ, SIG_IGN)
      do {
        try trainer.run { report in
          guard report.step == 5 else { return }
          var limit = rlimit(rlim_cur: 1000, rlim_max: 1000)
          setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        }
      } catch {
        let text = "\(error)"
        let tells =
          text.contains("checkpoint-00000008: the checkpoint cannot be written (")
          && text.hasSuffix("make room; checkpoint-00000004 is kept: run again with --resume.")
        exit(tells ? 7 : 8)
      }
    }
    #expect(
      try folder.names.filter { $0.contains("checkpoint") } == ["checkpoint-00000004"])
    #expect(try decidedFiles(of: folder.file("checkpoint-00000004")) == before)
  }
}
