import Foundation
import Synchronization

/// Shows progress on standard error: a bar on a terminal, plain lines elsewhere.
final class ProgressReporter: Sendable {
  /// The state of the current stage.
  private struct Stage {
    var name: String
    var began: ContinuousClock.Instant
    var lastLine: ContinuousClock.Instant
    var finished = false
  }

  private let stage = Mutex<Stage?>(nil)
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
    isTerminal: Bool, width: @escaping @Sendable () -> Int = { ProgressReporter.terminalWidth },
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
        stage = Stage(name: name, began: now, lastLine: now)
      }
      guard var current = stage, !current.finished else { return }
      let seconds = (now - current.began).seconds
      let note = Self.note(note, step: step, of: count, seconds: seconds)
      if isTerminal {
        // A line as wide as the terminal would wrap, and what wraps cannot be written over.
        let line = Self.bar(name, step: step, of: count, seconds: seconds, note: note)
          .prefix(max(1, width() - 1))
        write("\r\u{1B}[K" + line + (step >= count ? "\n" : ""))
      } else if step >= count || (now - current.lastLine).seconds >= 10 {
        write(Self.line(name, step: step, of: count, seconds: seconds, note: note) + "\n")
        current.lastLine = now
      }
      current.finished = step >= count
      stage = current
    }
  }

  /// The terminal's columns; they change when its window does.
  static var terminalWidth: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// The note, with the time that is left of a stage which says nothing of it: `12 s left`.
  static func note(_ note: String, step: Int, of count: Int, seconds: Double) -> String {
    guard step > 0, step < count, seconds >= 1, !note.hasSuffix(" left") else { return note }
    let left = duration(seconds / Double(step) * Double(count - step)) + " left"
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

extension Duration {
  /// The duration in seconds, with their fraction.
  var seconds: Double {
    let (whole, attoseconds) = components
    return Double(whole) + Double(attoseconds) * 1e-18
  }
}

extension Double {
  /// Formats with a fixed count of decimal places, whatever the locale.
  func formatted(places: Int) -> String {
    String(format: "%.\(places)f", self)
  }
}
