import Files
import Foundation
import Synchronization

/// Shows progress on standard error: a bar on a terminal, plain lines elsewhere.
final class ProgressReporter: Sendable {
  /// The state of the current stage.
  private struct Stage {
    var name: String
    /// How many steps were done when it began: what was resumed says nothing about the speed.
    var first: Int
    var began: ContinuousClock.Instant
    var lastLine: ContinuousClock.Instant
    var finished = false
  }

  private let stage = Mutex<Stage?>(nil)
  private let work = Mutex<Stage?>(nil)
  private let isTerminal: Bool
  private let width: @Sendable () -> Int
  private let write: @Sendable (String) -> Void

  /// Reports to standard error.
  convenience init() {
    self.init(isTerminal: isatty(STDERR_FILENO) == 1) { text in
      Output.say(text)
    }
  }

  /// Reports through `write` on a terminal of `width` columns.
  init(
    isTerminal: Bool, width: @escaping @Sendable () -> Int = { Terminal.width },
    write: @escaping @Sendable (String) -> Void
  ) {
    self.isTerminal = isTerminal
    self.width = width
    self.write = write
  }

  /// Prints a line that stays, above the bar.
  func line(_ text: String) {
    write((isTerminal ? "\r\u{1B}[K" : "") + Output.printable(text) + "\n")
  }

  /// Reports that `step` of `count` steps of a stage are done, with a note at the end.
  func update(_ name: String, step: Int, of count: Int, note: String = "") {
    let now = ContinuousClock.now
    stage.withLock { stage in
      if stage?.name != name || (stage?.finished == true && step < count) {
        if stage?.finished == false, isTerminal { write("\n") }
        stage = Stage(name: name, first: step, began: now, lastLine: now)
      }
      guard var current = stage, !current.finished else { return }
      let seconds = (now - current.began).seconds
      let note = Self.note(note, step: step, from: current.first, of: count, seconds: seconds)
      if isTerminal {
        // A line as wide as the terminal would wrap, and what wraps cannot be written over.
        let line = Self.bar(name, step: step, of: count, seconds: seconds, note: note)
        write("\r\u{1B}[K" + Terminal.cut(line, to: width() - 1) + (step >= count ? "\n" : ""))
      } else if step >= count || (now - current.lastLine).seconds >= 10 {
        write(Self.line(name, step: step, of: count, seconds: seconds, note: note) + "\n")
        current.lastLine = now
      }
      current.finished = step >= count
      stage = current
    }
  }

  /// Runs `body` and shows its long work, such as the reading of a large data set.
  func watching<Result>(_ body: () throws -> Result) rethrows -> Result {
    let observer = LongWork.Observer { [self] in work($0, done: $1, of: $2) }
    return try LongWork.$observer.withValue(observer) { try body() }
  }

  /// Reports work before or inside a stage. It is shown once it has lasted a second, and its bar
  /// does not stay.
  func work(_ name: String, done: Int, of count: Int) {
    let now = ContinuousClock.now
    work.withLock { work in
      if work?.name != name || work?.finished == true {
        work = Stage(name: name, first: done, began: now, lastLine: now)
      }
      guard var current = work else { return }
      let seconds = (now - current.began).seconds
      current.finished = done >= count
      let note = Self.note("", step: done, from: current.first, of: count, seconds: seconds)
      if isTerminal, seconds >= 1 {
        let bar = Self.bar(name, step: done, of: count, seconds: seconds, note: note)
        write("\r\u{1B}[K" + (current.finished ? "" : Terminal.cut(bar, to: width() - 1)))
      } else if !isTerminal, (now - current.lastLine).seconds >= 10 {
        write(Self.line(name, step: done, of: count, seconds: seconds, note: note) + "\n")
        current.lastLine = now
      }
      work = current
    }
  }

  /// The note, with the time that is left of a stage which says nothing of it: `12 s left`.
  static func note(
    _ note: String, step: Int, from first: Int, of count: Int, seconds: Double
  ) -> String {
    guard step > first, step < count, seconds >= 1, !note.hasSuffix(" left") else { return note }
    let left = duration(seconds / Double(step - first) * Double(count - step)) + " left"
    return note.isEmpty ? left : note + "  " + left
  }

  /// `12 s`, `3 min` or `1 h 20 min`.
  static func duration(_ seconds: Double) -> String {
    let whole = Int(min(seconds.rounded(.up), 1e9))
    if whole < 100 { return "\(whole) s" }
    let minutes = (whole + 30) / 60
    return minutes < 90 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
  }

  /// `decoder    ████████░░░░░░░░  12/25  3.4 s`
  static func bar(_ name: String, step: Int, of count: Int, seconds: Double, note: String) -> String
  {
    let width = 24
    let filled = count > 0 ? min(width, width * step / count) : width
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let title = name.count < 10 ? name + String(repeating: " ", count: 10 - name.count) : name
    return "\(title) \(bar) \(step)/\(count)  \(seconds.formatted(places: 1)) s"
      + (note.isEmpty ? "" : "  " + note)
  }

  /// `decoder: 12 of 25, 3.4 s`
  static func line(
    _ name: String, step: Int, of count: Int, seconds: Double, note: String
  ) -> String {
    "\(name): \(step) of \(count), \(seconds.formatted(places: 1)) s"
      + (note.isEmpty ? "" : ", " + note)
  }
}

extension Double {
  /// Formats with a fixed count of decimal places, whatever the locale.
  func formatted(places: Int) -> String {
    String(format: "%.\(places)f", self)
  }
}
