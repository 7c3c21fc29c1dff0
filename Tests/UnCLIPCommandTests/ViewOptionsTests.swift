import Foundation
import Imaging
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct ViewOptionsTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path("tiny")
    try TinyModel.write(to: URL(fileURLWithPath: model))
  }

  private func generate(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      ["generate", "a red apple", "--model", model, "--seed", "4"] + TinyModel.fewSteps
        + arguments, in: folder.url)
  }

  private func size(_ path: String) throws -> Int {
    try Image(contentsOf: folder.url.appendingPathComponent(path)).width
  }

  private func list(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path(path)).sorted()
  }

  @Test func previewsInOneFile() throws {
    let outcome = try generate("--out", "a.png", "--preview", "live.webp")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try size("live.webp") == 64, "the last is the upsampler's")
    expectFailure(
      try generate("--out", "b.png", "--preview", "live.webp"), status: 73,
      saying: "live.webp exists already", "another name with --preview", "--force")
    #expect(!FileManager.default.fileExists(atPath: folder.path("b.png")))
    #expect(try generate("--out", "b.png", "--preview", "live.webp", "--force").status == 0)
    #expect(
      try Image(contentsOf: folder.file("a.png")) == Image(contentsOf: folder.file("b.png")),
      "looking changes nothing")
  }

  @Test func previewsOfEveryStep() throws {
    let outcome = try generate("-n", "2", "--out", "made", "--preview", "steps")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try list("steps") == ["a-red-apple-4", "a-red-apple-5"])
    let files = ["decoder-1.png", "decoder-2.png", "upsampler-1.png", "upsampler-2.png"]
    #expect(try list("steps/a-red-apple-5") == files)
    #expect(try size("steps/a-red-apple-4/decoder-2.png") == 16)
    #expect(try size("steps/a-red-apple-4/upsampler-1.png") == 64)
    #expect(try generate("--out", "other", "--preview", "steps").status == 0)
    #expect(
      try list("steps") == ["a-red-apple-4", "a-red-apple-4-2", "a-red-apple-5"],
      "folders number on")
  }

  @Test func previewsOfVariations() throws {
    try Image(width: 30, height: 30, color: [90, 20, 10]).write(to: folder.file("in.png"))
    let outcome = try BuiltCommand.run(
      [
        "vary", "in.png", "--model", model, "--seed", "1", "--decoder-steps", "2", "--size", "16",
        "--preview", "steps/",
      ], in: folder.url)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try list("steps/in-1") == ["decoder-1.png", "decoder-2.png"])
  }

  @Test func refusals() throws {
    expectFailure(
      try generate("--preview", "x.gif"), status: 64, saying: "--preview is x.gif", ".webp")
    expectFailure(
      try generate("--preview", "-"), status: 64, saying: "--preview is -", "name a file")
    expectFailure(
      try generate("--out", "a.png", "--preview", "a.png"), status: 64, saying: "twice")
    try Data().write(to: folder.file("file"))
    expectFailure(
      try generate("--out", "a.png", "--preview", "file"), status: 73, saying: "file",
      "another path with --preview")
    expectFailure(
      try generate("--show", "--json"), status: 64, saying: "--show and --json")
    expectFailure(try generate("--show-as", "x"), status: 64, saying: "--show-as")
    #expect(!FileManager.default.fileExists(atPath: folder.path("a.png")))
  }

  @Test func nothingIsShownInAPipe() throws {
    for arguments in [["--show"], ["--show-as", "kitty"]] {
      let outcome = try BuiltCommand.run(
        ["generate", "a red apple", "--model", model, "--seed", "4", "--force"]
          + TinyModel.fewSteps + arguments, environment: ["TERM": "xterm-kitty"], in: folder.url)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("--show needs a terminal"))
      #expect(!outcome.output.contains("\u{1B}"))
    }
  }

  @Test func showsInATerminal() throws {
    let arguments = TinyModel.fewSteps.joined(separator: " ")
    let outcome = try BuiltCommand.shell(
      """
      cd '\(folder.url.path)' && TERM=xterm-kitty script -qec "'$0' generate 'a red apple' \
      --model tiny --seed 4 --size 16 --out a.png --show \(arguments)" /dev/null </dev/null
      """)
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(outcome.output.contains("a.png\r\n\u{1B}_Ga=T,f=100,q=2,m=0;"))
  }
}
