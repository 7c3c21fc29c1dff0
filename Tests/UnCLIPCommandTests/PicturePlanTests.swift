import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct PicturePlanTests {
  private func plan(
    _ prompts: [String], count: Int = 1, seed: UInt64 = 0, out: String
  ) throws(CommandError) -> [String] {
    try PicturePlan(of: prompts, count: count, seed: seed, out: out).items.map(\.url.path)
  }

  @Test func oneFileForOnePicture() throws {
    #expect(try plan(["a"], out: "/tmp/x/apple.png") == ["/tmp/x/apple.png"])
    #expect(try plan(["a"], out: "/tmp/x/APPLE.PNG") == ["/tmp/x/APPLE.PNG"])
  }

  @Test func namesInAFolderTellSentenceAndSeed() throws {
    #expect(
      try plan(["A red apple!", "cat"], count: 2, seed: 7, out: "/tmp/d") == [
        "/tmp/d/a-red-apple-7.png", "/tmp/d/a-red-apple-8.png", "/tmp/d/cat-7.png",
        "/tmp/d/cat-8.png",
      ])
    #expect(
      try plan(["a cat", "a, cat"], out: "/tmp/d/") == [
        "/tmp/d/a-cat-0.png", "/tmp/d/a-cat-0-2.png",
      ])
  }

  @Test func seedsWrapAround() throws {
    let items = try PicturePlan(of: [""], count: 2, seed: .max, out: "/tmp/d").items
    #expect(items.map(\.seed) == [.max, 0])
  }

  @Test(arguments: [
    ("", "picture"), ("🍎🍎", "picture"), ("../../etc", "etc"), ("一个 红苹果", "一个-红苹果"),
    (String(repeating: "word ", count: 10_000), "word-word-word-word-word-word-word-word-word"),
    (String(repeating: "x", count: 400), "picture"),
  ])
  func stemsAreSafeFileNames(prompt: String, stem: String) {
    #expect(PicturePlan.stem(prompt) == stem)
  }

  @Test func refusesAFileForSeveralPicturesAndOtherFormats() {
    #expect(sentence { try plan(["a"], count: 4, out: "x.png") }.contains("4 pictures are asked"))
    #expect(sentence { try plan(["a"], out: "x.jpg") }.contains("pictures are PNG files"))
  }

  @Test func refusesAPlaceThatCannotBeWritten() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("", to: "file")
    let plan = try PicturePlan(of: ["a"], count: 1, seed: 0, out: file + "/sub")
    #expect(sentence { try plan.prepare() }.contains("Cannot write \(file)/sub"))
    try FileManager.default.createDirectory(
      atPath: folder.path("taken.png"), withIntermediateDirectories: true)
    let grid = folder.url.appendingPathComponent("taken.png")
    let good = try PicturePlan(of: ["a"], count: 1, seed: 0, out: folder.url.path)
    #expect(sentence { try good.prepare(and: [grid]) }.contains("a folder of that name is there"))
    #expect(try folder.names == ["file", "taken.png"])
  }
}

@Suite struct PromptOptionsTests {
  private func sentences(_ bytes: [UInt8]) throws(CommandError) -> [String] {
    try PromptOptions.sentences(in: Data(bytes), file: "prompts.txt")
  }

  @Test func readsLinesThatAreNotBlank() throws {
    #expect(
      try sentences(Array("a red apple\r\n\n  一个红苹果 \n🍎".utf8)) == ["a red apple", "一个红苹果", "🍎"])
  }

  @Test(
    arguments: [
      ([0xFF, 0xFE, 0x41], "is not UTF-8 text"), ([0x41, 0x00], "is not UTF-8 text"),
      ([0x0A, 0x20], "holds no sentence"),
    ] as [([UInt8], String)])
  func refusesOtherFiles(bytes: [UInt8], part: String) {
    do {
      Issue.record("taken: \(try sentences(bytes))")
    } catch {
      #expect(error.status == .data)
      #expect(error.description.contains(part))
    }
  }
}

@Suite struct PictureRecordTests {
  private let record = PictureRecord(
    prompt: "一个 \"red\" apple 🍎", negative: "", seed: .max, size: 256, priorSteps: 25,
    priorGuidance: 4, priorCandidates: 2, decoderSteps: 25, decoderGuidance: 8.125,
    upsamplerSteps: 7, dtype: "float32", threads: 2, model: "small", modelVersion: "1",
    software: "unclip 0.1.0")

  private func chunks(without key: String? = nil, _ changes: [String: String] = [:]) -> [String:
    String]
  {
    var chunks = Dictionary(uniqueKeysWithValues: record.chunks.map { ($0.key, $0.value) })
    if let key { chunks[key] = nil }
    return chunks.merging(changes) { $1 }
  }

  @Test func survivesTheFile() throws {
    #expect(try PictureRecord(chunks: chunks(), file: "x.png") == record)
    let varied = try PictureRecord(
      chunks: chunks(without: nil, ["original": "cat.jpg"]), file: "x.png")
    #expect(varied.original == "cat.jpg" && varied.chunks.contains { $0.value == "cat.jpg" })
  }

  @Test(arguments: [
    ("prompt", "does not say how it was drawn"), ("seed", "does not tell its 'seed'"),
    ("software", "does not tell its 'software'"),
  ])
  func refusesPicturesOfOthers(key: String, part: String) {
    expect(chunks(without: key), saying: part)
  }

  @Test func refusesWhatIsNoNumber() {
    expect(chunks(["prior_steps": "many"]), saying: "tells 'many' as its 'prior_steps'")
    expect(chunks(["threads": "0"]), saying: "tells '0' as its 'threads', which is not possible")
  }

  private func expect(_ chunks: [String: String], saying part: String) {
    do {
      Issue.record("taken: \(try PictureRecord(chunks: chunks, file: "x.png"))")
    } catch {
      #expect(error.status == .data)
      #expect(error.description.contains(part) && error.description.hasPrefix("x.png "))
    }
  }
}
