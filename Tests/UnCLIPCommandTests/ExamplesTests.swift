import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

/// The examples of every help text: none may go stale.
@Suite struct ExamplesTests {
  /// A command with the words that call it.
  struct Node: CustomTestStringConvertible, Sendable {
    let path: [String]
    let type: any ParsableCommand.Type

    var testDescription: String { path.joined(separator: " ") }

    /// The command and all below it.
    var tree: [Node] {
      [self]
        + type.configuration.subcommands.flatMap {
          Node(path: path + [$0._commandName], type: $0).tree
        }
    }

    /// The lines under EXAMPLES of the help text as printed.
    var examples: [String] {
      RootCommand.helpMessage(for: type, columns: 1000)
        .components(separatedBy: "EXAMPLES:\n").dropFirst()
        .flatMap { $0.components(separatedBy: "\n\n")[0].split(separator: "\n") }
        .map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  static let all = Node(path: ["unclip"], type: RootCommand.self).tree

  /// The words of a line, as a shell splits it at spaces outside double quotes.
  static func words(_ line: String) -> [String] {
    line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
      .flatMap { index, part in
        index.isMultiple(of: 2) ? part.split(separator: " ").map(String.init) : [String(part)]
      }
  }

  @Test func theTreeIsWalked() {
    let names = Self.all.map(\.testDescription)
    #expect(names.contains("unclip generate") && names.contains("unclip classics sample"))
    #expect(Self.words(#"unclip generate "a red apple" -n 4"#).count == 5)
  }

  @Test(arguments: all) func everyHelpTextShowsHowTheCommandIsCalled(_ node: Node) {
    #expect(
      node.examples.contains { ($0 + " ").hasPrefix(node.testDescription + " ") },
      "\(node.examples)")
  }

  @Test(arguments: all) func everyExampleParses(_ node: Node) throws {
    for line in node.examples {
      // Several processes are started by another program.
      var words = Self.words(line)
      if words.starts(with: ["mpirun", "-np"]) { words.removeFirst(3) }
      #expect(words.first == "unclip", "\(line)")
      let command = try RootCommand.parseAsRoot(Array(words.dropFirst()))
      // 'unclip serve' does something itself and has commands below it.
      let does = type(of: command).configuration.subcommands.isEmpty || command is ServeCommand
      #expect(does, "calls nothing: \(line)")
      for word in words where word.hasPrefix("Configs/") {
        #expect(
          FileManager.default.fileExists(atPath: Golden.url("../../\(word)").path),
          "no file: \(line)")
      }
    }
  }
}
