import Foundation
import Imaging
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct VaryCommandTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path("tiny")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    for (name, shade) in [("dark.png", UInt8(20)), ("light.jpg", 230)] {
      let pixels = (0..<40 * 30 * 3).map { $0 % 3 == 0 ? shade : shade / 2 }
      try Image(width: 40, height: 30, channels: 3, pixels: pixels)
        .write(to: folder.url.appendingPathComponent(name))
    }
  }

  private func vary(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      ["vary", "--model", model, "--decoder-steps", "2", "--upsampler-steps", "2"] + arguments,
      in: folder.url)
  }

  private func pixels(_ name: String) throws -> [UInt8] {
    try Image(contentsOf: folder.url.appendingPathComponent(name)).pixels
  }

  @Test func variationsVerify() throws {
    let outcome = try vary("dark.png", "--seed", "3", "--out", "other.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(!outcome.errors.contains("prior"), "no prior has a part in it")
    let verified = try BuiltCommand.run(["verify", "other.png", "--model", model], in: folder.url)
    #expect(verified.status == 0, "\(verified.errors)")
    let ofAnother = try BuiltCommand.run(
      ["verify", "other.png", "--model", model, "--original", "light.jpg"], in: folder.url)
    #expect(ofAnother.status == 0, "the recorded path still leads to the image")
    try FileManager.default.moveItem(atPath: folder.path("dark.png"), toPath: folder.path("m.png"))
    let moved = try BuiltCommand.run(["verify", "other.png", "--model", model], in: folder.url)
    expectFailure(moved, status: 66, saying: "made from dark.png", "with --source")
    let named = try BuiltCommand.run(
      ["verify", "other.png", "--model", model, "--source", "m.png", "--json"], in: folder.url)
    #expect(named.status == 0, "\(named.errors)")
    #expect(named.output.contains("decoder_steps") && !named.output.contains("prior_"))
  }

  /// The first versions named the image alone, in a chunk of its own, and had fewer settings.
  @Test func variationsOfTheFirstVersionsVerify() throws {
    let outcome = try vary("dark.png", "--seed", "3", "--out", "new.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let url = folder.url.appendingPathComponent("new.png")
    var chunks = try PNGText.read(Data(contentsOf: url))
    for key in [
      "edit", "decoder_eta", "guidance_start", "guidance_end", "threshold", "resampling_jumps",
      "resampling_length",
    ] { #expect(chunks.removeValue(forKey: key) != nil) }
    chunks["original"] = "dark.png"
    try Image(contentsOf: url).write(
      to: folder.url.appendingPathComponent("old.png"), text: chunks.map { ($0, $1) })
    func verify(_ arguments: String...) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run(["verify", "old.png", "--model", model] + arguments, in: folder.url)
    }
    let verified = try verify()
    #expect(verified.status == 0, "\(verified.errors)")
    let inspected = try BuiltCommand.run(["inspect", "old.png"], in: folder.url)
    #expect(inspected.output.contains("unclip vary dark.png --seed 3"), "\(inspected.output)")
    try FileManager.default.moveItem(atPath: folder.path("dark.png"), toPath: folder.path("m.png"))
    expectFailure(try verify(), status: 66, saying: "made from dark.png", "with --source")
    #expect(try verify("--original", "m.png").status == 0)
    expectFailure(try verify("--source", "light.jpg"), status: 65, saying: "differs")
  }

  @Test func anInputIsNeverReplaced() throws {
    let file = folder.url.appendingPathComponent("dark.png")
    let before = try Data(contentsOf: file)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link.png"), withDestinationPath: "dark.png")
    for out in ["dark.png", "./dark.png", "link.png"] {
      expectFailure(
        try vary("dark.png", "--out", out, "--force"), status: 64,
        saying: "which is the input dark.png")
    }
    #expect(try Data(contentsOf: file) == before)
  }

  @Test func warnsOnceWhereTheModelKnowsOneKindOfImage() throws {
    let plain = try vary("light.jpg", "--size", "16", "--out", "plain")
    #expect(!plain.errors.contains("warning"), "\(plain.errors)")
    let file = URL(fileURLWithPath: model + "/unclip.json")
    try Data(#"{"name": "tiny", "version": "1", "domain": "drawings on white"}"#.utf8)
      .write(to: file)
    let foreign = try vary("light.jpg", "dark.png", "--size", "16", "--seed", "5", "--out", "out")
    #expect(foreign.status == 0, "\(foreign.errors)")
    let warnings = foreign.errorLines.filter { $0.hasPrefix("unclip: warning: ") }
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("knows drawings on white; if light.jpg is") == true)
    let own = try vary("out/light-5.png", "--size", "16", "--out", "own")
    #expect(own.status == 0 && !own.errors.contains("warning"), "\(own.errors)")
  }

  @Test func eachImageHasItsOwnFiles() throws {
    let outcome = try vary(
      "dark.png", "light.jpg", "-n", "2", "--seed", "0", "--out", "out", "--grid", "all.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let names = ["dark-0.png", "dark-1.png", "light-0.png", "light-1.png"]
    let images = try names.map { try pixels("out/" + $0) }
    #expect(Set(images).count == 4, "seed and image each change the image")
    let one = try vary("light.jpg", "--seed", "1", "--out", "one.png")
    #expect(one.status == 0, "\(one.errors)")
    #expect(try pixels("one.png") == images[3], "an image does not depend on the others")
  }

  @Test func needsNoPriorButAnImageEncoder() throws {
    let files = FileManager.default
    try files.removeItem(atPath: model + "/prior")
    try files.removeItem(atPath: model + "/prior_scheduler")
    #expect(try vary("dark.png").status == 0)
    try files.removeItem(atPath: model + "/image_encoder")
    expectFailure(try vary("dark.png"), status: 65, saying: "has no 'image_encoder' folder")
  }

  @Test func refusesFilesThatAreNotImages() throws {
    _ = try folder.write("not an image", to: "notes.txt")
    expectFailure(
      try vary("dark.png", "notes.txt", "--out", "out"), status: 65, saying: "notes.txt")
    expectFailure(try vary("absent.png"), status: 66, saying: "absent.png")
    #expect(!FileManager.default.fileExists(atPath: folder.path("out")), "nothing was generated")
  }
}
