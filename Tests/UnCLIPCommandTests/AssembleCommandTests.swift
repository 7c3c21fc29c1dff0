import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct AssembleCommandTests {
  @Test func anAssembledModelGenerates() throws {
    let folder = try TemporaryFolder()
    let (first, second) = (folder.path("first"), folder.path("second"))
    try TinyModel.write(to: URL(fileURLWithPath: first))
    try FileManager.default.createDirectory(atPath: second, withIntermediateDirectories: true)
    for part in ["decoder", "decoder_scheduler", "text_proj"] {
      try FileManager.default.moveItem(atPath: "\(first)/\(part)", toPath: "\(second)/\(part)")
    }
    let outcome = try BuiltCommand.run(
      "assemble", first, second, "--name", "joined", "--out", folder.path("joined"),
      "--prior-candidates", "3", "--sampler", "ddim")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let generated = try BuiltCommand.run(
      ["generate", "a", "--size", "16", "--model", folder.path("joined"), "--out", "a.png"]
        + TinyModel.fewSteps, in: folder.url)
    #expect(generated.status == 0, "\(generated.errors)")
    let text = try PNGText.read(Data(contentsOf: folder.url.appendingPathComponent("a.png")))
    #expect(text["model"] == "joined" && text["prior_candidates"] == "3")
    #expect(text["decoder_sampler"] == "ddim")
    let (known, domain) = (try folder.write("red\napple", to: "words"), "fruit")
    let again = ["assemble", first, second, "--name", "n", "--out", folder.path("joined")]
    expectFailure(try BuiltCommand.run(again), status: 73, saying: "joined exists already")
    let forced = try BuiltCommand.run(
      again + ["--force", "--domain", domain, "--vocabulary", known])
    #expect(forced.status == 0, "\(forced.errors)")
    let warned = try BuiltCommand.run(
      [
        "generate", "a red pear", "--size", "16", "--model", folder.path("joined"), "--out",
        "p.png",
      ]
        + TinyModel.fewSteps, in: folder.url)
    #expect(
      warned.errors.contains(#"never shown "a", "pear" (it knows fruit)"#), "\(warned.errors)")
  }

  @Test func refusesFoldersThatAreNotModels() throws {
    let folder = try TemporaryFolder()
    let outcome = try BuiltCommand.run(
      "assemble", folder.url.path, "--name", "x", "--out", folder.path("out"))
    expectFailure(outcome, status: 65, saying: folder.url.path)
    #expect(try folder.names.isEmpty)
  }
}
