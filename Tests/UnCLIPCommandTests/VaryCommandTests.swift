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
    expectFailure(ofAnother, status: 65, saying: "other.png differs")
  }

  @Test func eachImageHasItsOwnFiles() throws {
    let outcome = try vary(
      "dark.png", "light.jpg", "-n", "2", "--out", "out", "--grid", "all.png")
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
    expectFailure(try vary("absent.png"), status: 65, saying: "absent.png")
    #expect(!FileManager.default.fileExists(atPath: folder.path("out")), "nothing was generated")
  }
}
