import Files
public import Foundation
import Synchronization

/// A process of a run that no longer takes part in it.
public struct LostRank: Sendable, Equatable {
  /// Its number.
  public let rank: Int
  /// The name of its machine.
  public let host: String
  /// Seconds without a sign of life; nil for a process that has died.
  public let seconds: Int?

  /// Groups the values.
  package init(rank: Int, host: String, seconds: Int?) {
    (self.rank, self.host, self.seconds) = (rank, host, seconds)
  }
}

/// Notices when a process of a run has died or hangs, which MPI does not tell: it waits for ever.
///
/// Each process has two files in a folder that all of them see: one that a thread of it writes anew
/// every second, and one that it locks, which the system unlocks when the process dies. The first
/// process watches the others, and the others watch the first. A thread does it, so a slow step is no
/// fault; a thread that computes for ever is not noticed.
public final class RankWatch: Sendable {
  private let ranks: Ranks
  private let folder: URL
  private let timeout: Double
  private let end: @Sendable (LostRank?) -> Void
  private let lock: Int32
  private let asked = DispatchSemaphore(value: 0)
  private let finished = DispatchSemaphore(value: 0)
  private let isStopped = Mutex(false)

  /// Seconds without a sign of life after which a process is lost, unless another number is given.
  public static let defaultTimeout = 25.0

  /// Watches from now on, until ``stop()``. Every process must make one.
  ///
  /// - Parameters:
  ///   - ranks: The processes.
  ///   - folder: A folder that all of them see, and that no earlier run has used.
  ///   - timeout: Seconds without a sign of life after which a process is lost, 1 or more.
  ///   - end: Called once, on a thread, in every process that is left; it must end the process. The
  ///     one that noticed the loss is given it and reports it, the others get nil.
  /// - Throws: `FileError` where the process's files cannot be made.
  public init(
    _ ranks: Ranks, folder: URL, timeout: Double = defaultTimeout,
    end: @escaping @Sendable (LostRank?) -> Void
  ) throws {
    self.ranks = ranks
    self.folder = folder
    self.timeout = timeout
    self.end = end
    let url = Self.lockFile(of: ranks.rank, in: folder)
    lock = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard lock >= 0 else { throw FileError.last(url) }
    flock(lock, LOCK_EX | LOCK_NB)
    guard beat(0) else {
      close(lock)
      throw FileError.last(file(of: ranks.rank))
    }
    Thread.detachNewThread { [self] in
      watch()
      finished.signal()
    }
  }

  /// Ends the watch. The others must know that this process goes.
  public func stop() {
    let isFirst = isStopped.withLock { stopped in
      defer { stopped = true }
      return !stopped
    }
    guard isFirst else { return }
    asked.signal()
    finished.wait()
    // A process without a file has left.
    unlink(file(of: ranks.rank).path)
    unlink(Self.lockFile(of: ranks.rank, in: folder).path)
    rmdir(folder.path)
    flock(lock, LOCK_UN)
    close(lock)
  }

  /// Waits until the watch has seen which process MPI has lost, which ends this one; returns where it
  /// sees none.
  public func settle() {
    guard !isStopped.withLock({ $0 }) else { return }
    Thread.sleep(forTimeInterval: timeout + 3 * pause)
  }

  // MARK: - Parts

  /// Seconds between two looks; longer where a folder has the files of many.
  private var pause: Double { ranks.count <= 16 ? 0.25 : 2 }

  private func file(of rank: Int) -> URL { folder.appending(path: "\(rank)") }

  private static func lockFile(of rank: Int, in folder: URL) -> URL {
    folder.appending(path: "\(rank).lock")
  }

  /// Made by the process that reports a loss, so that one does.
  private var verdict: String { folder.appending(path: "lost").path }

  private func watch() {
    let clock = ContinuousClock()
    var others = (ranks.isRoot ? Array(1..<ranks.count) : [0]).map { Watched(rank: $0) }
    defer { for other in others where other.lock >= 0 { close(other.lock) } }
    var (count, beaten, last) = (0, clock.now, clock.now)
    while asked.wait(timeout: .now() + pause) == .timedOut {
      let now = clock.now
      // Time in which this process was stopped itself says nothing of the others.
      let elapsed = min((now - last) / .seconds(1), 2 * pause)
      last = now
      if (now - beaten) / .seconds(1) >= 1 {
        count += 1
        beaten = now
        // A full disk is no reason to end: the bytes are there already.
        _ = beat(count)
      }
      if access(verdict, F_OK) == 0 { return end(nil) }
      for index in others.indices {
        guard let lost = look(at: &others[index], after: elapsed) else { continue }
        let made = open(verdict, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        if made >= 0 { close(made) }
        return end(made < 0 && errno == EEXIST ? nil : lost)
      }
    }
  }

  /// What is known of another process.
  private struct Watched {
    let rank: Int
    var host = "an unknown machine"
    /// What its file held last.
    var sign = ""
    /// Seconds since that changed.
    var silence = 0.0
    var lock: Int32 = -1
    /// Whether its lock was seen: not every file system shows the locks of other machines.
    var wasLocked = false
  }

  private func look(at other: inout Watched, after elapsed: Double) -> LostRank? {
    guard let sign = sign(of: other.rank) else { return nil }
    if sign == other.sign {
      other.silence += elapsed
    } else {
      (other.sign, other.silence) = (sign, 0)
      if let host = sign.split(separator: "\n").first { other.host = String(host) }
    }
    if other.lock < 0 {
      other.lock = open(Self.lockFile(of: other.rank, in: folder).path, O_RDONLY | O_CLOEXEC)
    }
    if other.lock >= 0 {
      if flock(other.lock, LOCK_SH | LOCK_NB) == 0 {
        flock(other.lock, LOCK_UN)
        // One that has left has no file any more.
        if other.wasLocked, self.sign(of: other.rank) != nil {
          return LostRank(rank: other.rank, host: other.host, seconds: nil)
        }
      } else if errno == EWOULDBLOCK {
        other.wasLocked = true
      }
    }
    guard other.silence >= timeout else { return nil }
    return LostRank(rank: other.rank, host: other.host, seconds: Int(timeout))
  }

  /// What a process has written last; nil for one that has no file.
  private func sign(of rank: Int) -> String? {
    // Opened anew each time: only then do network file systems ask the server.
    let descriptor = open(file(of: rank).path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  /// Writes a sign of life over the last, in as many bytes.
  private func beat(_ count: Int) -> Bool {
    let descriptor = open(file(of: ranks.rank).path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let digits = "\(count)"
    let zeros = String(repeating: "0", count: max(0, 20 - digits.count))
    let text = Array("\(hostName().prefix(256))\n\(getpid())\n\(zeros)\(digits)\n".utf8)
    return pwrite(descriptor, text, text.count, 0) == text.count
  }
}
