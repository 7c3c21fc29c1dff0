import Config
import Foundation
import TestSupport
import Testing
import TorchNN

@testable import UnCLIPCommand

@Suite struct ConfigDocumentTests {
  private func value(_ yaml: String) throws -> JSONValue {
    try JSONDecoder().decode(
      JSONValue.self, from: ConfigDocument.json(yaml: yaml, file: "run.yaml"))
  }

  @Test func yamlReadsLikeJSON() throws {
    let yaml = """
      # how to train
      steps: 100
      learning_rate: 1e-4
      betas: [0.9, 0.99]
      name: "100"
      word: cosine
      off: false
      none: ~
      model:
        channels: [32, 64]
      """
    #expect(
      try value(yaml)
        == .object([
          "steps": .number(100), "learning_rate": .number(1e-4),
          "betas": .array([.number(0.9), .number(0.99)]), "name": .string("100"),
          "word": .string("cosine"), "off": .bool(false), "none": .null,
          "model": .object(["channels": .array([.number(32), .number(64)])]),
        ]))
  }

  @Test(arguments: [
    ("", "it is empty"), ("a: [1", "run.yaml: cannot be read"),
    ("a: 1\na: 2", "the key 'a' is given twice"),
    ("a: 1\n\tb: 2", "line 2, column 1 is not YAML: check the indentation (spaces, not tabs)"),
    ("a: b: 1", "line 1, column 5 is not YAML"),
    ("a: *b", "it refers to a name (*name)"), ("x: {a: .nan}", "'x.a' is .nan, but it must be"),
  ])
  func refusesWhatIsNotYAML(text: String, part: String) {
    #expect(sentence { try value(text) }.contains(part), "\(sentence { try value(text) })")
  }

  @Test func wholeNumbersStayExact() throws {
    #expect(
      try value("seed: 9007199254740993") == .object(["seed": .integer(9_007_199_254_740_993)]))
  }

  /// Nine aliases of nine aliases and so on; as values, as keys, and merged.
  @Test(arguments: ["[%]", "{? [%] : 1}", "{<<: [%], k: 1}"])
  func fewLinesDoNotStandForMillionsOfValues(level: String) throws {
    var yaml = "a0: &a0 [x, x]\n"
    for depth in 1...9 {
      let names = repeatElement("*a\(depth - 1)", count: 9).joined(separator: ", ")
      yaml += "a\(depth): &a\(depth) " + level.replacing("%", with: names) + "\n"
    }
    let taken = ContinuousClock().measure {
      #expect(
        sentence { try value(yaml) }
          == "run.yaml: cannot be read as a configuration: it has more than 32 aliases (*name); "
          + "write the values out.")
    }
    #expect(taken < .seconds(5))
  }

  @Test func someAliasesAreFollowed() throws {
    let yaml = "a: &a [1, 2]\nb: *a\nc: 3 * 4 # times **two**, a*b\n"
    let list = JSONValue.array([.number(1), .number(2)])
    #expect(try value(yaml) == .object(["a": list, "b": list, "c": .string("3 * 4")]))
    let tall = (1...12).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n" }.joined()
    let wide = "a0: &a0 [\(String(repeating: "x, ", count: 100))]\n"
    #expect(sentence { try value(wide + tall) }.contains("more than 100000 values"))
  }

  /// Base-60 numbers overflowed the parser's integers.
  @Test func colonsMakeNoNumber() throws {
    let yaml = "a: 9999999999:99:99:99:99:99:99\nb: 1:30\n"
    #expect(
      try value(yaml)
        == .object(["a": .string("9999999999:99:99:99:99:99:99"), "b": .string("1:30")]))
  }

  @Test func encodingsAreReadOrNamed() throws {
    let folder = try TemporaryFolder()
    let utf16 =
      Data([0xFF, 0xFE]) + Data("a: é".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
    let file = folder.file("run.yaml")
    try utf16.write(to: file)
    let json = try ConfigDocument.json(at: file)
    #expect(try JSONDecoder().decode([String: String].self, from: json) == ["a": "é"])
    for name in ["run.yaml", "run.json"] {
      try Data([0x61, 0x3A, 0x20, 0xE9]).write(to: folder.file(name))
      let found = sentence { try ConfigDocument.json(at: folder.file(name)) }
      #expect(found.contains("it is Latin-1 (Windows-1252) text, not UTF-8"), "\(found)")
    }
  }

  @Test func namesAMissingFile() {
    let url = URL(fileURLWithPath: "/nowhere/run.json")
    #expect(
      sentence { try ConfigDocument.json(at: url) }
        == "/nowhere/run.json: cannot be read as a configuration: there is no such file or folder.")
  }
}
