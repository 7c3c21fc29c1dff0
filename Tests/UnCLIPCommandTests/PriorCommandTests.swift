import Foundation
import Imaging
import TestSupport
import Testing

@testable import UnCLIPCommand

/// `--prior` of the commands that sample from prompts.
@Suite struct PriorCommandTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path("both")
    try TinyModel.write(to: URL(fileURLWithPath: model), hasBothPriors: true)
  }

  private func run(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      arguments + [
        "--model", model, "--size", "16", "--decoder-steps", "2", "--threads", "1", "--seed", "3",
      ], in: folder.url)
  }

  private func chunks(_ name: String) throws -> [String: String] {
    try PNGText.read(Data(contentsOf: folder.file(name)))
  }

  private func verify(_ name: String) throws {
    let verified = try BuiltCommand.run(
      "verify", folder.path(name), "--model", model, in: folder.url)
    #expect(verified.status == 0, "\(verified.errors)")
  }

  /// Each way is recorded, and made again by `verify`.
  @Test func everyPriorMakesItsImageAndVerifies() throws {
    var images: Set<[UInt8]> = []
    for prior in ["diffusion", "ar", "none", "text"] {
      let outcome = try run("generate", "a red apple", "--prior", prior, "--out", "\(prior).png")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try chunks("\(prior).png")["prior"] == prior)
      #expect(outcome.errors.contains("prior: ") == ["diffusion", "ar"].contains(prior))
      if prior == "ar" { #expect(outcome.errors.contains("prior: 7 of 7, ")) }
      images.insert(try Image(contentsOf: folder.file("\(prior).png")).pixels)
      try verify("\(prior).png")
    }
    #expect(images.count == 4)
  }

  @Test func temperatureAndTopAreRecorded() throws {
    let outcome = try run(
      "generate", "a red apple", "--prior", "ar", "--prior-temperature", "0.5", "--prior-top-k",
      "3", "--prior-guidance", "2", "--out", "ar.png", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    let images = try #require(json?["images"] as? [[String: Any]])
    let settings = try #require(images.first?["settings"] as? [String: Any])
    #expect(settings["prior"] as? String == "ar" && settings["prior_top_k"] as? Int == 3)
    #expect(settings["prior_temperature"] as? Double == 0.5)
    #expect(settings["prior_steps"] == nil && settings["prior_sampler"] == nil)
    #expect(try chunks("ar.png")["prior_temperature"] == "0.5")
    try verify("ar.png")
    // What says how the image was made says the same prior.
    let inspected = try BuiltCommand.run("inspect", folder.path("ar.png"))
    #expect(
      inspected.output.contains("--prior ar") && inspected.output.contains("--prior-top-k 3")
        && !inspected.output.contains("--prior-steps"), "\(inspected.output)\(inspected.errors)")
  }

  /// Edits whose embedding comes from a prompt take the prior too.
  @Test func editsOfPromptsTakeThePrior() throws {
    let mixed = try run(
      "interpolate", "a red apple", "a blue star", "--frames", "2", "--prior", "ar", "--out",
      "frames")
    #expect(mixed.status == 0, "\(mixed.errors)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("frames")).sorted()
    #expect(names.count == 2)
    #expect(try chunks("frames/\(names[0])")["prior"] == "ar")
    try verify("frames/\(names[0])")
    expectFailure(
      try run("interpolate", "a", "b", "--frames", "2", "--prior", "none", "--out", "none"),
      status: 64, saying: "the prior is none, but an image embedding of the prompt is needed here")
    #expect(try run("generate", "a cat", "--out", "cat.png").status == 0)
    let started = try run(
      "generate", "a red apple", "--image", "cat.png", "--strength", "0.9", "--prior", "text",
      "--out", "from.png")
    #expect(started.status == 0, "\(started.errors)")
    try verify("from.png")
  }

  @Test func optionsOfAnotherPriorAreRefused() throws {
    expectFailure(
      try run("generate", "a", "--prior", "ar", "--prior-steps", "4"), status: 64,
      saying: "--prior-steps is for --prior diffusion, but the prior is ar.")
    expectFailure(
      try run("generate", "a", "--prior-top-k", "4"), status: 64,
      saying: "--prior-top-k is for --prior ar, but the prior is diffusion.")
    expectFailure(
      try run("generate", "a", "--prior", "text", "--prior-guidance", "4"), status: 64,
      saying: "--prior-guidance is for --prior diffusion and ar, but the prior is text.")
    expectFailure(
      try run("generate", "a", "--prior", "best"), status: 64,
      saying: "'diffusion', 'ar', 'none' or 'text'")
    expectFailure(
      try run("generate", "a", "--prior", "ar", "--prior-temperature", "0"), status: 64,
      saying: "--prior-temperature is 0, but it must be 0.01 to 10;")
    expectFailure(
      try run("generate", "a", "--prior", "ar", "--prior-top-k", "65537"), status: 64,
      saying: "--prior-top-k is 65537, but it must be 0 to 65536;")
  }

  /// What a folder does not have is said in one sentence, and what it does not need may be missing.
  @Test func aFolderNeedsWhatItsPriorNeeds() throws {
    func remove(_ parts: String...) throws {
      for part in parts { try FileManager.default.removeItem(atPath: model + "/" + part) }
    }
    try remove("prior_ar")
    expectFailure(
      try run("generate", "a", "--prior", "ar", "--out", "a.png"), status: 65,
      saying: "both has no 'prior_ar' folder, which this needs; train or add that part.")
    #expect(!FileManager.default.fileExists(atPath: folder.path("a.png")))
    expectFailure(
      try run("interpolate", "a", "b", "--prior", "ar", "--out", "a"), status: 65,
      saying: "has no 'prior_ar' folder")
    try remove("prior", "prior_scheduler")
    expectFailure(
      try run("generate", "a", "--out", "a.png"), status: 65, saying: "has no 'prior' folder")
    for prior in ["none", "text"] {
      let outcome = try run("generate", "a", "--prior", prior, "--out", "\(prior).png")
      #expect(outcome.status == 0, "\(outcome.errors)")
      try verify("\(prior).png")
    }
  }

  @Test func modelsSaysWhichPriorsThereAre() throws {
    let both = try BuiltCommand.run("models", model)
    #expect(both.output.contains("\n  priors: diffusion and ar, --prior chooses"), "\(both.output)")
    let json = try BuiltCommand.run("models", model, "--json")
    #expect(json.output.contains("\"prior\" : \"diffusion\""))
    #expect(json.output.contains("\"prior_top_k\" : 0"))
    for part in ["prior", "prior_scheduler"] {
      try FileManager.default.removeItem(atPath: model + "/" + part)
    }
    let one = try BuiltCommand.run("models", model)
    #expect(
      one.output.contains("\n  defaults: prior ar, guidance 4, temperature 1; decoder "),
      "\(one.output)")
    #expect(one.output.contains("\n  for generate, "))
    let image = try run("generate", "a red apple", "--out", "one.png")
    #expect(image.status == 0, "\(image.errors)")
    #expect(try chunks("one.png")["prior"] == "ar")
  }

  /// A whole model of parts takes both priors along.
  @Test func assembleTakesBothPriors() throws {
    let assembled = try BuiltCommand.run(
      "assemble", model, "--name", "new", "--prior", "ar", "--prior-temperature", "0.7", "--out",
      folder.path("new"))
    #expect(assembled.status == 0 && assembled.output.contains("prior_ar  from "))
    let defaults = try String(contentsOf: folder.file("new/unclip.json"), encoding: .utf8)
    #expect(
      defaults.contains("\"prior\" : \"ar\"") && defaults.contains("\"prior_temperature\" : 0.7"))
    let image = try BuiltCommand.run(
      "generate", "a", "--model", folder.path("new"), "--size", "16", "--decoder-steps", "2",
      "--out", folder.path("new.png"))
    #expect(image.status == 0, "\(image.errors)")
    #expect(try chunks("new.png")["prior"] == "ar")
    // Where another CLIP replaces a whole model's, the prior stays behind with it.
    let other = folder.path("other")
    try TinyModel.write(to: URL(fileURLWithPath: other), seed: 9)
    for part in ["prior", "prior_scheduler", "decoder"] {
      try FileManager.default.removeItem(atPath: other + "/" + part)
    }
    let mixed = try BuiltCommand.run(
      "assemble", model, other, "--name", "mixed", "--out", folder.path("mixed"))
    #expect(mixed.status == 0 && !mixed.output.contains("prior_ar"), "\(mixed.errors)")
    #expect(mixed.errors.contains("warning: prior_ar of \(model) is left out"), "\(mixed.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("mixed/prior_ar")))
    // One of a run is asked for by name, so it is refused in one sentence, and nothing is written.
    try FileManager.default.createDirectory(
      at: folder.file("run"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: model + "/prior_ar", toPath: folder.path("run/prior_ar"))
    expectFailure(
      try BuiltCommand.run(
        "assemble", model, other, folder.path("run"), "--name", "x", "--out", folder.path("x")),
      status: 65, saying: "'clip_fingerprint.text_encoder' of prior_ar is ",
      "another CLIP; use parts of one model.")
    #expect(!FileManager.default.fileExists(atPath: folder.path("x")))
  }
}
