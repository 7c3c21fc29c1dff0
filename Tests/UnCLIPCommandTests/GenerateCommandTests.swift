import Foundation
import Imaging
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct GenerateCommandTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path("tiny")
    try TinyModel.write(to: URL(fileURLWithPath: model))
  }

  private func generate(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      ["generate", "--model", model] + TinyModel.fewSteps + arguments, in: folder.url)
  }

  private func image(_ name: String) throws -> Image {
    try Image(contentsOf: folder.url.appendingPathComponent(name))
  }

  @Test func generatesAnImageThatVerifies() throws {
    let outcome = try generate("a red apple", "--seed", "7", "--out", "apple.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output == folder.path("apple.png") + "\n")
    #expect(outcome.errors.contains("prior: 2 of 2, "))
    #expect(outcome.errors.contains("upsampler: 2 of 2, "))
    let apple = try image("apple.png")
    #expect(apple.width == 64 && apple.height == 64 && apple.channels == 3)

    let file = folder.url.appendingPathComponent("apple.png")
    let chunks = try PNGText.read(Data(contentsOf: file))
    #expect(chunks["prompt"] == "a red apple" && chunks["seed"] == "7")
    #expect(chunks["model"] == "tiny" && chunks["decoder_steps"] == "2")

    #expect(chunks["threads"] == "1")
    let verified = try BuiltCommand.run("verify", file.path, "--model", model)
    #expect(verified.status == 0, "\(verified.errors)")
    #expect(verified.output.contains("is the same in all 4096 pixels"))
    let byName = try BuiltCommand.run(
      "verify", file.path, "--json",
      environment: ["UNCLIP_MODELS": folder.url.path])
    #expect(byName.status == 0, "\(byName.errors)")
    #expect(byName.output.contains("\"differing\" : 0"))

    var pixels = apple.pixels
    pixels[30] ^= 128
    let changed = Image(width: 64, height: 64, channels: 3, pixels: pixels)
    try changed.write(to: file, text: chunks.map { ($0.key, $0.value) })
    expectFailure(
      try BuiltCommand.run("verify", file.path, "--model", model), status: 65,
      saying: "differs from what is generated now in 1 of 4096 pixels, by at most 128 of 255")
  }

  @Test func anImageDoesNotDependOnTheCount() throws {
    let four = try generate("cat", "-n", "3", "--seed", "5", "--grid", "cats.png")
    #expect(four.status == 0, "\(four.errors)")
    #expect(four.output.split(separator: "\n").count == 4)
    let one = try generate("cat", "--seed", "7", "--out", "one/")
    #expect(one.status == 0, "\(one.errors)")
    let (alone, among) = (folder.path("one/cat-7.png"), folder.path("cat-7.png"))
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: alone))
        == Data(contentsOf: URL(fileURLWithPath: among)))
    let grid = try image("cats.png")
    #expect(grid.width == 2 * 64 + 6 && grid.height == grid.width)
  }

  @Test func readsPromptsFromAFileAndReportsJSON() throws {
    let prompts = try folder.write("a red apple\n\n一个红苹果 🍎\n", to: "prompts.txt")
    let outcome = try generate(
      "--prompts-file", prompts, "--size", "16", "--json", "--out", "out", "--negative-prompt",
      "blue",
      "--seed", "0")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    let report = try #require(json as? [String: Any])
    let images = try #require(report["images"] as? [[String: Any]])
    #expect(
      images.compactMap { $0["path"] as? String } == [
        folder.path("out/a-red-apple-0.png"), folder.path("out/一个红苹果-0.png"),
      ])
    let settings = try #require(images[1]["settings"] as? [String: Any])
    #expect(settings["prompt"] as? String == "一个红苹果 🍎")
    #expect(settings["negative"] as? String == "blue")
    #expect(settings["decoder_steps"] as? Int == 2 && settings["upsampler_steps"] == nil)
    #expect(try image("out/a-red-apple-0.png").width == 16)
  }

  @Test func anyTextIsAPrompt() throws {
    let empty = try generate("", "--size", "16", "--out", "empty.png")
    #expect(empty.status == 0, "\(empty.errors)")
    let long = String(repeating: "word ", count: 10_000)
    let outcome = try generate(long, "🐈‍⬛", "猫", "--size", "16", "--out", "texts", "--seed", "0")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("warning: the prompt \"word word word word word word word word …\"")
    )
    #expect(outcome.output.split(separator: "\n").count == 3)
    let text = try PNGText.read(
      Data(contentsOf: URL(fileURLWithPath: folder.path("texts/猫-0.png"))))
    #expect(text["prompt"] == "猫")
  }

  /// The sampler is a setting like the others: recorded, and made again by `verify`.
  @Test func samplersDifferAndVerify() throws {
    var images: Set<[UInt8]> = []
    for sampler in ["ddpm", "ddim", "dpm++"] {
      let outcome = try generate(
        "a red apple", "--size", "16", "--sampler", sampler, "--decoder-steps", "4",
        "--out", "\(sampler).png")
      #expect(outcome.status == 0, "\(outcome.errors)")
      let file = folder.path("\(sampler).png")
      let chunks = try PNGText.read(Data(contentsOf: URL(fileURLWithPath: file)))
      #expect(chunks["decoder_sampler"] == sampler && chunks["prior_sampler"] == sampler)
      let verified = try BuiltCommand.run("verify", file, "--model", model)
      #expect(verified.status == 0, "\(verified.errors)")
      images.insert(try image("\(sampler).png").pixels)
    }
    #expect(images.count == 3)
    expectFailure(
      try generate("a", "--sampler", "euler"), status: 64,
      saying: "'ddpm', 'ddim', 'dpm++' or 'analytic'")
  }

  @Test func intervalThresholdAndSamplersOfStagesAreRecorded() throws {
    let options = [
      "--decoder-guidance", "3", "--guidance-interval", "0.2:0.75", "--threshold", "dynamic",
      "--prior-sampler", "ddim", "--upsampler-sampler", "dpm++",
    ]
    let outcome = try BuiltCommand.run(
      ["generate", "a cat", "--size", "16", "--out", "i.png", "--model", model]
        + TinyModel.fewSteps + options, in: folder.url)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let file = folder.url.appendingPathComponent("i.png")
    let chunks = try PNGText.read(Data(contentsOf: file))
    #expect(chunks["guidance_start"] == "0.2" && chunks["guidance_end"] == "0.75")
    #expect(chunks["threshold"] == "dynamic" && chunks["prior_sampler"] == "ddim")
    #expect(chunks["decoder_sampler"] == "ddpm" && chunks["upsampler_sampler"] == "dpm++")
    #expect(try BuiltCommand.run("verify", file.path, "--model", model).status == 0)
    for interval in ["0.8:0.2", "0.5", "-1:1", "a:b", "0:1:2", "nan:1"] {
      expectFailure(
        try generate("a", "--guidance-interval=\(interval)"), status: 64,
        saying: "'\(interval)' is invalid for '--guidance-interval <start:end>'")
    }
    expectFailure(
      try generate("a", "--eta", "0.5", "--decoder-sampler", "ddpm"), status: 64,
      saying: "--eta is for ddim, but --decoder-sampler is ddpm")
  }

  /// Images of versions that had no such settings still verify.
  @Test func anImageWithoutTheNewerSettingsVerifies() throws {
    let outcome = try generate("a cat", "--size", "16", "--out", "old.png")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let file = folder.url.appendingPathComponent("old.png")
    let newer: Set = [
      "prior_sampler", "decoder_sampler", "upsampler_sampler", "guidance_rescale", "guidance_start",
      "guidance_end", "threshold", "decoder_eta",
    ]
    let chunks = try PNGText.read(Data(contentsOf: file)).filter { !newer.contains($0.key) }
    try Image(contentsOf: file).write(to: file, text: chunks.map { ($0.key, $0.value) })
    let verified = try BuiltCommand.run("verify", file.path, "--model", model)
    #expect(verified.status == 0, "\(verified.errors)")
  }

  @Test func refusesImpossibleRequests() throws {
    expectFailure(
      try generate("a", "--size", "65"), status: 64,
      saying: "size 65 is not possible with this model; ask for 16 or 64")
    expectFailure(try generate("a", "--device", "gpu"), status: 69, saying: "gpu")
    expectFailure(
      try generate("a", "--decoder-guidance", "-1"), status: 64, saying: "decoder")
    expectFailure(try generate("a", "--seed", "-3"), status: 64, saying: "--seed")
    expectFailure(try generate("a", "-n", "0"), status: 64, saying: "--count is 0")
    expectFailure(try generate("a", "--threads", "0"), status: 64, saying: "--threads is 0")
    expectFailure(try generate("a", "--grid", "x.gif"), status: 64, saying: "--grid is x.gif")
    expectFailure(try generate(), status: 64, saying: "Missing a prompt")
    expectFailure(
      try generate("a", "--prompts-file", "x"), status: 64, saying: "not both")
    expectFailure(try generate("-"), status: 64, saying: "- is no prompt")
    expectFailure(
      try generate("a", "-n", "2", "--out", "one.png"), status: 64, saying: "2 images")
    expectFailure(
      try generate("--prompts-file", "missing.txt"), status: 66, saying: "missing.txt cannot be")
    expectFailure(
      try generate("a", "-n", "2", "--seed", "18446744073709551615"), status: 64,
      saying: "with 2 images it must be 0 to 18446744073709551614")
    #expect(try folder.names == ["tiny"])
  }

  @Test func nothingIsOverwrittenWithoutForce() throws {
    let kept = try folder.write("mine", to: "mine.png")
    let link = folder.path("link.png")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "mine.png")
    for option in [["--out", "mine.png"], ["--grid", "mine.png"], ["-o", "link.png"]] {
      let outcome = try BuiltCommand.run(
        ["generate", "a", "--model", model, "--size", "16"] + option, in: folder.url)
      expectFailure(outcome, status: 73, saying: "exists already", "replace it with --force")
      #expect(outcome.output.isEmpty && !outcome.errors.contains("prior:"), "nothing was generated")
    }
    expectFailure(
      try generate("a", "--seed", "1", "--out", ".", "--grid", "a-1.png"), status: 64,
      saying: "--out and --grid name", "a-1.png twice")
    #expect(try String(contentsOfFile: kept, encoding: .utf8) == "mine")
    let forced = try generate("a", "--size", "16", "--out", "mine.png", "--force")
    #expect(forced.status == 0, "\(forced.errors)")
    #expect(try image("mine.png").width == 16)
  }

  @Test func seedsAreRandomAndSaid() throws {
    let runs = try (0..<2).map { _ in
      try generate("cat", "--size", "16", "--seed", "-1", "--out", ".")
    }
    let seeds = runs.compactMap { $0.errors.firstMatch(of: /seed (\d+)\n/)?.output.1 }
    #expect(seeds.count == 2 && seeds[0] != seeds[1])
    let first = folder.path("cat-\(seeds[0]).png")
    #expect(runs[0].output == first + "\n")
    let again = try generate("cat", "--size", "16", "--seed", String(seeds[0]), "--out", ".")
    #expect(again.output == folder.path("cat-\(seeds[0])-2.png") + "\n")
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: first))
        == Data(contentsOf: URL(fileURLWithPath: folder.path("cat-\(seeds[0])-2.png"))))
  }

  @Test func oneImageGoesToStandardOutput() throws {
    let file = folder.path("piped.png")
    let few = TinyModel.fewSteps.joined(separator: " ")
    let run = try BuiltCommand.shell(
      "\"$0\" generate 'a cat' --model '\(model)' --size 16 \(few) --out - > '\(file)'")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try image("piped.png").width == 16)
    #expect(try PNGText.read(Data(contentsOf: URL(fileURLWithPath: file)))["prompt"] == "a cat")
    expectFailure(
      try generate("a", "-n", "2", "--out", "-"), status: 64, saying: "standard output")
    expectFailure(try generate("a", "--json", "--out", "-"), status: 64, saying: "--json")
    #expect(!FileManager.default.fileExists(atPath: folder.path("-")))
  }

  @Test func warnsOnceOfWordsTheModelWasNeverShown() throws {
    let words = URL(fileURLWithPath: model + "/vocabulary.txt")
    try Data("a red apple\ncat".utf8).write(to: words)
    let known = try generate("a red apple", "two cats", "--size", "16", "--out", "k")
    #expect(known.errors.contains("was never shown \"two\" and"), "\(known.errors)")
    let outcome = try generate("the shiba's red beret, 猫", "--size", "16", "--out", "u")
    let warnings = outcome.errorLines.filter { $0.contains("was never shown") }
    #expect(warnings.count == 1, "\(outcome.errors)")
    #expect(warnings.first?.contains(#"shown "the", "shiba's", "beret" and 1 more"#) == true)
    try Data([0x63, 0xE9]).write(to: words)
    expectFailure(
      try generate("a"), status: 65, saying: "vocabulary.txt cannot be read: it is Latin-1")
  }

  @Test func anInterruptedRunSaysWhatIsKept() throws {
    let run = try BuiltCommand.shell(
      "cd '\(folder.url.path)'; \"$0\" generate 'a cat' -n 500 --model '\(model)' --size 16 "
        + "--seed 0 --threads 1 --out many > paths 2> errors & job=$!; "
        + "while ! [ -s paths ]; do sleep 0.05; done; kill -TERM $job; wait $job; "
        + "code=$?; cat errors >&2; exit $code")
    #expect(run.status == 128 + SIGTERM, "\(run.status)")
    #expect(run.errors.contains("of 500 images are written."), "\(run.errors.suffix(300))")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("many"))
    #expect(!names.isEmpty && names.allSatisfy { $0.hasSuffix(".png") && !$0.hasPrefix(".") })
  }

  @Test func refusesAPathThatCannotBeWritten() throws {
    let file = try folder.write("", to: "file")
    expectFailure(
      try generate("a", "--out", file + "/deeper/x.png"), status: 73, saying: "file/deeper")
    expectFailure(try generate("a", "--out", "/proc/x.png"), status: 73, saying: "/proc")
    #expect(try folder.names == ["file", "tiny"])
  }

  @Test func refusesFoldersWithoutAModel() throws {
    let empty = try TemporaryFolder()
    func generate(_ model: String) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run(["generate", "a", "--model", model], in: folder.url)
    }
    expectFailure(try generate("absent"), status: 69, saying: "There is no model absent")
    expectFailure(try generate(empty.url.path), status: 65, saying: "holds no model_index.json")
    let index = model + "/model_index.json"
    let own = try String(contentsOfFile: index, encoding: .utf8)
    try own.replacingOccurrences(of: "UnCLIPPipeline", with: "StableDiffusionPipeline")
      .write(toFile: index, atomically: true, encoding: .utf8)
    expectFailure(
      try generate(model), status: 65,
      saying: "holds a StableDiffusionPipeline, but an UnCLIPPipeline is needed")
    try own.write(toFile: index, atomically: true, encoding: .utf8)
    let weights = URL(fileURLWithPath: model + "/prior/diffusion_pytorch_model.safetensors")
    let bytes = try Data(contentsOf: weights)
    try bytes.prefix(bytes.count / 2).write(to: weights)
    expectFailure(
      try generate(model), status: 65, saying: "prior/diffusion_pytorch_model.safetensors")
    try FileManager.default.removeItem(atPath: model + "/decoder")
    expectFailure(try generate(model), status: 65, saying: "has no 'decoder' folder")
  }

  @Test(.enabled(if: DoctorReport.current.devices.last?.problem != nil))
  func saysThatThereIsNoCUDA() throws {
    expectFailure(try generate("a", "--device", "cuda"), status: 69, saying: "CUDA")
  }

  @Test func refusesBytesThatAreNotText() throws {
    let outcome = try BuiltCommand.shell(#"exec "$0" generate "$(printf 'a \377')""#)
    expectFailure(outcome, status: 64, saying: "Argument 2 is not valid UTF-8")
  }

  @Test func verifyRefusesOtherImages() throws {
    let image = Image(width: 2, height: 2, color: [1, 2, 3])
    try image.write(to: folder.url.appendingPathComponent("other.png"))
    try image.write(to: folder.url.appendingPathComponent("other.jpg"))
    let text = try folder.write("text", to: "text.png")
    func verify(_ name: String) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run("verify", name, "--model", model, in: folder.url)
    }
    expectFailure(
      try verify("other.png"), status: 65, saying: "other.png does not say how it was made")
    expectFailure(try verify("other.jpg"), status: 65, saying: "is not a PNG file")
    expectFailure(try verify(text), status: 65, saying: "text.png")
    expectFailure(try verify("missing.png"), status: 66, saying: "missing.png")
  }
}
