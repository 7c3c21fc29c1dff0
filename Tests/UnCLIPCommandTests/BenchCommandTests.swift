import Foundation
import TestSupport
import Testing
import TorchNN

@testable import UnCLIPCommand

@Suite struct BenchCommandTests {
  @Test func measuresAModelOfRandomWeights() throws {
    let folder = try TemporaryFolder()
    let written = try BuiltCommand.run(
      ["bench", "folder", "--preset", "tiny", "--out", "tiny"], in: folder.url)
    #expect(written.status == 0, "\(written.errors)")
    let measured = try BuiltCommand.run(
      [
        "bench", "pipeline", "--model", folder.path("tiny"), "--steps", "3", "--threads", "1",
        "--json",
      ], in: folder.url)
    #expect(measured.status == 0, "\(measured.errors)")
    struct Report: Decodable {
      struct Stage: Decodable {
        var name: String
        var steps: Int
        var step_seconds: Double
        var step_operations: Double
        var share_of_peak: Double
      }
      var stages: [Stage]
      var image_seconds: Double
      var image_operations: Double
      var threads: Int
    }
    let report = try JSONDecoder().decode(Report.self, from: Data(measured.output.utf8))
    #expect(report.stages.map(\.name) == ["prior", "decoder", "upsampler"])
    #expect(report.stages.map(\.steps) == [25, 25, 7])
    #expect(report.threads == 1)
    #expect(report.stages.allSatisfy { $0.step_operations > 1000 && $0.step_seconds > 0 })
    #expect(report.stages.allSatisfy { $0.share_of_peak > 0 && $0.share_of_peak < 1.5 })
    let total = report.stages.reduce(0) { $0 + $1.step_operations * Double($1.steps) }
    #expect(abs(report.image_operations - total) < 1)
    #expect(report.image_seconds > 0)
  }

  /// Without a diffusion prior its stage is left out, or is the other prior's tokens.
  @Test(arguments: ["ar", "none", "text"]) func everyPriorIsTimed(_ prior: String) throws {
    let folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("tiny"), hasBothPriors: true)
    let measured = try BuiltCommand.run(
      "bench", "pipeline", "--model", folder.path("tiny"), "--steps", "3", "--threads", "1",
      "--prior", prior, in: folder.url)
    #expect(measured.status == 0, "\(measured.errors)")
    #expect(measured.output.contains("\nprior ") == (prior == "ar"), "\(measured.output)")
    #expect(measured.output.contains("process start to the end of the first step"))
  }

  @Test func sameSeedSameWeights() throws {
    let folder = try TemporaryFolder()
    func weights(_ name: String, seed: String) throws -> Data {
      let outcome = try BuiltCommand.run(
        ["bench", "folder", "--preset", "tiny", "--seed", seed, "--out", name], in: folder.url)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try Data(
        contentsOf: folder.url.appendingPathComponent(
          "\(name)/decoder/diffusion_pytorch_model.safetensors"))
    }
    let first = try weights("a", seed: "1")
    #expect(try weights("b", seed: "1") == first)
    #expect(try weights("c", seed: "2") != first)
  }

  @Test func refusesWhatCannotBeMeasured() throws {
    let folder = try TemporaryFolder()
    expectFailure(
      try BuiltCommand.run("bench", "folder", "--preset", "huge", "--out", folder.path("x")),
      status: 64, saying: "There is no preset huge; the presets are tiny, small, karlo, paper.")
    expectFailure(
      try BuiltCommand.run("bench", "folder", "--preset", "tiny", "--out", folder.url.path),
      status: 73, saying: "it exists already; name another path with --out.")
    expectFailure(
      try BuiltCommand.run("bench", "pipeline", "--steps", "1"),
      status: 64, saying: "--steps is 1, but it must be 2 to 1000")
    expectFailure(
      try BuiltCommand.run("bench", "pipeline", "--device", "cuda"),
      status: 64, saying: "--device is cuda, but only steps on the cpu are timed")
  }
}
