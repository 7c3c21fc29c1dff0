import Files
import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct TrainCommandTests {
  private let folder: TemporaryFolder
  private let data: String
  private static let configs = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Configs")

  init() throws {
    folder = try TemporaryFolder()
    data = folder.path("data")
    try writeDataSet(to: URL(fileURLWithPath: data))
  }

  /// The text of a tiny configuration.
  private func config(_ stage: String) throws -> String {
    try String(
      contentsOf: Self.configs.appendingPathComponent("tiny-\(stage).yaml"), encoding: .utf8)
  }

  private func train(_ stage: String, _ config: String, _ arguments: String...) throws
    -> BuiltCommand.Outcome
  {
    let file = try folder.write(config, to: "\(stage).yaml")
    return try BuiltCommand.run(
      ["train", stage, "--config", file, "--data", data] + arguments, in: folder.url)
  }

  @Test func whatCannotBeReadIsSkippedUnlessStrict() throws {
    let shard = folder.file("data/colours-000000.tar")
    var bytes = try Data(contentsOf: shard)
    bytes.replaceSubrange(512..<520, with: Data(repeating: 7, count: 8))  // of the first PNG
    try bytes.write(to: shard)
    expectFailure(
      try train("tokenizer", config("tokenizer"), "--out", "strict", "--strict"), status: 65,
      saying: "colours-000000.tar", "it is no image")
    let run = try train("tokenizer", config("tokenizer"), "--out", "run")
    #expect(run.status == 0 && run.errors.contains("skipped file that is no image: 1 (colour_0)"))
    try FileManager.default.createDirectory(
      at: folder.file("raw"), withIntermediateDirectories: true)
    _ = try folder.write("x", to: "raw/a.png")
    expectFailure(
      try BuiltCommand.run(
        "train", "tokenizer", "--config", folder.path("tokenizer.yaml"), "--data",
        folder.path("raw"), "--out", folder.path("none")), status: 65,
      saying: "its images are not in tar shards", "unclip data folder")
  }

  @Test func trainsTheTokenizerAndCLIPOnIt() throws {
    let tokenizer = try train("tokenizer", config("tokenizer"), "--out", "tokenizer")
    #expect(tokenizer.status == 0, "\(tokenizer.errors)")
    #expect(tokenizer.errors.contains("tokenizer: "))
    let model = folder.path("tokenizer/model")
    #expect(FileManager.default.fileExists(atPath: model + "/tokenizer/vocab.json"))

    let words = try String(contentsOf: folder.file("tokenizer/vocabulary.txt"), encoding: .utf8)
    #expect(words.hasPrefix("a\n") && words.contains("\ncolour\n"), "\(words)")

    let vocabulary = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(fileURLWithPath: model + "/tokenizer/vocab.json")))
    let count = try #require(vocabulary as? [String: Int]).count
    let text = try config("clip").replacingOccurrences(
      of: "vocab_size: 600", with: "vocab_size: \(count)")
    let clip = try train("clip", text, "--model", model, "--out", "clip")
    #expect(clip.status == 0, "\(clip.errors)")
    #expect(clip.errors.contains("step 8  loss "))
    #expect(
      FileManager.default.fileExists(
        atPath: folder.path("clip/model/text_encoder/model.safetensors")))
    expectFailure(
      try train("clip", text, "--model", model, "--out", "clip"), status: 73,
      saying: "holds a run already", "--resume")
    let resumed = try train("clip", text, "--model", model, "--out", "clip", "--resume")
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(resumed.errors.contains("resumed from "))
    #expect(resumed.errors.contains("nothing is left to do: 8 of 8 steps are done; to train on"))
    #expect(resumed.errors.contains("--set training.steps=16 --allow-changes"))
    #expect(
      resumed.errors.contains(
        "the model is in \(folder.path("clip/model")); next: unclip train prior --config CONFIG "
          + "--data \(data) --model \(model) --model clip/model --out prior"))
    let more = try train(
      "clip", text, "--model", folder.path("tokenizer"), "--out", "clip", "--resume", "--set",
      "training.steps=9", "--allow-changes")
    #expect(more.status == 0, "\(more.errors)")
    #expect(more.errors.contains("changed: training.steps 8, now 9"))
    let recorded = try Data(contentsOf: folder.file("clip/training.json"))
    #expect(String(decoding: recorded, as: UTF8.self).contains("\"steps\" : 9,"))
  }

  @Test func valuesOfTheCommandLineReplaceTheFiles() throws {
    let tokenizer = try train("tokenizer", config("tokenizer"), "--out", "tokenizer")
    #expect(tokenizer.status == 0, "\(tokenizer.errors)")
    let model = folder.path("tokenizer/model")
    let wrong = try train(
      "clip", config("clip"), "--model", model, "--out", "wrong", "--set",
      "model.text.vocab_size=599")
    let count = try #require(wrong.errors.firstMatch(of: /--set model\.text\.vocab_size=(\d+)/)?.1)
    let options = [
      "--model", model, "--out", "clip", "--set", "model.text.vocab_size=\(count)", "--set",
      "training.steps=9", "--set", "training.steps=3", "--set", "training.betas=[0.9, 0.99]",
    ]
    let file = try folder.write(try config("clip"), to: "set.yaml")
    let clip = try BuiltCommand.run(
      ["train", "clip", "--config", file, "--data", data] + options, in: folder.url)
    #expect(clip.status == 0, "\(clip.errors)")
    #expect(clip.errors.contains("step 3  loss ") && !clip.errors.contains("step 4  loss "))
    for (set, sentence) in [
      ("training.stepz=3", "unknown key 'training.stepz'"),
      ("training.learningrate=1", "(did you mean 'training.learning_rate'?)"),
      ("training.lr=1", "(did you mean 'training.learning_rate'?)"),
      ("steps=3", "--set steps leaves out its section: write --set training.steps"),
      ("training.steps", "--set training.steps names no value: write --set KEY=VALUE"),
      ("=3", "--set =3 names no key"),
      ("training.steps=[1", "has a value that is not YAML"),
      ("training.steps=few", "'training.steps' is the text \"few\""),
      ("training.steps.x=1", "needs a section there"),
    ] {
      let outcome = try BuiltCommand.run(
        ["train", "clip", "--config", file, "--data", data, "--out", "no", "--set", set],
        in: folder.url)
      #expect(outcome.status != 0)
      #expect(outcome.errors.contains(sentence), "\(set): \(outcome.errors)")
    }
  }

  /// Whichever process is first decodes the images; the other one waits, and both read one file.
  @Test func twoTrainingsOfOneFolderShareItsDecodedImages() throws {
    let file = try folder.write(try config("tokenizer"), to: "shared.yaml")
    let command = "\"$0\" train tokenizer --config '\(file)' --data '\(data)' --out"
    let outs = ["a", "b", "c"].map { folder.path("shared-\($0)") }
    let together = try BuiltCommand.shell(
      "\(command) '\(outs[0])' & first=$!; \(command) '\(outs[1])'; status=$?; "
        + "wait $first && exit $status")
    #expect(together.status == 0, "\(together.errors)")
    let kept = try FileManager.default.contentsOfDirectory(atPath: data + "/.decoded").sorted()
    #expect(kept.count == 2 && kept.last == "lock", "\(kept)")
    let alone = try BuiltCommand.shell("rm -r '\(data)/.decoded'; \(command) '\(outs[2])'")
    #expect(alone.status == 0, "\(alone.errors)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: data + "/.decoded").sorted() == kept)
    let vocabularies = try outs.map {
      try Data(contentsOf: URL(fileURLWithPath: $0 + "/model/tokenizer/vocab.json"))
    }
    #expect(vocabularies[0] == vocabularies[2] && vocabularies[1] == vocabularies[2])
  }

  @Test func refusesConfigurationsByKey() throws {
    let text = try config("tokenizer")
    expectFailure(
      try train("tokenizer", text + "\ncolour: red\n", "--out", "out"), status: 65,
      saying: "tokenizer.yaml: unknown key 'colour'")
    let without = text.split(separator: "\n").filter { !$0.hasPrefix("minimum_count") }
    expectFailure(
      try train("tokenizer", without.joined(separator: "\n"), "--out", "out"), status: 65,
      saying: "the key 'minimum_count' is missing")
    let small = text.replacing(/vocabulary_size: *\d+/, with: "vocabulary_size: 3")
    expectFailure(
      try train("tokenizer", small, "--out", "out"), status: 65, saying: "'vocabulary_size' is 3")
    expectFailure(
      try train("tokenizer", "[1", "--out", "out"), status: 65, saying: "tokenizer.yaml: cannot")
  }

  @Test func refusesAFolderThatAnotherProcessTrainsInto() throws {
    let out = folder.file("busy")
    try FileManager.default.createDirectory(at: out, withIntermediateDirectories: true)
    let lock = try #require(try FolderLock(out))
    expectFailure(
      try train("tokenizer", config("tokenizer"), "--out", out.path), status: 73,
      saying: out.path, "another process is training into it (process \(getpid()) on ", ", since 20"
    )
    withExtendedLifetime(lock) {}
  }

  @Test func refusesWhatIsMissing() throws {
    expectFailure(
      try train("clip", config("clip"), "--out", "out"), status: 65,
      saying: "training the clip needs the part 'tokenizer'", "--model")
    expectFailure(
      try train("flow", "", "--out", "out"), status: 64, saying: "flow", "tokenizer")
    expectFailure(
      try BuiltCommand.run(
        "train", "tokenizer", "--config", folder.path("no.yaml"), "--data", data, "--out", "out"),
      status: 66, saying: "no.yaml", "there is no such file")
    expectFailure(
      try train("tokenizer", config("tokenizer"), "--out", "/proc/out"), status: 73,
      saying: "/proc/out")
    let empty = folder.path("empty")
    try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
    expectFailure(
      try train("tokenizer", config("tokenizer"), "--out", "out", "--data", empty), status: 65,
      saying: "empty")
  }
}
