import Config
import Foundation
import TestSupport
import Testing
import Training

@testable import UnCLIPCommand

/// The explanations of `unclip config explain` are those of the keys that there are, with the values that are
/// taken.
@Suite struct ConfigKeyTests {
  /// Every key is explained but these: what they hold is named by the user.
  @Test(arguments: TrainingFile.shipped)
  func everyKeyIsExplained(_ name: String) throws {
    let file = TrainingFile.folder.appending(path: name)
    let content = try JSONDecoder().decode(JSONValue.self, from: ConfigDocument.json(at: file))
    let paths = Set(ConfigKey.sections.flatMap(\.keys).flatMap(\.paths))
    for leaf in content.leaves() {
      var keys: [String] = []
      for case .key(let key) in leaf { keys.append(key) }
      if keys.first == "data", keys.count > 2 { keys.removeLast() }
      #expect(paths.contains(keys.joined(separator: ".")), "\(name): \(keys)")
    }
  }

  /// The values of the table are those of the refusal of a bad one.
  @Test(arguments: TrainingFile.all)
  func theValuesAreThoseThatAreTaken(_ kind: TrainingFile) throws {
    let folder = try TemporaryFolder()
    let file = TrainingFile.folder.appending(path: kind.name + ".yaml")
    let content = try JSONDecoder().decode(JSONValue.self, from: ConfigDocument.json(at: file))
    var compared = 0
    for leaf in content.leaves() {
      var keys: [String] = []
      for case .key(let key) in leaf { keys.append(key) }
      guard keys.count == leaf.count else { continue }
      let path = keys.joined(separator: ".")
      guard let key = ConfigKey.keys(at: path).first(where: { $0.paths.contains(path) }) else {
        continue
      }
      let isRange = key.values.wholeMatch(of: /[-0-9.e]+ to [-0-9.e]+/) != nil
      let isBound = key.values.hasPrefix("above 0") || key.values.hasPrefix("0 or more")
      let isChoice = key.values.hasPrefix("one of")
      guard isRange || isBound || isChoice else { continue }
      let bad = isChoice ? "\"nonsense\"" : "-1000000"
      do {
        try TrainingRun(
          stage: kind.stage,
          configuration: Data(content.text(replacing: leaf, with: bad).utf8),
          configurationName: file.path, data: [folder.file("none")], out: folder.file("run")
        ).run()
        Issue.record("\(path) = \(bad) is taken")
      } catch let error as ConfigError {
        #expect(error.description.contains("must be \(key.values)"), "\(path): \(error)")
        compared += 1
      }
    }
    #expect(compared > 5)
  }

  /// The values of every key are those of `Configs/small-STAGE.yaml` and `fashion-STAGE.yaml`.
  @Test(arguments: TrainingStage.allCases)
  func theShippedValuesAreThoseOfTheConfigurations(_ stage: TrainingStage) throws {
    let name = (TrainingStage.unCLIP.contains(stage) ? "small-" : "fashion-") + stage.rawValue
    let file = TrainingFile.folder.appending(path: name + ".yaml")
    let content = try JSONDecoder().decode(JSONValue.self, from: ConfigDocument.json(at: file))
    for key in ConfigKey.sections.flatMap(\.keys) {
      for path in key.paths {
        var value: JSONValue? = content
        for step in path.split(separator: ".") {
          guard case .object(let members)? = value else {
            value = nil
            break
          }
          value = members[String(step)]
        }
        let told = key.shipped.first { $0.key == path && $0.stages.contains(stage.rawValue) }
        #expect(told?.value == value.map(text), "\(name): write it into the table of \(path)")
      }
    }
  }

  private func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .array(let values): "[" + values.map(text).joined(separator: ", ") + "]"
    case .object(let members):
      "{"
        + members.sorted { $0.key < $1.key }.map { "\"\($0)\": \(text($1))" }
        .joined(separator: ", ") + "}"
    default: value.text
    }
  }

  @Test func thePageOfTheDocumentationIsTheTable() throws {
    let file = TrainingFile.folder.deletingLastPathComponent()
      .appending(path: "Sources/Training/Training.docc/TheKeysOfAConfiguration.md")
    #expect(try String(contentsOf: file, encoding: .utf8) == ConfigKey.page)
  }

  @Test func explainsAKeyASectionAndAMisspeltOne() throws {
    let one = try BuiltCommand.run(["config", "explain", "batch_size"])
    #expect(one.output.contains("training.batch_size  (1 to 65536)\n    Images of"))
    #expect(
      one.output.contains("\n    Shipped: 128 (clip, prior, ") && !one.output.contains("left out"))
    let shift = try BuiltCommand.run(["config", "explain", "data.shift"])
    #expect(
      shift.output.contains("0.02 (tokenizer, upsampler); ")
        && shift.output.contains("If left out: 0\n"))
    let section = try BuiltCommand.run(["config", "explain", "data", "--json"])
    #expect(section.output.contains("\"data.shift\"") && !section.output.contains("training."))
    expectFailure(
      try BuiltCommand.run(["config", "explain", "batch_sice"]), status: 64,
      saying: "did you mean batch_size?")
    expectFailure(
      try BuiltCommand.run(["config", "explain", "lr"]), status: 64,
      saying: "did you mean learning_rate?")
  }
}
