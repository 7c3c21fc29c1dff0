import Foundation
import Testing

@testable import UnCLIPCommand

@Suite struct RootCommandTests {
  @Test func versionIsOneLine() throws {
    let outcome = try BuiltCommand.run("--version")
    #expect(outcome.status == 0)
    #expect(outcome.output == Version.current + "\n")
  }

  @Test(arguments: [
    (["bogus"], "Unexpected argument 'bogus'; see 'unclip --help'"),
    (["--no-such-option"], "Unknown option '--no-such-option'; see 'unclip --help'"),
    (["doctor", "--jsom"], "'--jsom' (did you mean '--json'?); see 'unclip doctor --help'"),
    (["doctor", "more"], "Unexpected argument 'more'; see 'unclip doctor --help'"),
  ])
  func refusesWrongArguments(_ arguments: [String], sentence: String) throws {
    let outcome = CommandEntry.outcome(of: arguments)
    #expect(outcome.status == .usage)
    #expect(outcome.sentence?.contains(sentence) == true, "\(outcome)")
  }

  @Test func refusesBytesThatAreNotText() throws {
    let outcome = try BuiltCommand.shell(#"exec "$0" doctor "$(printf '\377\376')""#)
    expectFailure(outcome, status: 64, saying: "Argument 2 is not valid UTF-8")
  }

  @Test func sentencesAreOneLineWithAFullStop() {
    struct Fault: Error, CustomStringConvertible { var description: String { "a\nb" } }
    #expect(CommandEntry.sentence(for: Fault()) == "a b.")
    #expect(CommandEntry.sentence(for: CommandError.data("No.")) == "No.")
  }
}
