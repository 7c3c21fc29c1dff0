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
    expectFailure(
      try BuiltCommand.run(
        "assemble", first, second, "--name", "n", "--out", folder.url.path, "--force"),
      status: 64, saying: "lies; choose a folder elsewhere")
    try FileManager.default.createDirectory(
      atPath: folder.path("own"), withIntermediateDirectories: true)
    let own = try folder.write("dear diary", to: "own/diary.txt")
    expectFailure(
      try BuiltCommand.run(
        "assemble", first, second, "--name", "n", "--out", folder.path("own"), "--force"),
      status: 73, saying: "and that is none")
    #expect(FileManager.default.fileExists(atPath: own))
    let warned = try BuiltCommand.run(
      [
        "generate", "a red pear", "--size", "16", "--model", folder.path("joined"), "--out",
        "p.png",
      ]
        + TinyModel.fewSteps, in: folder.url)
    #expect(
      warned.errors.contains(#"never shown "a", "pear" (it knows fruit)"#), "\(warned.errors)")
  }

  /// `--ema` takes the average's model of the runs that keep it, and the others as they are.
  @Test func takesTheAverageThatIsAskedFor() throws {
    let folder = try TemporaryFolder()
    let files = FileManager.default
    let (base, run) = (folder.path("base"), folder.path("run"))
    try TinyModel.write(to: URL(fileURLWithPath: base))
    for name in ["model", "model-ema-0.5"] {
      try files.createDirectory(atPath: "\(run)/\(name)", withIntermediateDirectories: true)
      for part in ["decoder", "decoder_scheduler", "text_proj"] {
        try files.copyItem(atPath: "\(base)/\(part)", toPath: "\(run)/\(name)/\(part)")
      }
      try files.copyItem(
        atPath: base + "/model_index.json", toPath: "\(run)/\(name)/model_index.json")
    }
    for source in [run, run + "/model"] {
      let outcome = try BuiltCommand.run(
        "assemble", base, source, "--ema", "0.5", "--name", "n", "--out", folder.path("out"),
        "--force")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("decoder  from \(run)/model-ema-0.5\n"), "\(outcome.output)")
      #expect(outcome.output.contains("prior  from \(base)\n"))
    }
    let plain = try BuiltCommand.run(
      "assemble", base, run, "--name", "n", "--out", folder.path("out"), "--force")
    #expect(plain.output.contains("decoder  from \(run)/model\n"), "a run stands for its model")
    expectFailure(
      try BuiltCommand.run(
        "assemble", base, run, "--ema", "0.9", "--name", "n", "--out", folder.path("none")),
      status: 66, saying: "No folder has weights averaged with a decay of 0.9: they keep 0.5.")
    expectFailure(
      try BuiltCommand.run(
        "assemble", base, "--ema", "0.9", "--name", "n", "--out", folder.path("none")),
      status: 66, saying: "none keeps another average than its model's")
  }

  @Test func aFolderWithoutPartsIsRefused() throws {
    let folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("base"))
    try FileManager.default.createDirectory(
      at: folder.file("empty"), withIntermediateDirectories: true)
    for (name, status) in [("empty", 65), ("none", 66)] as [(String, Int32)] {
      expectFailure(
        try BuiltCommand.run(
          "assemble", folder.path("base"), folder.path(name), "--name", "n", "--out",
          folder.path("out")), status: status, saying: folder.path(name))
    }
  }

  @Test func aPartKeepsTheSamplerOfItsScheduler() throws {
    let folder = try TemporaryFolder()
    let files = FileManager.default
    let (base, tuned) = (folder.path("base"), folder.path("tuned"))
    try TinyModel.write(to: URL(fileURLWithPath: base))
    try? files.removeItem(atPath: base + "/unclip.json")
    try files.createDirectory(atPath: tuned, withIntermediateDirectories: true)
    for part in ["decoder", "decoder_scheduler", "text_proj"] {
      try files.copyItem(atPath: "\(base)/\(part)", toPath: "\(tuned)/\(part)")
    }
    let small = Golden.url("../../Models/small/decoder_scheduler/scheduler_config.json")
    let scheduler = folder.file("tuned/decoder_scheduler/scheduler_config.json")
    try files.removeItem(at: scheduler)
    try files.copyItem(at: small, to: scheduler)
    func samplers(_ sources: String..., options: [String] = []) throws -> [String: String] {
      let outcome = try BuiltCommand.run(
        ["assemble"] + sources + ["--name", "n", "--out", folder.path("joined"), "--force"]
          + options)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let json = try JSONSerialization.jsonObject(
        with: Data(contentsOf: folder.file("joined/unclip.json")))
      let all = try #require(json as? [String: Any])
      return ["prior", "decoder", "upsampler"].reduce(into: [:]) {
        $0[$1] = all["\($1)_sampler"] as? String
      }
    }
    let ddim = ["prior": "ddpm", "decoder": "ddim", "upsampler": "ddpm"]
    let ddpm = ["prior": "ddpm", "decoder": "ddpm", "upsampler": "ddpm"]
    #expect(try samplers(base, tuned) == ddim)
    #expect(try samplers(tuned, base) == ddpm)
    #expect(try samplers(base, tuned, options: ["--sampler", "dpm++"])["decoder"] == "dpm++")
    // A file of settings is not changed by what training writes of itself.
    try Data(#"{"name": "n", "version": "1", "decoder_sampler": "ddim"}"#.utf8)
      .write(to: folder.file("tuned/unclip.json"))
    #expect(try samplers(tuned, base) == ddim)
  }

  @Test func refusesFoldersThatAreNotModels() throws {
    let folder = try TemporaryFolder()
    let outcome = try BuiltCommand.run(
      "assemble", folder.url.path, "--name", "x", "--out", folder.path("out"))
    expectFailure(outcome, status: 65, saying: folder.url.path)
    #expect(try folder.names.isEmpty)
  }
}
