import Config
import Foundation
import TestSupport
import Testing
import TorchNN

@testable import UnCLIPCommand

@Suite struct ConfigDocumentTests {
  private func value(_ yaml: String) throws -> JSONValue {
    try JSONDecoder().decode(
      JSONValue.self, from: ConfigDocument.json(yaml: Data(yaml.utf8), file: "run.yaml"))
  }

  @Test func yamlSaysTheSameAsJSON() throws {
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
    ("", "it is empty"), ("a: [1", "run.yaml: cannot be read"), ("a: 1\na: 2", "run.yaml: cannot"),
  ])
  func refusesWhatIsNotYAML(text: String, part: String) {
    #expect(sentence { try value(text) }.contains(part), "\(sentence { try value(text) })")
  }

  @Test func namesAMissingFile() {
    let url = URL(fileURLWithPath: "/nowhere/run.json")
    #expect(
      sentence { try ConfigDocument.json(at: url) }
        == "/nowhere/run.json: cannot be read as a configuration: there is no such file.")
  }
}
