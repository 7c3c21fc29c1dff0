import Distribution
import Foundation
import Synchronization
import TestSupport
import Testing

/// Two processes of a run are two watches here, which know of each other by their files alone.
@Suite struct RankWatchTests {
  /// What a watch reported.
  private final class Verdict: Sendable {
    private let lost = Mutex<LostRank??>(nil)
    private let came = DispatchSemaphore(value: 0)

    func take(_ rank: LostRank?) {
      lost.withLock { $0 = .some(rank) }
      came.signal()
    }

    /// Waits for it.
    var value: LostRank? {
      came.wait()
      return lost.withLock { $0 } ?? nil
    }

    var isThere: Bool { lost.withLock { $0 != nil } }
  }

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func watch(
    _ rank: Int, of count: Int = 2, timeout: Double = 60, _ verdict: Verdict
  ) throws -> RankWatch {
    try RankWatch(
      Ranks(rank: rank, count: count), folder: folder.url, timeout: timeout, end: verdict.take)
  }

  /// Writes what a process of another machine, whose lock is not seen, has written last.
  private func writeSign(of rank: Int) throws {
    try Data("node7\n12\n00000000000000000001\n".utf8).write(to: folder.file("\(rank)"))
  }

  @Test func aProcessWithoutASignOfLifeIsLostAndOneReportsIt() throws {
    try writeSign(of: 1)
    let (first, third) = (Verdict(), Verdict())
    let watches = try [
      watch(0, of: 3, timeout: 2, first), watch(2, of: 3, timeout: 60, third),
    ]
    #expect(first.value == LostRank(rank: 1, host: "node7", seconds: 2))
    #expect(third.value == nil)
    for watch in watches { watch.stop() }
  }

  @Test func theOthersMissTheFirst() throws {
    try writeSign(of: 0)
    let verdict = Verdict()
    let other = try watch(1, timeout: 2, verdict)
    #expect(verdict.value?.rank == 0)
    other.stop()
  }

  /// A process that dies lets go of its lock, and its file stays.
  @Test func aDeadProcessIsNoticedAtOnce() throws {
    try writeSign(of: 1)
    let verdict = Verdict()
    let first = try watch(0, timeout: 3600, verdict)
    // Again where the watch was too slow to see that there is a lock.
    while !verdict.isThere {
      let lock = open(folder.path("1.lock"), O_RDWR | O_CREAT, 0o666)
      #expect(lock >= 0 && flock(lock, LOCK_EX) == 0)
      Thread.sleep(forTimeInterval: 1)
      close(lock)
      Thread.sleep(forTimeInterval: 1)
    }
    #expect(verdict.value == LostRank(rank: 1, host: "node7", seconds: nil))
    first.stop()
  }

  @Test func processesThatLeaveAreNotMissed() throws {
    let (first, second) = (Verdict(), Verdict())
    let root = try watch(0, timeout: 5, first)
    let other = try watch(1, timeout: 5, second)
    // Longer than the time-out: signs of life come in between.
    Thread.sleep(forTimeInterval: 7)
    #expect(!first.isThere && !second.isThere)
    other.stop()
    Thread.sleep(forTimeInterval: 1)
    root.stop()
    root.stop()
    #expect(!first.isThere && !second.isThere)
    #expect(!FileManager.default.fileExists(atPath: folder.path("0")))
  }

  @Test func aFolderThatIsNotThereIsRefused() throws {
    #expect(throws: (any Error).self) {
      try RankWatch(
        Ranks(rank: 0, count: 2), folder: folder.file("no"), end: { _ in })
    }
  }
}
