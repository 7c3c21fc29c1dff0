import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct OutputFilesTests {
  private let folder: TemporaryFolder
  private let files: OutputFiles

  init() throws {
    folder = try TemporaryFolder()
    files = try OutputFiles.parse([])
  }

  private func refusal(
    _ names: [String], inputs: [String] = [], force: Bool = false
  ) -> CommandError? {
    var files = files
    files.force = force
    do throws(CommandError) {
      try files.check(
        names.map { OutputFile(folder.path($0), option: "--sheet") },
        inputs: inputs.map(folder.path))
      return nil
    } catch {
      return error
    }
  }

  @Test func newFilesPass() {
    #expect(refusal(["a.png", "b.png"]) == nil)
  }

  @Test func filesThatExistNeedForce() throws {
    let file = try folder.write("", to: "a.png")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("dangling"), withDestinationPath: "nowhere")
    #expect(refusal(["a.png"]) == .exists(path: file, option: "--sheet"))
    #expect(refusal(["a.png"])?.status == .cannotCreate)
    #expect(refusal(["dangling"]) != nil)
    #expect(refusal(["a.png"], force: true) == nil)
  }

  @Test func oneFileIsNotTwoResults() throws {
    let inside = folder.url.appending(path: "inside")
    try FileManager.default.createSymbolicLink(at: inside, withDestinationURL: folder.url)
    #expect(refusal(["a.png", "inside/a.png"])?.status == .usage)
    _ = try folder.write("", to: "b.png")
    #expect(refusal(["b.png", "inside/b.png"], force: true)?.status == .usage)
  }

  @Test func anInputIsNoOutputByAnyName() throws {
    let file = try folder.write("", to: "a.png")
    try FileManager.default.linkItem(atPath: file, toPath: folder.path("hard.png"))
    for name in ["a.png", "hard.png"] {
      let sentence = refusal([name], inputs: ["a.png"], force: true)?.description ?? ""
      #expect(sentence.contains("is the input"), "\(sentence)")
    }
  }

  @Test func foldersAreRefused() throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("a.png"), withIntermediateDirectories: true)
    #expect(refusal(["a.png"], force: true)?.status == .cannotCreate)
    #expect(refusal(["no/a.png"])?.description.contains("there is no folder") == true)
    #expect(refusal(["-"])?.description.contains("standard output") == true)
  }
}

/// Help texts say the range of every number, the one that is checked.
@Suite struct OptionRangeTests {
  /// Commands that others' options belong to: their own tests read them.
  private static let commands = ExamplesTests.all.filter {
    $0.type.configuration.subcommands.isEmpty && $0.path.count > 1
      && !["train", "config", "doctor", "models"].contains($0.path[1])
  }

  /// Why the parser refuses the arguments of a command; nothing is run.
  private static func refusal(_ arguments: [String], _ node: ExamplesTests.Node) -> String {
    do {
      _ = try node.type.parse(arguments)
      return ""
    } catch {
      return node.type.message(for: error)
    }
  }

  /// Whether the parser takes only numbers for the option.
  private static func isNumeric(_ option: String, _ node: ExamplesTests.Node) -> Bool {
    let said = refusal(["\(option)=x"], node)
    // A value of parts, such as 0.2:0.8, is no number.
    if refusal(["\(option)=1"], node).contains("The value '1' is invalid for") { return false }
    return said.contains("The value 'x' is invalid for") && !said.contains("provide one of")
      && !said.contains("or random")
  }

  private static func lines(_ node: ExamplesTests.Node) -> [(option: String, text: String)] {
    RootCommand.helpMessage(for: node.type, columns: 1000)
      .replacing(/\n {20,}/, with: "  ").split(separator: "\n").compactMap {
        guard let match = $0.firstMatch(of: /^  (?:-\w, )?(--[a-z-]+)[^<]*<[^>]*> +(.*)$/) else {
          return nil
        }
        return (String(match.1), String(match.2))
      }
  }

  @Test(arguments: commands) func theRangeIsInTheHelpAndIsChecked(_ node: ExamplesTests.Node) throws
  {
    for (option, text) in Self.lines(node) where Self.isNumeric(option, node) {
      if text.contains("pixels") || text.contains(" or more") || text.contains("more than 0") {
        continue
      }
      let range = try #require(
        text.firstMatch(of: /, ([\d.]+) to (\d+)(?:[;,.]| \()/), "\(option) has no range: \(text)")
      guard range.2.count < 20 else { continue }  // seeds
      let beyond = (Int(range.2) ?? 0) + 1
      let example = try #require(node.examples.first)
      let words = ExamplesTests.words(example).dropFirst(node.path.count)
      let sentence = Self.refusal(words + ["\(option)=\(beyond)"], node)
      #expect(
        sentence.contains("\(option) is \(beyond), but it must be \(range.1) to \(range.2)"),
        "\(sentence)")
    }
  }

  @Test func optionsAreFound() throws {
    let node = try #require(Self.commands.first { $0.path.last == "generate" })
    let numeric = Self.lines(node).map(\.option).filter { Self.isNumeric($0, node) }
    #expect(numeric.contains("--count") && numeric.contains("--decoder-guidance"))
    #expect(!numeric.contains("--out"))
  }
}
