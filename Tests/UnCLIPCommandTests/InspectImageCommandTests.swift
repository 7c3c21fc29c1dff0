import Foundation
import Imaging
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct InspectImageCommandTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ name: String, _ text: [(key: String, value: String)]) throws {
    try Image(width: 4, height: 2, color: [1, 2, 3])
      .write(to: folder.url.appendingPathComponent(name), text: text)
  }

  private func inspect(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(["inspect"] + arguments, in: folder.url)
  }

  @Test func ownImagesGiveTheirCommandBack() throws {
    let model = folder.path("tiny")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    let made = try BuiltCommand.run(
      ["generate", "a red apple", "--seed", "4", "--model", model, "--size", "16"]
        + TinyModel.fewSteps + ["--negative", "it's dark", "--out", "a.png"], in: folder.url)
    #expect(made.status == 0, "\(made.errors)")
    let outcome = try inspect("a.png", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    struct Report: Decodable {
      struct Entry: Decodable {
        var again: String
        var nearest: String
        var notes: [String]
      }
      var images: [Entry]
    }
    let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
    let entry = try #require(report.images.first)
    #expect(entry.again == "unclip verify a.png" && entry.notes.isEmpty)
    #expect(entry.nearest.hasPrefix("unclip generate 'a red apple' --seed 4 --negative 'it'\\''s"))
    // The line, run by a shell, makes the same image.
    let command = entry.nearest.replacing("unclip generate", with: "\"$0\" generate")
      .replacing("--model tiny", with: "--model \(model)")
    let again = try BuiltCommand.shell(
      "cd \(folder.url.path) && \(command) --threads 1 --out b.png")
    #expect(again.status == 0, "\(again.errors)")
    #expect(
      try Image(contentsOf: folder.url.appendingPathComponent("b.png"))
        == Image(contentsOf: folder.url.appendingPathComponent("a.png")))

    let varied = try BuiltCommand.run(
      ["vary", "a.png", "--seed", "1", "--model", model, "--size", "16", "--decoder-steps", "2"]
        + ["--out", "v.png"], in: folder.url)
    #expect(varied.status == 0, "\(varied.errors)")
    #expect(try inspect("v.png").output.contains("unclip vary a.png --seed 1 --size 16"))
  }

  @Test func imagesOfOthers() throws {
    try write("webui.png", [("parameters", StatedSettingsTests.webUI)])
    let outcome = try inspect("webui.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for part in [
      "PNG, 4x2, 3 channels", "AUTOMATIC1111", "seed           3894562",
      "unclip generate 'a red apple, shiny", "The model v1-5-pruned is not an unCLIP model",
      "The size, 512x768",
    ] {
      #expect(outcome.output.contains(part), "\(outcome.output)")
    }
    #expect(!outcome.output.contains("again"))
  }

  @Test func nothingControlsTheTerminal() throws {
    try write(
      "evil.png",
      [
        (
          "parameters",
          "a\u{1B}[31m cat\nmade by  someone\u{202E}\nSteps: 1, Sampler: x\u{7}, Seed: 1, Q\u{9B}: 1"
        ), ("other", "\u{1B}]0;title\u{7}"),
      ])
    for arguments in [["evil.png"], ["evil.png", "--texts"]] {
      let outcome = try BuiltCommand.run(["inspect"] + arguments, in: folder.url)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let text = outcome.output.replacing("\n", with: "")
      #expect(Output.printable(text) == text, "\(outcome.output)")
      #expect(
        !outcome.output.contains("\n  made by  someone"), "a line of a text passes for no row")
    }
  }

  @Test func imagesThatSayNothing() throws {
    try write("plain.png", [("Title", "x")])
    let outcome = try inspect("plain.png")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("the file does not say") && outcome.output.contains("Title"))
    try Animation([Image(width: 4, height: 4, color: [1])])
      .write(to: folder.url.appendingPathComponent("a.webp"))
    #expect(try inspect("a.webp").output.contains("WebP, 4x4, 3 channels, animated"))
    let both = try inspect("plain.png", "a.webp", "--json")
    #expect(both.output.contains("\"is_animated\" : true"))
  }

  @Test func badFiles() throws {
    expectFailure(try inspect("none.png"), status: 66, saying: "none.png", "no such file")
    try Data("text".utf8).write(to: folder.url.appendingPathComponent("t.png"))
    expectFailure(try inspect("t.png"), status: 65, saying: "t.png is not an image")
    try write("cut.png", [("parameters", String(repeating: "a", count: 500))])
    let file = folder.url.appendingPathComponent("cut.png")
    try Data(contentsOf: file).prefix(200).write(to: file)
    expectFailure(try inspect("cut.png"), status: 65, saying: "cut.png", "ends early")
    expectFailure(try inspect(), status: 64, saying: "<image>")
  }
}
