import Diffusion
import Foundation
import TestSupport
import Testing
import UnCLIP

@testable import UnCLIPCommand

@Suite struct OutputPlanTests {
  private func plan(
    _ prompts: [String], count: Int = 1, seed: UInt64 = 0, out: String
  ) throws(CommandError) -> [String] {
    try OutputPlan(of: prompts, count: count, seed: seed, out: out).items.map(\.url.path)
  }

  @Test func oneFileForOneImage() throws {
    #expect(try plan(["a"], out: "/tmp/x/apple.png") == ["/tmp/x/apple.png"])
    #expect(try plan(["a"], out: "/tmp/x/APPLE.PNG") == ["/tmp/x/APPLE.PNG"])
  }

  @Test func namesInAFolderSayPromptAndSeed() throws {
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

  @Test func namesThatExistAreNumberedOn() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("", to: "a-cat-7.png")
    _ = try folder.write("", to: "a-cat-7-2.png")
    func names(force: Bool) throws -> [String] {
      try OutputPlan(of: ["a cat"], count: 2, seed: 7, out: folder.url.path, force: force).items
        .map(\.url.lastPathComponent)
    }
    #expect(try names(force: false) == ["a-cat-7-3.png", "a-cat-8.png"])
    #expect(try names(force: true) == ["a-cat-7.png", "a-cat-8.png"])
  }

  /// Frames sort by name, and number on together.
  @Test func framesAreNumberedAsAWhole() throws {
    let folder = try TemporaryFolder()
    func names(force: Bool) throws -> [String] {
      try OutputPlan(
        of: ["way"], count: 1, frames: 11, seed: 7, out: folder.url.path, force: force
      ).items.map(\.url.lastPathComponent)
    }
    let first = (1...11).map { "way-7-\($0 < 10 ? "0" : "")\($0).png" }
    #expect(try names(force: false) == first)
    _ = try folder.write("", to: "way-7-11.png")
    #expect(try names(force: false) == first.map { $0.replacing("7-", with: "7-2-") })
    #expect(try names(force: true) == first)
  }

  @Test(arguments: [
    ("", "image"), ("🍎🍎", "image"), ("../../etc", "etc"), ("一个 红苹果", "一个-红苹果"),
    (String(repeating: "word ", count: 10_000), "word-word-word-word-word-word-word-word-word"),
    (String(repeating: "x", count: 400), "image"),
  ])
  func stemsAreSafeFileNames(prompt: String, stem: String) {
    #expect(OutputPlan.stem(prompt) == stem)
  }

  @Test func refusesAFileForSeveralImagesAndOtherFormats() {
    #expect(sentence { try plan(["a"], count: 4, out: "x.png") }.contains("4 images are asked"))
    #expect(sentence { try plan(["a"], out: "x.jpg") }.contains("images are PNG files"))
  }

  @Test func refusesAPathThatCannotBeWritten() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("", to: "file")
    let plan = try OutputPlan(of: ["a"], count: 1, seed: 0, out: file + "/sub")
    var files = OutputFiles()
    files.force = false
    #expect(sentence { try plan.prepare(files: files) }.contains("Cannot write \(file)/sub"))
    try FileManager.default.createDirectory(
      atPath: folder.path("taken.png"), withIntermediateDirectories: true)
    let grid = OutputFile(folder.path("taken.png"), option: "--grid")
    let good = try OutputPlan(of: ["a"], count: 1, seed: 0, out: folder.url.path)
    #expect(
      sentence { try good.prepare(and: [grid], files: files) }
        .contains("a folder of that name exists; name another path with --grid"))
    #expect(try folder.names == ["file", "taken.png"])
  }
}

@Suite struct ImageRecordTests {
  private let record: ImageRecord = {
    var sampling = SamplingSettings()
    sampling.priorCandidates = 2
    sampling.decoderGuidance = 8.125
    sampling.decoderSampler = .dpmSolver
    return ImageRecord(
      settings: GenerationSettings(
        prompt: "一个 \"red\" apple 🍎", seed: .max, size: 256, sampling: sampling),
      provenance: .init(
        dtype: "float32", threads: 2, model: "small", modelVersion: "1",
        software: "unclip 0.1.0"))
  }()

  private func chunks(
    without keys: Set<String> = [], _ changes: [String: String] = [:]
  ) throws -> [String: String] {
    Dictionary(uniqueKeysWithValues: try record.chunks().map { ($0.key, $0.value) })
      .filter { !keys.contains($0.key) }.merging(changes) { $1 }
  }

  private func read(
    _ chunks: [String: String], over sampling: SamplingSettings = .init()
  ) throws -> ImageRecord {
    let provenance = try ImageRecord.Provenance(chunks: chunks, file: "x.png")
    return ImageRecord(
      settings: try GenerationSettings(metadata: chunks, sampling: sampling, file: "x.png"),
      edit: try EditRecord(chunks: chunks, file: "x.png"), provenance: provenance)
  }

  @Test func survivesTheFile() throws {
    #expect(try read(chunks()) == record)
    // The first versions named the image that a variation was made from so.
    let varied = try read(chunks(["original": "cat.jpg"]))
    #expect(varied.edit?.sources.map(\.path) == ["cat.jpg"])
    let again = try read(
      Dictionary(uniqueKeysWithValues: varied.chunks().map { ($0.key, $0.value) }))
    #expect(again == varied)
    #expect(throws: CommandError.self) { try read(chunks(["edit": "{}"])) }
    let negative = #"{"operation":"vary","noise":"fresh","sources":[{"file":"a.png","weight":-1}]}"#
    #expect(throws: CommandError.self) { try read(chunks(["edit": negative])) }
  }

  /// Settings that an older image lacks are the model's own.
  @Test func settingsThatAnOldImageLacksAreTheModels() throws {
    var model = SamplingSettings()
    model.decoderSampler = .ddim
    model.decoderSteps = 3
    let old = try chunks(
      without: ["prior_sampler", "decoder_sampler", "upsampler_sampler", "guidance_rescale"],
      ["decoder_guidance": "8.125", "prior_guidance": "4.0"])
    let settings = try read(old, over: model).settings
    #expect(settings.sampling.decoderSampler == .ddim && settings.sampling.decoderSteps == 25)
    #expect(settings.sampling.priorGuidance == 4 && settings.seed == .max)
  }

  @Test(arguments: [
    ("prompt", "does not say how it was made"), ("software", "does not say its 'software'"),
    ("threads", "does not say its 'threads'"),
  ])
  func refusesImagesOfOthers(key: String, part: String) throws {
    try expect(chunks(without: [key]), saying: part)
  }

  @Test(arguments: [
    ("prior_steps", "many", "'prior_steps' is \"many\", but it must be a number"),
    ("seed", "-1", "'seed' is \"-1\", but it must be a number"),
    ("decoder_sampler", "magic", "'decoder_sampler'"),
    ("threads", "0", "says '0' as its 'threads', which is not possible"),
    ("dtype", "int4", "says 'int4' as its 'dtype', which is not possible"),
  ])
  func refusesImpossibleValues(key: String, value: String, part: String) throws {
    try expect(chunks([key: value]), saying: part)
  }

  private func expect(_ chunks: [String: String], saying part: String) {
    do {
      Issue.record("taken: \(try read(chunks))")
    } catch {
      #expect(ExitStatus(of: error) == .data)
      #expect("\(error)".contains(part) && "\(error)".hasPrefix("x.png"), "\(error)")
    }
  }
}
