import Distribution
import Files
import Foundation

extension TrainingRun {
  private static let watchPrefix = ".ranks-"

  /// Starts the watch over the processes, in a hidden folder of the run; nil where it works alone, or
  /// where not all of them see the folder.
  ///
  /// - Throws: `TrainingError.notWritten`; `RankFailure`.
  func startWatch(observe: (TrainingEvent) -> Void) throws -> RankWatch? {
    guard ranks.count > 1 else { return nil }
    let made = try ranks.onRoot { try makeWatchFolder() }
    let name = String(decoding: try ranks.gathered(Data((made ?? "").utf8))[0], as: UTF8.self)
    let folder = out.appending(path: name)
    let isSeen = FileManager.default.fileExists(atPath: folder.path)
    let blind = try ranks.gathered(Data([isSeen ? 1 : 0])).firstIndex { $0.first != 1 }
    if let blind {
      observe(
        .note(
          "process \(blind) does not see \(out.path), so a process that hangs is not noticed; let all "
            + "machines mount it"))
      return nil
    }
    var watch: RankWatch?
    do {
      try ranks.agreeing {
        watch = try RankWatch(
          ranks, folder: folder, timeout: rankTimeout, end: ending(ranks.count, in: out))
      }
    } catch {
      watch?.stop()
      throw error
    }
    return watch
  }

  /// What the watch calls: the loss as an error with the newest checkpoint, or nil where another
  /// process reports it.
  private func ending(_ count: Int, in out: URL) -> @Sendable (LostRank?) -> Void {
    let whenLost = whenProcessIsLost
    return { lost in
      guard let lost else { return whenLost(nil) }
      var kept: String?
      do { kept = try CheckpointStore(folder: out, keep: 1).latest()?.lastPathComponent } catch {}
      whenLost(
        .lostProcess(
          rank: lost.rank, of: count, host: lost.host, seconds: lost.seconds, kept: kept))
    }
  }

  /// Makes a folder of a name that no earlier run has had, whose files machines may still remember,
  /// and removes what those left.
  private func makeWatchFolder() throws(TrainingError) -> String {
    do {
      let manager = FileManager.default
      for old in try manager.contentsOfDirectory(atPath: out.path)
      where old.hasPrefix(Self.watchPrefix) {
        try manager.removeItem(at: out.appending(path: old))
      }
      let name = Self.watchPrefix + UUID().uuidString.prefix(8)
      try manager.createDirectory(
        at: out.appending(path: name), withIntermediateDirectories: false)
      return name
    } catch {
      throw TrainingError.notWritten(path: out.path, reason: reason(of: error))
    }
  }
}
