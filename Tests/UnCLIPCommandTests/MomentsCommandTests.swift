import Datasets
import Foundation
import Imaging
import TestSupport
import Testing
import UnCLIP

@testable import UnCLIPCommand

@Suite struct MomentsCommandTests {
  private let folder: TemporaryFolder
  private let model: String
  private let data: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path("tiny")
    data = folder.path("data")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    try writeDataSet(to: URL(fileURLWithPath: data))
  }

  private func run(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(arguments, in: folder.url)
  }

  private func measure(_ more: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      [
        "moments", "--data", data, "--model", model, "--images", "4", "--timesteps", "3",
        "--threads", "1",
      ] + more, in: folder.url)
  }

  /// Images large enough for the upsampler.
  private func writeLargeImages() throws {
    try FileManager.default.removeItem(atPath: data)
    var writer = try ShardWriter(
      directory: URL(fileURLWithPath: data), name: "large", samplesPerShard: 4)
    for index in 0..<5 {
      try writer.append(
        Sample(
          key: "\(index)", image: Image(width: 64, height: 64, color: [200, UInt8(index), 9, 255]),
          caption: "a colour", keywords: [], source: "folder", licence: "CC0", group: "g",
          style: "flat", isCore: true))
    }
    _ = try writer.finish()
  }

  @Test func measuresDrawsAndVerifies() throws {
    let generate = [
      "generate", "a red apple", "--model", model, "--sampler", "analytic", "--out", "a.png",
    ]
    expectFailure(
      try BuiltCommand.run(generate + TinyModel.fewSteps, in: folder.url), status: 65,
      saying: "no second moments of its prior", "unclip moments --data DATA --model \(model)")
    try writeLargeImages()
    let measured = try measure("--json")
    #expect(measured.status == 0, "\(measured.errors)")
    for stage in ["prior", "decoder", "upsampler"] {
      #expect(measured.output.contains("\"stage\" : \"\(stage)\""), "\(measured.output)")
    }
    let drawn = try BuiltCommand.run(generate + TinyModel.fewSteps, in: folder.url)
    #expect(drawn.status == 0, "\(drawn.errors)")
    let chunks = try PNGText.read(Data(contentsOf: folder.file("a.png")))
    for stage in ["prior", "decoder", "upsampler"] {
      #expect(chunks["\(stage)_sampler"] == "analytic")
    }
    let verified = try run("verify", "a.png", "--model", model)
    #expect(verified.status == 0, "\(verified.errors)")
    let large = try run(
      "upscale", "a.png", "--model", model, "--sampler", "analytic", "--upsampler-steps", "2",
      "--tile", "32", "--out", "l.png", "--threads", "1")
    #expect(large.status == 0, "\(large.errors)")
  }

  @Test func nothingIsReplacedUnasked() throws {
    let first = try measure()
    #expect(first.status == 0, "\(first.errors)")
    #expect(
      first.output == "\(model)/prior_scheduler/second_moments.json\n"
        + "\(model)/decoder_scheduler/second_moments.json\n")
    #expect(first.errors.contains("warning: the data hold no image as large as the upsampler's"))
    expectFailure(
      try measure(), status: 73,
      saying: "prior_scheduler/second_moments.json exists already; replace it with --force.")
    let file = URL(fileURLWithPath: model + "/decoder_scheduler/second_moments.json")
    let old = try Data(contentsOf: file)
    #expect(try measure("--stage", "decoder", "--force").status == 0)
    #expect(try Data(contentsOf: file) == old, "the same again")
    #expect(try measure("--stage", "decoder", "--force", "--seed", "1").status == 0)
    #expect(try Data(contentsOf: file) != old)
    expectFailure(
      try measure("--stage", "upsampler"), status: 65, saying: "No images to use in", "side 64")
    expectFailure(
      try measure("--stage", "text"), status: 64, saying: "'upsampler' or 'second-upsampler'")
    expectFailure(try measure("--images", "0"), status: 64, saying: "--images is 0")
  }

  @Test func aModelWithoutAPart() throws {
    for part in ["prior", "super_res_first"] {
      try FileManager.default.removeItem(atPath: "\(model)/\(part)")
    }
    expectFailure(
      try measure("--stage", "prior"), status: 65, saying: "\(model) has no 'prior' folder")
    expectFailure(
      try measure("--stage", "upsampler"), status: 65, saying: "has no 'super_res_first' folder")
    #expect(try measure().output == "\(model)/decoder_scheduler/second_moments.json\n")
    try FileManager.default.removeItem(atPath: "\(model)/image_encoder")
    expectFailure(
      try measure("--force"), status: 65, saying: "\(model) has no 'image_encoder' folder")
  }

  @Test func assemblySaysWhatItLeavesOut() throws {
    #expect(try measure().status == 0)
    let other = folder.path("other")
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: "\(model)/decoder", toPath: "\(other)/decoder")
    let outcome = try run("assemble", model, other, "--name", "n", "--out", "joined")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("warning: the second moments of the decoder were not copied"),
      "\(outcome.errors)")
    #expect(!outcome.errors.contains("of the prior"))
    let joined = ModelFolder(folder.file("joined"))
    #expect(try joined.loadMoments(of: .prior).samples == 4)
  }

  /// The metrics of a model's samples say with what they were sampled.
  @Test func evaluatesWithASampler() throws {
    #expect(try measure("--stage", "prior", "--stage", "decoder").status == 0)
    let outcome = try run(
      "evaluate", "--data", data, "--model", model, "--only", "captions", "--captions", "3",
      "--prior-sampler", "analytic", "--decoder-sampler", "analytic", "--decoder-steps", "2",
      "--prior-steps", "2", "--threads", "1", "--sheet", "s.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    let found = try #require(json as? [String: Any])
    #expect(
      found["decoder_sampler"] as? String == "analytic" && found["decoder_steps"] as? Int == 2)
    #expect(found["captions"] as? Int == 3 && found["prompts_recall_1"] == nil)
    for key in ["captions_frechet", "captions_frechet_true", "captions_clip_score_true"] {
      #expect((found[key] as? Double)?.isFinite == true, "\(key)")
    }
    let sheet = try Image(contentsOf: folder.file("s.png"))
    #expect(sheet.width == 12 * 66 + 2 && sheet.height == 68)
    expectFailure(
      try run(
        "evaluate", "--data", data, "--model", model, "--only", "text", "--sheet", "t.png"),
      status: 64, saying: "--sheet shows images of names, prompts, shapes or captions")
    expectFailure(
      try run("evaluate", "--data", data, "--model", model, "--upsampler-sampler", "analytic"),
      status: 65, saying: "no second moments of its upsampler")
  }
}
