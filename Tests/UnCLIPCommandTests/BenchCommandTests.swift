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

  @Test func oneProcessSharesNothing() throws {
    let config = TrainingFile.folder.appending(path: "tiny-upsampler.yaml").path
    let run = try BuiltCommand.run(
      "bench", "ranks", "--config", config, "--batch", "2", "--steps", "2", "--threads", "1")
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("a batch of 2 in one process: "))
    #expect(!run.output.contains("efficiency"))
    let clip = TrainingFile.folder.appending(path: "tiny-clip.yaml").path
    expectFailure(
      try BuiltCommand.run("bench", "ranks", "--config", clip), status: 64,
      saying: "of another stage")
    expectFailure(
      try BuiltCommand.run("bench", "ranks", "--batch", "0"), status: 64, saying: "--batch is 0")
  }

  @Test(.enabled(if: Launcher.isThere && Launcher.hasMPI))
  func severalProcessesAreMeasuredAndPredicted() throws {
    let config = TrainingFile.folder.appending(path: "tiny-upsampler.yaml").path
    let run = try Launcher.run(2, "bench ranks --config \(config) --batch 4 --steps 2 --json")
    #expect(run.status == 0, "\(run.errors)")
    struct Report: Decodable {
      struct Scaling: Decodable {
        var strong_seconds: Double
        var weak_seconds: Double
        var strong_efficiency: Double
        var bandwidth: Double
        var predicted_seconds: Double
        var sums: [[String: Double]]
      }
      var processes: Int
      var alone_seconds: Double
      var gradient_bytes: Int
      var weights: Int
      var scaling: Scaling
    }
    // The first process prints, once.
    let report = try JSONDecoder().decode(Report.self, from: Data(run.output.utf8))
    #expect(report.processes == 2 && report.gradient_bytes == 4 * report.weights)
    let scaling = report.scaling
    #expect(scaling.strong_seconds > 0 && scaling.weak_seconds > 0 && scaling.bandwidth > 0)
    #expect(
      abs(scaling.strong_efficiency * 2 * scaling.strong_seconds - report.alone_seconds)
        < 1e-6 * report.alone_seconds)
    #expect(scaling.sums.count > 3 && scaling.predicted_seconds > 0)
    let few = try Launcher.run(3, "bench ranks --config \(config) --batch 2")
    #expect(few.status != 0 && Launcher.sentences(few).count == 1, "\(few.errors)")
    #expect(few.errors.contains("3 processes cannot share a batch of 2"))
  }

  /// The line through exact points is that of the points; times are never negative.
  @Test func fitsTheTimesOfSums() {
    let sums = [1 << 12, 1 << 20, 1 << 25].map {
      RanksReport.Sum(bytes: $0, seconds: 1e-4 + Double($0) / 2e9)
    }
    let fit = RanksReport.fit(sums)
    #expect(abs(fit.latency - 1e-4) < 1e-9 && abs(1 / fit.secondsOfByte - 2e9) < 1e3)
    let falling = RanksReport.fit([.init(bytes: 1, seconds: 2), .init(bytes: 1000, seconds: 1)])
    #expect(falling.secondsOfByte == 0 && falling.latency >= 0)
    #expect(RanksReport.fit([]) == (0, 0))
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
