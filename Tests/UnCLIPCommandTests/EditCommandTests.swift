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
    for name in ["1", "2", "4"] {
      expectSuccess(try unclip("verify", "way/dark-a-red-apple-light-3-\(name).png"))
    }
    expectSuccess(
      try unclip("vary", "dark.png", "--noise", "inverted", "--out", "again.png"))
    #expect(try pixels("again.png") == pixels("way/\(names[0])"), "the end is the reconstruction")
    // A second run numbers on as a whole.
    expectSuccess(
      try unclip(
        "interpolate", "dark.png", "a red apple", "light.jpg", "--frames", "3", "--out", "way"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path("way")).count == 10)
    #expect(
      FileManager.default.fileExists(atPath: folder.path("way/dark-a-red-apple-light-3-2-5.png")))
  }

  @Test func verifyTellsSourcesByTheirContent() throws {
    expectSuccess(
      try unclip(
        "diff", "dark.png", "--from", "a cat", "--to", "a red apple", "--theta", "0.5", "--out",
        "moved.png"))
    let record = try PNGText.read(Data(contentsOf: folder.file("moved.png")))
    #expect(record["edit"]?.contains(#""theta":0.5"#) == true)
    #expect(record["decoder_eta"] == "0" && record["decoder_sampler"] == "ddim")
    expectSuccess(
      try unclip("verify", "moved.png", "--source", "light.jpg", "--source", "dark.png"))
    let files = FileManager.default
    try files.moveItem(atPath: folder.path("dark.png"), toPath: folder.path("old.png"))
    expectFailure(
      try unclip("verify", "moved.png"), status: 66,
      saying: "made from dark.png, which is not there any more; say where it is with --source")
    expectFailure(
      try unclip("verify", "moved.png", "--source", "light.jpg"), status: 66,
      saying: "and is not what --source names")
    expectSuccess(try unclip("verify", "moved.png", "--source", "old.png"))
    try files.copyItem(atPath: folder.path("moved.png"), toPath: folder.path("dark.png"))
    expectFailure(
      try unclip("verify", "moved.png"), status: 65, saying: "made from another dark.png than")
  }

  @Test func gridsAreWrittenAlone() throws {
    expectSuccess(
      try unclip(
        "interpolate", "dark.png", "light.jpg", "a cat", "a red apple", "--square", "--frames", "3",
        "--grid", "square.png"))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
    #expect(names == ["dark.png", "light.jpg", "square.png", "tiny"])
    let grid = try Image(contentsOf: folder.file("square.png"))
    #expect(grid.width == 3 * 18 + 2 && grid.height == grid.width)
    let outcome = try unclip(
      "diff", "dark.png", "--from", "a", "--to", "b", "--frames", "4", "--grid", "way.png", "--json"
    )
    expectSuccess(outcome)
    #expect(!outcome.output.contains(#""path""#) && outcome.output.contains(#""sha256""#))
    #expect(try Image(contentsOf: folder.file("way.png")).height == 20, "one row")
  }

  @Test func mixturesVerifyAndTakeWeights() throws {
    expectSuccess(
      try unclip("mix", "a cat", "0.6", "dark.png", "0.4", "light.jpg", "-n", "2", "--out", "mixed")
    )
    expectSuccess(try unclip("verify", "mixed/a-cat-dark-light-4.png"))
    expectSuccess(try unclip("mix", "dark.png", "3", "--out", "one.png"))
    expectSuccess(try unclip("vary", "dark.png", "--out", "varied.png"))
    #expect(try pixels("one.png") == pixels("varied.png"))
    expectFailure(
      try unclip("mix", "0.5", "a cat"), status: 64, saying: "0.5 has no prompt or image before it")
    expectFailure(
      try unclip("mix", "a cat", "0", "dark.png", "0"), status: 64,
      saying: "sum of the weights is 0")
    expectFailure(try unclip("mix", "a cat", "nan"), status: 64, saying: "weight 1 is nan")
    expectFailure(
      try unclip("mix", "a cat", "-0.4"), status: 64, saying: "it must be at least 0")
  }

  @Test func aLatentStandsForItsImage() throws {
    let outcome = try unclip(
      "invert", "dark.png", "--decoder-steps", "3", "--out", "dark.safetensors")
    expectSuccess(outcome)
    #expect(outcome.output.hasSuffix("/dark.safetensors\n"))
    for source in ["dark.png", "dark.safetensors"] {
      expectSuccess(
        try unclip("vary", source, "--noise", "inverted", "--eta", "0.5", "--out", source + ".png"))
      expectSuccess(try unclip("verify", source + ".png"))
    }
    #expect(try pixels("dark.png.png") == pixels("dark.safetensors.png"))
    expectFailure(
      try unclip("invert", "dark.png", "--out", "dark.safetensors"), status: 73,
      saying: "dark.safetensors exists already")
    expectFailure(
      try unclip("invert", "dark.safetensors", "--out", "x.safetensors"), status: 64,
      saying: "is the latent of an image already")
    expectFailure(
      try unclip("invert", "dark.png", "--out", "x.png"), status: 64, saying: ".safetensors")
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

  @Test func refusesWhatCannotBeDone() throws {
    let texts = ["--from", "a", "--to", "b"]
    func diff(_ more: String...) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run(
        ["diff", "dark.png"] + texts + more + ["--model", model] + Self.few, in: folder.url)
    }
    expectFailure(
      try diff("--theta", "1.5"), status: 64, saying: "--theta is 1.5, but it must be 0 to 1")
    expectFailure(try diff("--theta", "-0.1"), status: 64, saying: "--theta is -0.1")
    expectFailure(try diff("--theta", "nan"), status: 64, saying: "--theta is nan")
    expectFailure(
      try diff("--frames", "1"), status: 64, saying: "--frames is 1, but it must be 2 to 1000")
    expectFailure(
      try diff("--sampler", "dpm++"), status: 64, saying: "ddim where noise is inverted")
    expectFailure(
      try unclip("vary", "dark.png", "--eta", "2"), status: 64,
      saying: "--eta is 2, but it must be 0 to 1")
    expectFailure(
      try unclip("vary", "dark.png", "--eta", "0.5", "--sampler", "ddpm"), status: 64,
      saying: "--eta is for ddim, but --sampler is ddpm")
    expectFailure(
      try unclip("interpolate", "dark.png"), status: 64, saying: "One input is not enough")
    expectFailure(
      try unclip("interpolate", "dark.png", "a", "b", "--square"), status: 64,
      saying: "A square has four corners, but 3 inputs are given")
    let whole = try Data(contentsOf: folder.file("light.jpg"))
    try whole.prefix(whole.count / 2).write(to: folder.file("half.jpg"))
    expectFailure(
      try unclip("interpolate", "dark.png", "half.jpg", "--out", "x"), status: 65,
      saying: "half.jpg is not a whole JPEG file")
    try FileManager.default.removeItem(atPath: model + "/image_encoder")
    for command in ["interpolate", "mix"] {
      expectFailure(
        try unclip(command, "a cat", "dark.png", "--out", "x"), status: 65,
        saying: "has no 'image_encoder' folder")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("x")).isEmpty)
    expectSuccess(try unclip("mix", "a cat", "a red apple", "--out", "x"))
  }
}
