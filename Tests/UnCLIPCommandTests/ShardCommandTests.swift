import CLIP
import Datasets
import Files
import Foundation
import Imaging
import TestSupport
import Testing
import Torch

@testable import UnCLIPCommand

/// `generate --shards` and `embed --shards` with a tiny model of random weights.
@Suite struct ShardCommandTests {
  private let folder: TemporaryFolder
  private static let prompts = (0..<12).map { "a red apple \($0)" }

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("model"))
    _ = try folder.write(Self.prompts.joined(separator: "\n") + "\n", to: "prompts.txt")
  }

  private static let drawing =
    ["--size", "16", "--seed", "3", "--shard-count", "4", "--dtype", "float32"]
    + TinyModel.fewSteps

  private func draw(
    _ out: String, _ more: String..., prompts: String = "prompts.txt",
    environment: [String: String] = [:]
  ) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      ["generate", "--prompts-file", prompts, "--shards", out, "--model", "model"] + Self.drawing
        + more, environment: environment, in: folder.url)
  }

  /// The files of a folder by their names.
  private func files(_ name: String) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(name))
    return try Dictionary(
      uniqueKeysWithValues: names.filter { $0 != ".locks" }.map {
        ($0, try Data(contentsOf: folder.file(name).appending(path: $0)))
      })
  }

  /// The lines of all lists of what failed.
  private func failures(_ name: String) throws -> [ShardFile.Failure] {
    try files(name).filter { $0.key.hasSuffix(".errors.jsonl") }.values
      .flatMap { $0.split(separator: 10) }
      .map { try JSONDecoder().decode(ShardFile.Failure.self, from: $0) }
      .sorted { $0.item < $1.item }
  }

  @Test func partsWriteWhatOneProcessWrites() throws {
    let alone = try draw("one")
    #expect(alone.status == 0, "\(alone.errors)")
    #expect(alone.output == folder.path("one") + "\n")
    #expect(alone.errors.contains("12 images of 12 items in 4 shards"), "\(alone.errors)")
    let one = try files("one")
    #expect(one.keys.sorted() == (0..<4).map { "shard-0000\($0).tar" } + ["shards.json"])
    for count in [2, 3] {
      for part in (0..<count).reversed() {
        let outcome = try draw("\(count)", "--part", "\(part)/\(count)")
        #expect(outcome.status == 0, "\(outcome.errors)")
      }
      #expect(try files("\(count)") == one)
    }
  }

  /// A launched process that is alone does the work of those that are gone, and the first one speaks.
  @Test func launchedProcessesHelpEachOther() throws {
    func launched(_ rank: Int) -> [String: String] {
      ["OMPI_COMM_WORLD_RANK": "\(rank)", "OMPI_COMM_WORLD_SIZE": "2"]
    }
    let second = try draw("out", environment: launched(1))
    #expect(second.status == 0 && second.output.isEmpty && second.errors.isEmpty, "\(second)")
    #expect(try files("out").count == 5)
    let first = try draw("out", "--json", environment: launched(0))
    #expect(first.status == 0, "\(first.errors)")
    let report = try JSONSerialization.jsonObject(with: Data(first.output.utf8)) as? [String: Any]
    #expect(report?["shards"] as? Int == 4 && report?["shards_made"] as? Int == 0)
    #expect(report?["samples"] as? Int == 12 && report?["failed"] as? Int == 0)
    let wrong = try draw("out", "--part", "0/2", environment: launched(0))
    expectFailure(wrong, status: 64, saying: "leave --part out")
  }

  @Test func aKilledRunGoesOn() throws {
    let many = (0..<24).map { "a cat \($0)" }.joined(separator: "\n")
    let prompts = try folder.write(many, to: "many.txt")
    #expect(try draw("whole", "--shard-count", "8", prompts: prompts).status == 0)
    let arguments =
      ["generate", "--prompts-file", prompts, "--shards", folder.path("cut"), "--model"]
      + [folder.path("model")] + Self.drawing + ["--shard-count", "8"]
    let killed = try BuiltCommand.shell(
      """
      "$0" \(arguments.joined(separator: " ")) &
      until ls \(folder.path("cut"))/shard-*.tar \(folder.path("cut"))/.shard-*.partial || ! kill -0 $!
      do sleep 0.02; done >/dev/null 2>&1
      kill -9 $!
      wait $!
      """)
    #expect(killed.status == 137, "\(killed)")
    let left = try files("cut").keys.filter { $0.hasSuffix(".tar") }
    #expect(!left.isEmpty && left.count < 8, "\(left)")
    let again = try draw("cut", "--shard-count", "8", "--part", "0/1", prompts: prompts)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try files("cut") == files("whole"))
    #expect(!FileManager.default.fileExists(atPath: folder.path("cut/.locks")))
  }

  @Test func aShardThatAnotherProcessMakesIsWaitedFor() throws {
    let place = folder.file("out/.locks/2")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    var lock = try FolderLock(place)
    #expect(lock != nil)
    let process = Process()
    process.executableURL = BuiltCommand.url
    process.arguments =
      ["generate", "--prompts-file", "prompts.txt", "--shards", "out", "--model", "model"]
      + Self.drawing
    process.currentDirectoryURL = folder.url
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    var said = ""
    while !said.contains("waiting for another process, which makes shard-00002.tar") {
      let more = errors.fileHandleForReading.availableData
      guard !more.isEmpty else { break }
      said += String(decoding: more, as: UTF8.self)
    }
    #expect(said.contains("waiting for another process"), "\(said)")
    #expect(process.isRunning)
    let names = try files("out").keys.filter { $0.hasSuffix(".tar") }.sorted()
    #expect(names == [0, 1, 3].map { "shard-0000\($0).tar" })
    lock = nil
    _ = try errors.fileHandleForReading.readToEnd()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(try files("out").keys.sorted().count == 5)
  }

  @Test func brokenPromptsAreListedAndDoNotStopTheRun() throws {
    var bytes = Data("a cat\n".utf8) + [0xFF, 0xFE, 10] + Data("# no prompt\n\nzero".utf8) + [0]
    bytes += Data("byte\n".utf8) + Data(repeating: 0x61, count: LineSource.mostBytes + 9)
    bytes += Data("\n\(String(repeating: "long ", count: 200))\n\u{A0}\na dog".utf8)
    try bytes.write(to: folder.file("broken.txt"))
    let outcome = try draw("out", "-n", "2", prompts: "broken.txt")
    expectFailure(outcome, status: 65, saying: "4 of 7 items failed", "shard-*.errors.jsonl")
    let failures = try failures("out")
    #expect(failures.map(\.item) == [2, 5, 6, 8])
    #expect(
      failures.map(\.error) == [
        "it is not UTF-8 text", "it holds a zero byte", "it is longer than 1 MiB", "it is blank",
      ])
    let reader = try ShardReader(directory: folder.file("out"))
    #expect(
      reader.keys.sorted()
        == [1, 7, 9].flatMap { ["00000000\($0)-0", "00000000\($0)-1"] })
    let again = try draw("out", "-n", "2", "--json", prompts: "broken.txt")
    expectFailure(again, status: 65, saying: "4 of 7 items failed")
    #expect(
      again.output.contains(#""shards_made" : 0"#) && again.output.contains(#""samples" : 6"#))
  }

  @Test func shardsAreReadBack() throws {
    #expect(try draw("out").status == 0)
    let reader = try ShardReader(directory: folder.file("out"))
    #expect(reader.count == 12)
    let index = try #require(reader.keys.firstIndex(of: "000000003"))
    let sample = try reader.sample(at: index)
    #expect(sample.caption == "a red apple 2" && sample.image.width == 16)
    // The same image as that of the seed alone: 3 for the first line.
    let alone = try BuiltCommand.run(
      ["generate", "a red apple 2", "--size", "16", "--seed", "5", "--out", "alone.png"]
        + ["--model", "model", "--dtype", "float32"] + TinyModel.fewSteps, in: folder.url)
    #expect(alone.status == 0, "\(alone.errors)")
    #expect(
      try Image(contentsOf: folder.file("alone.png")).converted(toChannels: 4) == sample.image)

    let tar = try BuiltCommand.shell(
      """
      cd \(folder.path("out")) && for shard in shard-*.tar; do tar xf $shard -C ..; done
      cd .. && ls 0*
      """)
    #expect(tar.status == 0, "\(tar.errors)")
    #expect(tar.output.split(separator: "\n").count == 36)
    let json = try JSONSerialization.jsonObject(
      with: Data(contentsOf: folder.file("000000003.json")))
    let values = try #require(json as? [String: Any])
    #expect(values["prompt"] as? String == "a red apple 2" && values["seed"] as? Int == 5)
    #expect(values["line"] as? Int == 3 && values["decoder_steps"] as? Int == 2)
    #expect(values["truncated"] == nil && values["model_version"] != nil)
    let vector = try floats("000000003.npy")
    let clip = try CLIPFolder(folder.file("model"))
    let image = try CLIPImageEncoder(clip)([Image(contentsOf: folder.file("alone.png"))])
    #expect(zip(vector, image.array(of: Float.self)).allSatisfy { abs($0 - $1) < 1e-4 })
    #expect(vector.count == image.count)
    let text = try CLIPTextEncoder(clip)(["a red apple 2"], normalized: true)
    let score: Double = 100 * (image.normalized() * text).sum().item()
    #expect(abs(try #require(values["clip_score"] as? Double) - score) < 1e-2)
  }

  /// The values of a NumPy file of one float32 vector.
  private func floats(_ name: String) throws -> [Float] {
    let data = try Data(contentsOf: folder.file(name))
    #expect(data.prefix(8) == Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0]))
    let start = 10 + Int(data[8]) + Int(data[9]) << 8
    #expect(start.isMultiple(of: 64))
    let count = (data.count - start) / 4
    #expect(String(decoding: data[10..<start], as: UTF8.self).contains("'shape': (\(count),), }"))
    return data.withUnsafeBytes { bytes in
      (0..<count).map {
        Float(bitPattern: bytes.loadUnaligned(fromByteOffset: start + 4 * $0, as: UInt32.self))
      }
    }
  }

  @Test func anotherRunIsRefusedTheFolder() throws {
    #expect(try draw("out").status == 0)
    let before = try files("out")
    try TinyModel.write(to: folder.file("other"), seed: 2)
    _ = try folder.write("a cat\n", to: "few.txt")
    expectFailure(
      try draw("out", "--seed", "4", "--decoder-steps", "3"), status: 65,
      saying: "decoder_steps was 2 and is 3 now; seed was 3 and is 4 now", "--shards")
    expectFailure(
      try draw("out", "--model", "other"), status: 65, saying: "model_fingerprint was ")
    expectFailure(
      try draw("out", prompts: "few.txt"), status: 65,
      saying: "the number of items was 12 and is 1 now")
    expectFailure(
      try draw("out", "--shard-count", "5"), status: 65, saying: "shard_count was 4 and is 5 now")
    let embed = try BuiltCommand.run(
      "embed", "--texts-file", "prompts.txt", "--shards", "out", "--model", "model",
      in: folder.url)
    expectFailure(embed, status: 65, saying: "the command was generate and is embed now")
    // A random seed is the one that the first run chose.
    #expect(try draw("out", "--seed", "random").status == 0)
    #expect(try files("out") == before)
  }

  @Test func wrongArgumentsAreRefused() throws {
    for (arguments, part) in [
      (["a cat", "--shards", "o"], "--shards needs --prompts-file"),
      (["--prompts-file", "-", "--shards", "o"], "save them to a file"),
      (["--prompts-file", "/dev/null", "--shards", "o"], "is no plain file"),
      (
        ["--prompts-file", "p", "--shards", "o", "--out", "x"], "--out and --shards cannot be given"
      ),
      (["--prompts-file", "p", "--shards", "o", "--best-of", "2"], "--best-of and --shards"),
      (["--prompts-file", "p", "--part", "0/2"], "need --shards"),
      (["--prompts-file", "p", "--shards", "o", "--part", "2/2"], "'2/2' is invalid"),
    ] {
      let outcome = CommandEntry.outcome(of: ["generate"] + arguments)
      #expect(outcome.status == .usage, "\(outcome)")
      #expect(outcome.sentence?.contains(part) == true, "\(outcome)")
    }
    let missing = CommandEntry.outcome(
      of: ["generate", "--prompts-file", folder.path("no"), "--shards", folder.path("o")])
    #expect(missing.status == .noInput, "\(missing)")
    let empty = try folder.write("# nothing\n\n", to: "empty.txt")
    let none = CommandEntry.outcome(
      of: ["generate", "--prompts-file", empty, "--shards", folder.path("o")])
    #expect(none.sentence?.contains("holds no prompt") == true, "\(none)")
    try Data([0xFF, 0xFE, 0x61, 0]).write(to: folder.file("wide.txt"))
    let wide = CommandEntry.outcome(
      of: ["generate", "--prompts-file", folder.path("wide.txt"), "--shards", folder.path("o")])
    #expect(wide.sentence?.contains("is UTF-16 or UTF-32 text") == true, "\(wide)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("o")))
  }

  // MARK: embed

  private func embed(_ out: String, _ more: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      ["embed", "--shards", out, "--model", "model", "--shard-count", "3", "--threads", "1"]
        + ["--batch", "2"] + more, in: folder.url)
  }

  @Test func embeddingsOfTextsDoNotDependOnTheParts() throws {
    let alone = try embed("one", "--texts-file", "prompts.txt", "--json")
    #expect(alone.status == 0, "\(alone.errors)")
    #expect(alone.output.contains(#""samples" : 12"#))
    for part in 0..<2 {
      let outcome = try embed("two", "--texts-file", "prompts.txt", "--part", "\(part)/2")
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    #expect(try files("one") == files("two"))
    let tar = try BuiltCommand.shell(
      "cd \(folder.path("one")) && for shard in *.tar; do tar xf $shard -C ..; done")
    #expect(tar.status == 0, "\(tar.errors)")
    let json = try String(contentsOf: folder.file("000000012.json"), encoding: .utf8)
    #expect(json == #"{"number":12,"text":"a red apple 11"}"#)
    let expected = try CLIPTextEncoder(CLIPFolder(folder.file("model")))([Self.prompts[11]])
      .array(of: Float.self)
    let found = try floats("000000012.npy")
    #expect(found.count == expected.count)
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func imagesThatCannotBeReadAreListed() throws {
    let images = folder.file("images")
    try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
    for index in 0..<5 {
      try Image(width: 21, height: 17, color: [UInt8(index * 40), 10, 10])
        .write(to: images.appending(path: "\(index).png"))
    }
    try Data("no image".utf8).write(to: images.appending(path: "2.png"))
    let outcome = try embed("out", "--images", "images", "--normalize")
    expectFailure(outcome, status: 65, saying: "1 of 5 items failed")
    let failures = try failures("out")
    #expect(failures.map(\.text) == ["images/2.png"])
    #expect(failures.first?.error.contains("it is no image") == true, "\(failures)")
    expectFailure(
      try embed("out", "--images", "images"), status: 65,
      saying: "normalize was true and is false now")
    expectFailure(
      try embed("new", "--images", "images", "--out", "a.npy"), status: 64,
      saying: "--out and --shards")
    expectFailure(
      try BuiltCommand.run("embed", "a", "--model", "model", in: folder.url), status: 64,
      saying: "give --out or --shards")
  }
}
