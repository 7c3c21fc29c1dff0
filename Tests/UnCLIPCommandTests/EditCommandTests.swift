import Foundation
import Imaging
import TestSupport
import Testing

@testable import UnCLIPCommand

/// `vary`, `interpolate`, `diff`, `mix` and `invert`, from the outside.
@Suite struct EditCommandTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path("tiny")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    for (name, shade) in [("dark.png", UInt8(20)), ("light.jpg", 230)] {
      let pixels = (0..<40 * 30 * 3).map { $0 % 3 == 0 ? shade : shade / 2 }
      try Image(width: 40, height: 30, channels: 3, pixels: pixels)
        .write(to: folder.file(name))
    }
  }

  private static let few = [
    "--decoder-steps", "3", "--threads", "1", "--size", "16", "--seed", "3",
  ]

  private func unclip(_ command: String, _ arguments: String...) throws -> BuiltCommand.Outcome {
    let sampling = ["verify", "invert"].contains(command) ? [] : Self.few
    return try BuiltCommand.run(
      [command] + arguments + ["--model", model] + sampling, in: folder.url)
  }

  private func expectSuccess(
    _ outcome: BuiltCommand.Outcome, at location: SourceLocation = #_sourceLocation
  ) {
    #expect(outcome.status == 0, "\(outcome.errors)", sourceLocation: location)
  }

  private func pixels(_ name: String) throws -> [UInt8] {
    try Image(contentsOf: folder.file(name)).pixels
  }

  @Test func framesVerifyFromTheirFiles() throws {
    expectSuccess(
      try unclip(
        "interpolate", "dark.png", "a red apple", "light.jpg", "--frames", "3", "--out", "way"))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("way")).sorted()
    #expect(names == (1...5).map { "dark-a-red-apple-light-3-\($0).png" })
    expectSuccess(try unclip("verify", "way/dark-a-red-apple-light-3-2.png"))
    expectSuccess(
      try unclip("vary", "dark.png", "--noise", "inverted", "--out", "again.png"))
    #expect(try pixels("again.png") == pixels("way/\(names[0])"), "the end is the reconstruction")
  }

  @Test func verifyTellsSourcesByTheirContent() throws {
    expectSuccess(
      try unclip(
        "diff", "dark.png", "--from", "a cat", "--to", "a red apple", "--theta", "0.5", "--out",
        "moved.png"))
    let record = try PNGText.read(Data(contentsOf: folder.file("moved.png")))
    #expect(record["edit"]?.contains(#""theta":0.5"#) == true)
    #expect(record["decoder_eta"] == "0" && record["decoder_sampler"] == "ddim")
    let files = FileManager.default
    try files.moveItem(atPath: folder.path("dark.png"), toPath: folder.path("old.png"))
    expectFailure(
      try unclip("verify", "moved.png"), status: 66,
      saying: "made from dark.png, which is not there any more; say where it is with --source")
    expectFailure(
      try unclip("verify", "moved.png", "--source", "light.jpg"), status: 66,
      saying: "and is not what --source names")
    try files.copyItem(atPath: folder.path("moved.png"), toPath: folder.path("dark.png"))
    expectFailure(
      try unclip("verify", "moved.png"), status: 65, saying: "made from another dark.png than")
    expectSuccess(
      try unclip("verify", "moved.png", "--source", "light.jpg", "--source", "old.png"))
  }

  @Test func gridsAreWrittenAlone() throws {
    let outcome = try unclip(
      "interpolate", "dark.png", "light.jpg", "a cat", "a red apple", "--square", "--frames", "2",
      "--grid", "square.png", "--json")
    expectSuccess(outcome)
    #expect(!outcome.output.contains(#""path""#) && outcome.output.contains(#""sha256""#))
    #expect(try folder.names == ["dark.png", "light.jpg", "square.png", "tiny"])
    let grid = try Image(contentsOf: folder.file("square.png"))
    #expect(grid.width == 2 * 18 + 2 && grid.height == grid.width)
  }

  @Test func mixturesVerifyAndTakeWeights() throws {
    expectSuccess(
      try unclip(
        "mix", "a cat", "0.6", "dark.png", "0.4", "light.jpg", "-n", "2", "--out", "mixed"))
    expectSuccess(try unclip("verify", "mixed/a-cat-dark-light-4.png"))
    expectFailure(try unclip("mix", "a cat", "nan"), status: 64, saying: "weight 1 is nan")
    expectFailure(
      try unclip("mix", "a cat", "0", "dark.png", "0"), status: 64,
      saying: "sum of the weights is 0")
    #expect(sentence("mix", "a cat", "-0.4").contains("-0.4, but it must be at least 0"))
    #expect(throws: CommandError.self) { try MixCommand.weighted(["0.5", "a cat"]) }
    #expect(throws: CommandError.self) { try MixCommand.weighted(["a cat", "0.5", "1"]) }
    let parts = try MixCommand.weighted(["a cat", "0.5", "", "photo.png", "2e-1"])
    #expect(parts.map(\.text) == ["a cat", "", "photo.png"])
    #expect(parts.map(\.weight) == [0.5, 1, 0.2])
  }

  @Test func aLatentStandsForItsImage() throws {
    let outcome = try unclip(
      "invert", "dark.png", "--decoder-steps", "3", "--out", "dark.safetensors")
    expectSuccess(outcome)
    #expect(outcome.output.hasSuffix("/dark.safetensors\n"))
    expectSuccess(
      try unclip(
        "vary", "dark.safetensors", "--noise", "inverted", "--eta", "0.5", "--out", "again.png"))
    expectSuccess(try unclip("verify", "again.png"))
    expectFailure(
      try unclip("invert", "dark.png", "--out", "dark.safetensors"), status: 73,
      saying: "dark.safetensors exists already")
    expectFailure(
      try unclip("invert", "dark.safetensors", "--out", "x.safetensors"), status: 64,
      saying: "is the latent of an image already")
    try TinyModel.write(to: URL(fileURLWithPath: model), seed: 2)
    expectFailure(
      try unclip("vary", "dark.safetensors"), status: 65, saying: "made by the model tiny")
  }

  @Test func aWordThatIsAFileIsAmbiguous() throws {
    try Data().write(to: folder.file("cat"))
    expectFailure(
      try unclip("mix", "cat", "dark.png"), status: 64,
      saying: "\"cat\" may be a prompt, but is also a file here; write \"./cat\"")
    expectFailure(try unclip("mix", "./cat", "dark.png"), status: 65, saying: "is empty")
    expectFailure(
      try unclip("interpolate", "a cat.png", "dark.png"), status: 66,
      saying: "\"a cat.png\" ends like a file, but there is no such file")
    #expect(try !EditInput.isFile("a red apple") && !EditInput.isFile(""))
    #expect(try !EditInput.isFile("/"), "a folder is no image")
  }

  /// The sentence with which the parser refuses arguments.
  private func sentence(_ arguments: String...) -> String {
    let outcome = CommandEntry.outcome(of: arguments)
    #expect(outcome.status == .usage)
    return outcome.sentence ?? ""
  }

  @Test func refusesWhatCannotBeDone() throws {
    for (option, value, part) in [
      ("--theta", "1.5", "--theta is 1.5, but it must be 0 to 1"),
      ("--theta", "-0.1", "--theta is -0.1"), ("--theta", "nan", "--theta is nan"),
      ("--frames", "1", "--frames is 1, but it must be 2 to 1000"),
      ("--noise", "old", "'fresh' and 'inverted'"),
      ("--eta", "2", "--eta is 2, but it must be 0 to 1"),
    ] {
      let said = sentence("diff", "dark.png", "--from", "a", "--to", "b", option, value)
      #expect(said.contains(part))
    }
    #expect(
      sentence("vary", "dark.png", "--eta", "0.5", "--sampler", "ddpm")
        .contains("--eta is for ddim, but --sampler is ddpm"))
    #expect(sentence("interpolate", "dark.png").contains("One input is not enough"))
    #expect(
      sentence("interpolate", "dark.png", "a", "b", "--square")
        .contains("A square has four corners, but 3 inputs are given"))
    #expect(sentence("invert", "dark.png", "--out", "x.png").contains(".safetensors"))
    expectFailure(
      try unclip("vary", "dark.png", "--noise", "inverted", "--sampler", "dpm++"), status: 64,
      saying: "ddim where noise is inverted")
    let whole = try Data(contentsOf: folder.file("light.jpg"))
    try whole.prefix(whole.count / 2).write(to: folder.file("half.jpg"))
    expectFailure(
      try unclip("interpolate", "dark.png", "half.jpg", "--out", "x"), status: 65,
      saying: "half.jpg is not a whole JPEG file")
    let half = folder.path("half.jpg")
    for command in [
      ["vary", half], ["diff", half, "--from", "a", "--to", "b"], ["mix", "a cat", half],
      ["invert", half, "--out", folder.path("y.safetensors")], ["probe", half], ["inspect", half],
      ["verify", half],
    ] {
      let outcome = CommandEntry.outcome(of: command)
      #expect(outcome.status == .data, "\(command)")
      #expect(outcome.sentence?.contains("half.jpg is not a whole JPEG file") == true, "\(command)")
    }
    try FileManager.default.removeItem(atPath: model + "/image_encoder")
    let dark = folder.path("dark.png")
    for command in [
      ["mix", "a cat", dark], ["vary", dark], ["interpolate", dark, "a cat"],
      ["diff", dark, "--from", "a", "--to", "b"],
      ["invert", dark, "--out", folder.path("y.safetensors")], ["probe", dark],
    ] {
      let out = ["invert", "probe"].contains(command[0]) ? [] : ["--out", folder.path("x")]
      let outcome = CommandEntry.outcome(of: command + ["--model", model] + out)
      #expect(outcome.status == .data, "\(command)")
      #expect(outcome.sentence?.contains("has no 'image_encoder' folder") == true, "\(command)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("y.safetensors")))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("x")).isEmpty)
  }

  @Test func severalImagesOfNoNoiseAreWarnedOf() throws {
    let outcome = try unclip("vary", "dark.png", "--noise", "inverted", "-n", "2", "--out", "two")
    expectSuccess(outcome)
    #expect(outcome.errors.contains("warning: inverted noise without --eta gives"))
  }
}
