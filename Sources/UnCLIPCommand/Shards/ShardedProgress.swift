import Files
import Foundation

/// How far the shards are, those that other processes finish too.
final class ShardedProgress {
  /// The shards that are not there yet, as far as is known.
  private(set) var unfinished: Set<Int>
  /// Samples of those.
  private var left: Int

  private let progress: ProgressReporter?
  private let unit: String
  private let sizes: [Int: Int]
  private let isFinished: (Int) -> Bool
  private let began = ContinuousClock.now
  private var looked = ContinuousClock.now
  private let total: Int
  private let doneBefore: Int
  /// Samples of the shard at work that are done.
  private var current = 0

  /// Begins.
  ///
  /// - Parameters:
  ///   - sizes: How many samples each shard has.
  ///   - isFinished: Whether a shard is there.
  init(
    _ progress: ProgressReporter?, unit: String, sizes: [Int: Int],
    isFinished: @escaping (Int) -> Bool
  ) {
    (self.progress, self.unit, self.sizes, self.isFinished) = (progress, unit, sizes, isFinished)
    unfinished = Set(sizes.keys.filter { !isFinished($0) })
    total = sizes.values.reduce(0, +)
    left = unfinished.reduce(0) { $0 + (sizes[$1] ?? 0) }
    doneBefore = total - left
  }

  /// Reports that `done` samples of the shard at work are done, those that failed included.
  func update(_ done: Int) {
    current = done
    guard progress != nil else { return }
    // A look at thousands of files takes a while.
    if (ContinuousClock.now - looked).seconds >= 5 {
      for shard in unfinished where isFinished(shard) { remove(shard) }
      looked = .now
    }
    show()
  }

  /// Reports that a shard is finished.
  func finish(_ shard: Int) {
    remove(shard)
    current = 0
  }

  /// Reports that all are.
  func finish() {
    (unfinished, left, current) = ([], 0, 0)
    if total > 0 { show() }
  }

  private func remove(_ shard: Int) {
    if unfinished.remove(shard) != nil { left -= sizes[shard] ?? 0 }
  }

  private func show() {
    let done = min(total, total - left + current)
    let seconds = (ContinuousClock.now - began).seconds
    let rate = seconds > 0 ? Double(done - doneBefore) / seconds : 0
    var note = ""
    if rate > 0 {
      note = "\(rate.formatted(places: rate < 10 ? 2 : 0)) \(unit)/s"
      if done < total, seconds >= 1 {
        note += ", \(ProgressReporter.duration(Double(total - done) / rate)) left"
      }
    }
    progress?.update(unit, step: done, of: total, note: note)
  }
}
