import Files
import Synchronization
import Testing

@testable import UnCLIPCommand

@Suite struct ProgressReporterTests {
  private final class Sink: Sendable {
    let text = Mutex("")
    var written: String { text.withLock { $0 } }
    func reporter(isTerminal: Bool) -> ProgressReporter {
      ProgressReporter(isTerminal: isTerminal) { [self] more in text.withLock { $0 += more } }
    }
  }

  @Test func elsewhereOneLineEndsAStage() {
    let sink = Sink()
    let reporter = sink.reporter(isTerminal: false)
    for step in 1...3 { reporter.update("prior", step: step, of: 3) }
    for step in 1...2 { reporter.update("decoder", step: step, of: 2, note: "loss 0.5") }
    let lines = sink.written.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].hasPrefix("prior: 3 of 3, "))
    #expect(lines[1].hasPrefix("decoder: 2 of 2, ") && lines[1].hasSuffix(" s, loss 0.5"))
    #expect(!sink.written.contains("\r"))
  }

  @Test func onATerminalTheBarIsRedrawn() {
    let sink = Sink()
    let reporter = sink.reporter(isTerminal: true)
    for step in 1...2 { reporter.update("prior", step: step, of: 2) }
    #expect(sink.written.split(separator: "\r").count == 2)
    #expect(sink.written.hasSuffix("s\n"))
  }

  @Test(arguments: [80, 30, 1])
  func theBarNeverWraps(columns: Int) {
    let sink = Sink()
    let reporter = ProgressReporter(isTerminal: true, width: { columns }) { more in
      sink.text.withLock { $0 += more }
    }
    reporter.update("clip", step: 1, of: 3000, note: String(repeating: "loss 0.2843  ", count: 9))
    let line = sink.written.replacing("\r\u{1B}[K", with: "")
    #expect(line.count == max(1, columns - 1), "\(line)")
  }

  @Test func aLineIsCutByColumns() {
    #expect(Terminal.cut("loss 0.5", to: 4) == "loss")
    #expect(Terminal.cut("一只猫 loss", to: 5) == "一只")
    #expect(Terminal.cut("🍎🍏", to: 3) == "🍎")
    #expect(Terminal.cut("e\u{301}e\u{301}e", to: 2) == "e\u{301}e\u{301}")
    #expect(Terminal.cut("█░", to: 2) == "█░")
  }

  /// Work that is quick leaves no trace, and the stage around it goes on.
  @Test func longWorkIsShownAndTakenAway() async throws {
    let sink = Sink()
    let reporter = ProgressReporter(isTerminal: true, width: { 80 }) { more in
      sink.text.withLock { $0 += more }
    }
    reporter.watching {
      LongWork.report("evaluation", 1, of: 3)
      #expect(sink.written.isEmpty)
    }
    try await Task.sleep(for: .seconds(1.1))
    reporter.watching {
      LongWork.report("evaluation", 2, of: 3)
      #expect(sink.written.contains("evaluation ████████████████░░░░░░░░ 2/3"))
      LongWork.report("evaluation", 3, of: 3)
    }
    #expect(sink.written.hasSuffix("\r\u{1B}[K"))
    LongWork.report("evaluation", 1, of: 3)
    #expect(sink.written.hasSuffix("\r\u{1B}[K"))
  }

  @Test func aStageMayComeAgain() {
    let sink = Sink()
    let reporter = sink.reporter(isTerminal: false)
    for _ in 0..<2 { for step in 1...2 { reporter.update("decoder", step: step, of: 2) } }
    #expect(sink.written.split(separator: "\n").count == 2)
  }

  @Test func theTimeLeftIsSaid() {
    func note(_ note: String, step: Int, from first: Int = 0, seconds: Double) -> String {
      ProgressReporter.note(note, step: step, from: first, of: 10, seconds: seconds)
    }
    #expect(note("", step: 5, seconds: 12) == "12 s left")
    #expect(note("loss 1", step: 1, seconds: 20) == "loss 1  3 min left")
    #expect(note("9 s left", step: 5, seconds: 12) == "9 s left")
    // Resumed after four steps, one took three seconds.
    #expect(note("", step: 5, from: 4, seconds: 3) == "15 s left")
    #expect(note("", step: 4, from: 4, seconds: 3) == "")
    #expect(note("x", step: 10, seconds: 12) == "x" && note("", step: 5, seconds: 0.5) == "")
    #expect(ProgressReporter.duration(8000) == "2 h 13 min")
  }

  @Test func barIsFilledInProportion() {
    let bar = ProgressReporter.bar("prior", step: 6, of: 24, seconds: 1.26, note: "")
    #expect(bar.filter { $0 == "█" }.count == 6)
    #expect(bar.hasPrefix("prior      █"))
    #expect(bar.hasSuffix("░ 6/24  1.3 s"))
    #expect(ProgressReporter.bar("x", step: 0, of: 0, seconds: 0, note: "").contains("█"))
  }
}
