import Foundation
import TestSupport
import Testing

@Suite struct ConvertCommandTests {
  @Test func aCheckpointBecomesAFolder() throws {
    let folder = try TemporaryFolder()
    let outcome = try BuiltCommand.run(
      "convert", Golden.url("conversion/clip_script.pt").path, "--head-width", "8",
      "--dtype", "float32", "--out", folder.path("clip"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("text_encoder  from "))
    #expect(outcome.output.hasSuffix(folder.path("clip") + "\n"))
    #expect(try folder.names == ["clip"])
    let parts = try FileManager.default.contentsOfDirectory(atPath: folder.path("clip"))
    #expect(parts.sorted() == ["feature_extractor", "image_encoder", "text_encoder"])
    let again = try BuiltCommand.run(
      "convert", Golden.url("conversion/clip_script.pt").path, "--out", folder.path("clip"))
    expectFailure(again, status: 73, saying: "is there already")
  }

  @Test func aFolderOfPicklesBecomesOneOfSafetensors() throws {
    let folder = try TemporaryFolder()
    let outcome = try BuiltCommand.run(
      "convert", Golden.url("conversion/pickled").path, "--out", folder.path("safe"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("text_encoder/model.safetensors  from "))
    #expect(try folder.names == ["safe"])
  }

  @Test func refusesWithOneSentence() throws {
    let folder = try TemporaryFolder()
    func convert(_ arguments: String...) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run(["convert", "--out", folder.path("out")] + arguments)
    }
    let pointer = try folder.write("version https://git-lfs.github.com/spec/v1\n", to: "lfs.pt")
    expectFailure(try convert(pointer), status: 65, saying: "lfs.pt", "git lfs pull")
    expectFailure(try convert(folder.path("none.pt")), status: 66, saying: "none.pt")
    expectFailure(
      try convert(Golden.url("conversion/clip_open.pt").path), status: 64,
      saying: "--activation quick_gelu")
    expectFailure(try convert(pointer, "--head-width", "0"), status: 64, saying: "--head-width")
    expectFailure(
      try convert(Golden.url("conversion/pickled").path, pointer), status: 64,
      saying: "is a folder: give it alone")
    #expect(try folder.names == ["lfs.pt"])
  }
}
