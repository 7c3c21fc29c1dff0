import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct TextFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func lines(_ bytes: [UInt8], comments: Bool = true) throws -> [String] {
    let file = folder.path("lines.txt")
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return try TextFile.lines(of: file, content: "prompt", comments: comments)
  }

  @Test func readsLinesThatAreNotBlank() throws {
    #expect(
      try lines(Array("a red apple\r\n\n  一个红苹果 \n🍎".utf8)) == ["a red apple", "一个红苹果", "🍎"])
  }

  @Test func commentsAreLinesThatBeginWithANumberSignAndASpace() throws {
    let text = Array("# fruit\na pear\n#\n#1 fan\na # b\n".utf8)
    #expect(try lines(text) == ["a pear", "#1 fan", "a # b"])
    #expect(try lines(text, comments: false).count == 5)
  }

  @Test(
    arguments: [
      [0xEF, 0xBB, 0xBF] + Array("cat".utf8), [0xFF, 0xFE, 0x63, 0, 0x61, 0, 0x74, 0],
      [0xFE, 0xFF, 0, 0x63, 0, 0x61, 0, 0x74],
    ] as [[UInt8]])
  func aByteOrderMarkIsNoText(bytes: [UInt8]) throws {
    #expect(try lines(bytes) == ["cat"])
  }

  @Test(
    arguments: [
      ([0xFF, 0xFE, 0, 0, 0x41, 0, 0, 0], "is UTF-32 text"),
      ([0x63, 0xE9], "cannot be read: it is Latin-1 (Windows-1252) text, not UTF-8"),
      ([0x41, 0x00], "zero bytes"), ([0x0A, 0x20], "holds no prompt"),
      ([], "holds no prompt"),
    ] as [([UInt8], String)])
  func refusesOtherFiles(bytes: [UInt8], part: String) {
    do {
      Issue.record("taken: \(try lines(bytes))")
    } catch {
      #expect(ExitStatus(of: error) == .data)
      #expect("\(error)".contains(part), "\(error)")
    }
  }

  @Test func aFileThatIsNotThereIsNoInput() {
    do {
      Issue.record("\(try TextFile.lines(of: folder.path("none"), content: "text"))")
    } catch {
      #expect(error.status == .noInput && "\(error)".contains("there is no such file"))
    }
  }

  /// Pipes, as `<(…)` makes them.
  @Test func pipesAreRead() throws {
    let (pipe, model) = (folder.path("pipe"), Golden.url("../../Models/small").path)
    let run = try BuiltCommand.shell(
      """
      mkfifo '\(pipe)'; echo '"a"' > '\(pipe)' &
      "$0" tokenize --model '\(model)' --json-lines '\(pipe)'; "$0" tokenize --model '\(model)' a
      """)
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == 2 && lines[0] == lines[1])
  }
}
