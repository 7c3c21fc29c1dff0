import Files
import ModelHub
import Synchronization

/// Shows how far a pull is.
final class PullProgress: Sendable {
  private struct State {
    var shown: ContinuousClock.Instant?
    /// The bytes that were there at times of the last ten seconds.
    var past: [(seconds: Double, bytes: Int64)] = []
    /// The files of other pulls that were said to be waited for.
    var waits: Set<String> = []
  }

  private let reporter = ProgressReporter()
  private let state = Mutex(State())
  private let began = ContinuousClock.now

  /// Shows it, a few times a second.
  func update(_ progress: HubSession.Progress) {
    if let file = progress.waitsFor {
      let isNew = state.withLock { $0.waits.insert(file).inserted }
      if isNew { reporter.line("\(file): another pull fetches it; waiting for it") }
      return
    }
    let now = ContinuousClock.now
    let isEnd = progress.done >= progress.total && progress.files == progress.count
    let speed: Double? = state.withLock { state in
      if !isEnd, let shown = state.shown, (now - shown).seconds < 0.2 { return nil }
      state.shown = now
      let time = (now - began).seconds
      state.past.append((time, progress.done))
      state.past.removeAll { $0.seconds < time - 10 }
      guard let first = state.past.first, time - first.seconds > 0.1 else { return 0 }
      return Double(progress.done - first.bytes) / (time - first.seconds)
    }
    guard let speed, progress.total > 0 else { return }
    let unit: (name: String, bytes: Int64) =
      progress.total >= 20_000_000 ? ("MB", 1_000_000) : ("kB", 1000)
    let total = max(1, Int(progress.total / unit.bytes))
    let step = isEnd ? total : min(total - 1, Int(max(0, progress.done) / unit.bytes))
    var note = "\(progress.files) of \(progress.count) files"
    if speed >= 1 { note += ", \(byteText(Int64(speed)))/s" }
    reporter.update("pull, \(unit.name)", step: max(0, step), of: total, note: note)
  }
}
