import Foundation
import Testing
import UnCLIP

@testable import UnCLIPCommand

/// What an image says of how it was made from others, and the command that makes such a one.
@Suite struct EditRecordTests {
  private static let file = EditRecord.File(
    path: "a b.png", sha256: String(repeating: "7", count: 64))

  private func record(
    _ operation: EditRecord.Operation, _ change: (inout EditRecord) -> Void = { _ in }
  ) -> EditRecord {
    var record = EditRecord(operation, of: Self.file)
    change(&record)
    return record
  }

  private func line(
    _ record: EditRecord, prompt: String = "", adding others: [String: String] = [:]
  ) throws -> String? {
    var texts = [
      "software": "unclip 1", "prompt": prompt, "seed": "7", "size": "64", "model": "small",
      "edit": try record.text(), "decoder_steps": "9", "upsampler_steps": "3",
      "prior_sampler": "ddpm", "decoder_sampler": "ddim", "upsampler_sampler": "dpm++",
      "resampling_jumps": "2", "resampling_length": "1", "threshold": "dynamic", "threads": "2",
    ]
    texts.merge(others) { $1 }
    let settings = try #require(StatedSettings(texts))
    #expect(settings.edit == record && settings.others["edit"] == nil)
    return GenerateLine(own: settings, isStandardModel: true)?.text
  }

  @Test func everyRecordIsReadBack() throws {
    for operation in EditRecord.Operation.allCases {
      let record = record(operation) {
        $0.components = operation == .probe ? [0, 3] : nil
        ($0.mask, $0.theta, $0.strength, $0.feather) = (Self.file, 0.5, 0.25, 3)
        $0.invertsMask = true
      }
      let read = try #require(
        try EditRecord(chunks: ["edit": record.text()], file: "x.png"))
      #expect(read == record)
    }
    #expect(try EditRecord(chunks: ["prompt": "a cat"], file: "x.png") == nil)
    let old = try #require(try EditRecord(chunks: ["original": "a.png"], file: "x.png"))
    #expect(old.operation == .vary && old.sources == [.init(path: "a.png")])
  }

  @Test func linesOfEachCommand() throws {
    let decoding =
      "--decoder-sampler ddim --decoder-steps 9 --threshold dynamic --upsampler-sampler dpm++ "
      + "--upsampler-steps 3"
    let sampling = decoding.replacing(
      "--threshold", with: "--prior-sampler ddpm --threshold")
    #expect(
      try line(record(.vary) { $0.noise = .inverted })
        == "unclip vary 'a b.png' --noise inverted --seed 7 --size 64 " + decoding)
    #expect(
      try line(
        record(.diff) { ($0.from, $0.to, $0.theta, $0.noise) = ("-a", "b", 0.5, .inverted) })
        == "unclip diff 'a b.png' --from=-a --to b --theta 0.5 --noise inverted --seed 7 --size 64 "
        + sampling)
    let jumps = sampling.replacing(
      "--prior-sampler", with: "--prior-sampler"
    ).replacing(
      "--threshold", with: "--jumps 2 --jump-length 1 --threshold")
    #expect(
      try line(
        record(.inpaint) {
          ($0.mask, $0.strength, $0.invertsMask) = (.init(path: "m.png"), 0.9, true)
        },
        prompt: "a cat")
        == "unclip inpaint 'a b.png' --mask m.png --strength 0.9 --invert-mask --prompt 'a cat' "
        + "--seed 7 --size 64 " + jumps)
    #expect(
      try line(record(.outpaint) { ($0.left, $0.window) = (8, 64) })
        == "unclip outpaint 'a b.png' --window 64 --left 8 --seed 7 --size 64 " + jumps)
    #expect(
      try line(record(.upscale) { $0.tile = 32 })
        == "unclip upscale 'a b.png' --tile 32 --seed 7 --sampler dpm++ --upsampler-steps 3")
    #expect(
      try line(
        record(.upscale) { $0.upsampler = .second },
        adding: ["second_upsampler_steps": "4", "second_upsampler_sampler": "dpm++"])
        == "unclip upscale 'a b.png' --upsampler second --seed 7 --sampler dpm++ "
        + "--second-upsampler-steps 4")
    #expect(
      try line(record(.start) { $0.strength = 0.6 }, prompt: "a cat")
        == "unclip generate 'a cat' --image 'a b.png' --strength 0.6 --seed 7 --size 64 " + sampling
    )
    #expect(
      try line(record(.probe) { ($0.components, $0.pca) = ([0, 2], .init(path: "p.safetensors")) })
        == "unclip probe 'a b.png' --components 0,2 --pca p.safetensors --seed 7 --size 64 "
        + decoding)
    var mixed = record(.mix)
    mixed.sources = [.init(prompt: "a cat", weight: 0.6), .init(path: "b.png", weight: 2)]
    #expect(
      try line(mixed) == "unclip mix 'a cat' 0.6 b.png 2 --seed 7 --size 64 " + sampling)
    #expect(try line(record(.interpolate)) == nil, "a frame of several")
  }

  @Test func rowsForPeople() throws {
    var moved = record(.diff) {
      ($0.from, $0.to, $0.theta, $0.noise) = ("a cat", "a lion", 0.35, .inverted)
    }
    #expect(
      moved.rows.map { "\($0.title): \($0.text)" } == [
        "edit: diff", "of: a b.png (SHA-256 777777777777…)", "noise: inverted",
        "difference: from \"a cat\" to \"a lion\"", "theta: 0.35",
      ])
    moved.sources = [.init(prompt: "a dog", weight: 0.5)]
    #expect(moved.rows[1].text == "\"a dog\", weight 0.5")
    let painted = record(.inpaint) { ($0.mask, $0.resizesMask) = (.init(path: "m.png"), true) }
    #expect(painted.rows.map(\.title) == ["edit", "of", "mask", "resize-mask"])
  }

  @Test func recordsThatCannotBeReadMakeNoLine() throws {
    let settings = try #require(
      StatedSettings(["software": "unclip 1", "prompt": "", "edit": "{\"operation\":\"magic\"}"]))
    #expect(settings.edit == nil && settings.others["edit"] != nil)
    #expect(GenerateLine(own: settings, isStandardModel: true) == nil)
  }
}
