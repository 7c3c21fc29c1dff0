import Foundation
import Imaging
import TestSupport
import Testing

@testable import UnCLIPCommand

/// `inpaint`, `outpaint`, `upscale`, and what `generate` does with images.
@Suite struct AlterationCommandTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path("tiny")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    try write(shades(40, 30), "plain.png")
    var clear = shades(40, 30).converted(toChannels: 4)
    clear.paste(Image(width: 12, height: 10, color: [0, 0, 0, 0]), x: 4, y: 5)
    try write(clear, "hole.png")
    var mask = Image(width: 40, height: 30, color: [0])
    mask.paste(Image(width: 12, height: 10, color: [255]), x: 4, y: 5)
    try write(mask, "mask.png")
    try write(mask.resized(width: 20, height: 15), "small.png")
    try write(Image(width: 40, height: 30, color: [0]), "black.png")
    try write(Image(width: 40, height: 30, color: [255]), "white.png")
  }

  private func shades(_ width: Int, _ height: Int) -> Image {
    Image(
      width: width, height: height, channels: 3,
      pixels: (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 &* 7) })
  }

  private func write(_ image: Image, _ name: String) throws {
    try image.write(to: folder.url.appendingPathComponent(name))
  }

  private func read(_ name: String) throws -> Image {
    try Image(contentsOf: folder.url.appendingPathComponent(name))
  }

  private static let steps = [
    "inpaint": TinyModel.fewSteps, "outpaint": TinyModel.fewSteps, "generate": TinyModel.fewSteps,
    "upscale": ["--upsampler-steps", "2", "--threads", "1"],
  ]

  private func run(_ command: String, _ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      [command, "--model", model] + (Self.steps[command] ?? []) + arguments, in: folder.url)
  }

  private func verify(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(["verify", "--model", model] + arguments, in: folder.url)
  }

  private var isUntouched: Bool {
    let names = FileManager.default.enumerator(atPath: folder.url.path)?
      .compactMap { $0 as? String }.filter { $0.hasSuffix(".png") && !$0.hasPrefix("tiny") }
    return Set(names ?? []) == [
      "plain.png", "hole.png", "mask.png", "small.png", "black.png", "white.png",
    ]
  }

  @Test func whatIsOutsideTheMaskStaysAndTheImageVerifies() throws {
    let outcome = try run(
      "inpaint", "plain.png", "--mask", "mask.png", "--prompt", "a red apple", "--jumps", "2",
      "--feather", "2", "--strength", "0.9", "--seed", "3", "--out", "new.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.output == folder.path("new.png") + "\n" || outcome.output.hasSuffix("new.png\n"))
    let (old, new) = (try read("plain.png"), try read("new.png"))
    #expect((new.width, new.height, new.channels) == (40, 30, 3))
    var changed = 0
    for y in 0..<30 {
      for x in 0..<40 where old[x, y] != new[x, y] {
        changed += 1
        #expect((4..<16).contains(x) && (5..<15).contains(y), "\(x), \(y) is outside")
      }
    }
    #expect(changed > 60)
    #expect(try verify("new.png").status == 0)

    try FileManager.default.moveItem(atPath: folder.path("plain.png"), toPath: folder.path("m.png"))
    expectFailure(
      try verify("new.png"), status: 66, saying: "was made from plain.png", "--source")
    expectFailure(
      try verify("new.png", "--source", "hole.png"), status: 66,
      saying: "plain.png, which is not there any more and is not what --source names")
    let named = try verify("new.png", "--source", "m.png", "--json")
    #expect(named.status == 0, "\(named.errors)")
    for part in [
      "\"operation\" : \"inpaint\"", "resampling_jumps", "\"sha256\"", "\"mask\" : {",
    ] {
      #expect(named.output.contains(part), "\(named.output)")
    }
    try Data().write(to: folder.url.appendingPathComponent("mask.png"))
    expectFailure(
      try verify("new.png", "--source", "m.png"), status: 65,
      saying: "was made from another mask.png than")
  }

  @Test func transparencyIsTheMaskWhereThereIsNone() throws {
    let outcome = try run("inpaint", "hole.png", "-n", "2", "--seed", "1", "--grid", "all.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(!outcome.errors.contains("prior"), "the image's own embedding takes its place")
    let (first, second) = (try read("hole-1.png"), try read("hole-2.png"))
    #expect(first.channels == 3 && first != second)
    #expect(first[0, 0] == second[0, 0])
    #expect(try verify("hole-2.png").status == 0)
  }

  @Test func anImageIsContinuedAndEnlarged() throws {
    let wide = try run(
      "outpaint", "plain.png", "--left", "30", "--bottom", "5", "--seed", "1", "--json", "--out",
      "wide.png")
    #expect(wide.status == 0, "\(wide.errors)")
    #expect(wide.output.contains("\"left\" : 30"), "\(wide.output)")
    let result = try read("wide.png")
    #expect((result.width, result.height) == (70, 35))
    #expect(result.cropped(x: 30, y: 0, width: 40, height: 30) == (try read("plain.png")))
    #expect(try verify("wide.png").status == 0)

    let large = try run("upscale", "plain.png", "hole.png", "--tile", "16", "--seed", "4")
    #expect(large.status == 0, "\(large.errors)")
    #expect(!large.errors.contains("decoder"))
    let enlarged = try read("plain-4.png")
    #expect((enlarged.width, enlarged.height) == (160, 120))
    #expect(try read("hole-4.png").channels == 4)
    #expect(try verify("plain-4.png").status == 0)
  }

  @Test func theSecondUpsamplerEnlargesByItself() throws {
    let small = Golden.url("../../Models/small").path
    func upscale(_ arguments: String...) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run(
        ["upscale", "plain.png", "--model", small, "--upsampler", "second"] + arguments,
        in: folder.url)
    }
    let outcome = try upscale("--tile", "24", "--seed", "4", "--second-upsampler-steps", "2")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("second upsampler: 8 of 8"), "\(outcome.errors)")
    #expect(try read("plain-4.png").width == 160)
    let line = try BuiltCommand.run(["inspect", "plain-4.png"], in: folder.url)
    #expect(
      line.output.contains("--tile 24 --upsampler second --seed 4"), "\(line.output)\(line.errors)")
    #expect(line.output.contains("--second-upsampler-steps 2"))
    let again = try BuiltCommand.run(["verify", "--model", small, "plain-4.png"], in: folder.url)
    #expect(again.status == 0, "\(again.errors)")
    expectFailure(
      try upscale("--upsampler-steps", "2"), status: 64,
      saying: "--upsampler is second, so the other's steps are of no use")
    expectFailure(
      try run("upscale", "plain.png", "--upsampler", "second"), status: 64,
      saying: "--upsampler is second, so the other's")
  }

  @Test func generationStartsFromAnImage() throws {
    let start = ["a red apple", "--image", "plain.png", "--seed", "2", "--out"]
    func generate(_ name: String, _ strength: String?) throws -> Image {
      let outcome = try BuiltCommand.run(
        ["generate", "--model", model] + TinyModel.fewSteps + start + [name]
          + (strength.map { ["--strength", $0] } ?? []), in: folder.url)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try read(name)
    }
    let images = [
      try generate("a.png", nil), try generate("b.png", "0.6"), try generate("c.png", "1"),
    ]
    #expect(images[0] == images[1] && images[1] != images[2])
    #expect(try verify("a.png").status == 0)
    let plain = try run("generate", "a red apple", "--seed", "2", "--out", "d.png")
    #expect(plain.status == 0)
    #expect(try read("d.png") == images[2], "a strength of 1 is without the image")
  }

  @Test func theBestOfManyIsKeptAndItsScoreSaid() throws {
    let outcome = try run(
      "generate", "a red apple", "-n", "2", "--best-of", "3", "--seed", "5", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    struct Report: Decodable {
      struct Entry: Decodable {
        struct Settings: Decodable {
          struct Candidate: Decodable {
            var seed: Int
            var clip_score: Double
          }
          var seed: Int
          var clip_score: Double
          var candidates: [Candidate]
        }
        var path: String
        var settings: Settings
      }
      var images: [Entry]
    }
    let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
    #expect(report.images.map { $0.settings.candidates.map(\.seed) } == [[5, 6, 7], [8, 9, 10]])
    for entry in report.images {
      let best = entry.settings.candidates.max { $0.clip_score < $1.clip_score }
      #expect(best?.seed == entry.settings.seed && best?.clip_score == entry.settings.clip_score)
      #expect(outcome.errors.contains("kept seed \(entry.settings.seed), whose CLIP score"))
    }
    #expect(
      report.images.map { URL(fileURLWithPath: $0.path).lastPathComponent }
        == ["a-red-apple-best-of-3-5.png", "a-red-apple-best-of-3-8.png"])
    #expect(try verify("a-red-apple-best-of-3-8.png").status == 0)
    let one = try run(
      "generate", "a red apple", "--seed", "\(report.images[0].settings.seed)", "--out", "one.png")
    #expect(one.status == 0)
    #expect(try read("one.png") == read("a-red-apple-best-of-3-5.png"))
  }

  @Test func refusesMasksThatDoNotFit() throws {
    expectFailure(
      try run("inpaint", "plain.png", "--mask", "small.png"), status: 65,
      saying: "small.png is 20x15 pixels, but plain.png is 40x30", "--resize-mask")
    expectFailure(
      try run("inpaint", "plain.png", "--mask", "black.png"), status: 65,
      saying: "black.png keeps all of plain.png")
    expectFailure(
      try run("inpaint", "plain.png", "--mask", "white.png"), status: 65,
      saying: "white.png keeps nothing of plain.png")
    expectFailure(
      try run("inpaint", "plain.png"), status: 65, saying: "plain.png has no transparency", "--mask"
    )
    try write(Image(width: 9, height: 9, color: [7, 7, 7, 0]), "mask.png")
    expectFailure(
      try run("inpaint", "mask.png"), status: 65,
      saying: "the transparency keeps nothing of mask.png; make opaque what is to stay")
    expectFailure(
      try run("inpaint", "hole.png", "--feather", "3"), status: 64, saying: "--feather needs --mask"
    )
    expectFailure(
      try run("inpaint", "hole.png", "--resize-mask"), status: 64, saying: "needs --mask")
    expectFailure(try run("outpaint", "plain.png"), status: 64, saying: "There is no new space")
    expectFailure(
      try run("outpaint", "plain.png", "--left", "-3"), status: 64, saying: "--left is -3")
    #expect(isUntouched, "nothing was written")
    let resized = try run(
      "inpaint", "plain.png", "--mask", "small.png", "--resize-mask", "--out", "new.png")
    #expect(resized.status == 0, "\(resized.errors)")
    #expect(try verify("new.png").status == 0)
  }

  @Test func refusesNumbersOutOfRangeAndBrokenFiles() throws {
    for strength in ["0", "1.1", "nan", "-1"] {
      for command in [["inpaint", "hole.png"], ["generate", "a cat", "--image", "plain.png"]] {
        expectFailure(
          try BuiltCommand.run(
            command + ["--model", model, "--strength", strength], in: folder.url),
          status: 64, saying: "--strength")
      }
    }
    expectFailure(
      try run("generate", "a cat", "--strength", "0.5"), status: 64, saying: "needs --image")
    expectFailure(try run("generate", "a cat", "--best-of", "1"), status: 64, saying: "2 to 1000")
    expectFailure(
      try run("upscale", "plain.png", "--tile", "7"), status: 64, saying: "--tile is 7",
      "8 to 4096")
    expectFailure(try run("upscale", "absent.png"), status: 66, saying: "absent.png")
    let bytes = try Data(shades(64, 64).jpeg())
    try bytes.prefix(bytes.count / 2).write(to: folder.url.appendingPathComponent("half.jpg"))
    for command in [
      ["inpaint", "half.jpg", "--mask", "mask.png"],
      ["inpaint", "plain.png", "--mask", "half.jpg"],
      ["outpaint", "half.jpg", "--left", "8"], ["upscale", "half.jpg"],
      ["generate", "a cat", "--image", "half.jpg"],
    ] {
      expectFailure(
        try BuiltCommand.run(command + ["--model", model], in: folder.url), status: 65,
        saying: "half.jpg is not a whole JPEG file")
    }
    #expect(isUntouched, "nothing was written")
  }

  /// Anyone may have written the metadata of a file.
  @Test func verifyRefusesImpossibleMetadata() throws {
    let made = try run(
      "inpaint", "plain.png", "--mask", "mask.png", "--seed", "1", "--out", "new.png")
    #expect(made.status == 0, "\(made.errors)")
    let image = try read("new.png")
    let chunks = try PNGText.read(
      Data(contentsOf: folder.url.appendingPathComponent("new.png")))
    let text = try #require(chunks["edit"])
    func expectRefused(_ changed: String, _ sentence: String) throws {
      #expect(changed != text)
      try image.write(
        to: folder.url.appendingPathComponent("odd.png"),
        text: chunks.merging(["edit": changed]) { $1 }.map { ($0, $1) })
      expectFailure(try verify("odd.png"), status: 65, saying: "odd.png says '" + sentence)
    }
    for (key, value) in [
      ("feather", "1000000"), ("strength", "0.0"), ("window", "-1"), ("left", "8193"),
      ("tile", "7"), ("columns", "0"), ("theta", "1.5"),
    ] {
      try expectRefused(
        text.replacing("{\"mask\"", with: "{\"\(key)\":\(value),\"mask\""),
        "\(value)' as '\(key)' of its 'edit', which is not possible")
    }
    try expectRefused(
      text.replacing("\"inpaint\"", with: "\"probe\""), "' as 'components' of its 'edit'")
    try expectRefused(
      text.replacing("\"inpaint\"", with: "\"magic\""), "{\"mask\":")
    try expectRefused(
      text.replacing("{\"mask\"", with: "{\"feather\":0.5,\"mask\""), "{\"feather\":0.5")
    try expectRefused(
      text.replacing("\"file\":\"plain.png\"", with: "\"prompt\":\"a cat\""),
      "a cat' as 'sources' of its 'edit'")
    try expectRefused("{\"operation\":\"vary\",\"sources\":[]}", "' as 'sources'")
  }

  @Test func saysWhichPartAModelLacks() throws {
    func without(_ parts: String..., command: [String], says part: String) throws {
      for part in parts {
        try? FileManager.default.moveItem(
          atPath: model + "/" + part, toPath: folder.path("away-" + part))
      }
      expectFailure(
        try BuiltCommand.run(command + ["--model", model], in: folder.url), status: 65,
        saying: "has no '\(part)' folder")
      for part in parts {
        try? FileManager.default.moveItem(
          atPath: folder.path("away-" + part), toPath: model + "/" + part)
      }
    }
    try without("image_encoder", command: ["inpaint", "hole.png"], says: "image_encoder")
    try without(
      "image_encoder", command: ["generate", "a cat", "--best-of", "2"], says: "image_encoder")
    try without(
      "prior", "prior_scheduler", command: ["inpaint", "hole.png", "--prompt", "a cat"],
      says: "prior")
    try without(
      "super_res_first", "super_res_scheduler", "super_res_last",
      command: ["upscale", "plain.png"],
      says: "super_res_first")
    #expect(isUntouched, "nothing was written")
  }

  /// A model that generates in one step takes more where an image must act between them.
  @Test func anImageTakesSteps() throws {
    _ = try folder.write(
      """
      {"name": "tiny", "version": "1", "prior_steps": 1, "decoder_steps": 1, "upsampler_steps": 1,
       "resampling_jumps": 1}
      """, to: "tiny/unclip.json")
    func steps(_ arguments: String...) throws -> String? {
      let outcome = try BuiltCommand.run(
        arguments + ["--model", model, "--size", "16", "--out", "o.png", "--force"],
        in: folder.url)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try PNGText.read(Data(contentsOf: folder.file("o.png")))["decoder_steps"]
    }
    #expect(try steps("generate", "a cat") == "1")
    #expect(try steps("generate", "a cat", "--image", "plain.png") == "3")
    #expect(try steps("inpaint", "hole.png") == "3")
    #expect(try steps("inpaint", "hole.png", "--decoder-steps", "2") == "2")
  }
}

extension Image {
  fileprivate func jpeg() throws -> [UInt8] { try JPEGEncoder.encode(self) }
}
