import Config
import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct ModelsCommandTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for name in ["a/loose", "a/sd/text_encoder", "a/notes", "b/vae"] {
      try FileManager.default.createDirectory(
        at: folder.file(name), withIntermediateDirectories: true)
    }
    try TinyModel.write(to: folder.file("a/tiny"))
    _ = try folder.write("weights", to: "a/loose/prior.ckpt")
    _ = try folder.write(
      "{\"_class_name\": \"StableDiffusionPipeline\"}", to: "a/sd/model_index.json")
    _ = try folder.write("not of a model", to: "a/notes/readme.txt")
    _ = try folder.write("{\"kind\": \"vae\"}", to: "b/vae/config.json")
    try FileManager.default.copyItem(
      at: Golden.url("clip/folders/text"), to: folder.file("b/text"))
    try FileManager.default.copyItem(
      at: Golden.url("clip/folders/open_clip"), to: folder.file("b/tiny"))
  }

  private var models: [FoundModel] {
    ModelSearch(roots: [folder.file("a"), folder.file("b"), folder.file("none")]).models
  }

  @Test func describesEveryKind() throws {
    #expect(models.map(\.name) == ["loose", "sd", "tiny", "text", "tiny", "vae"])
    #expect(models.map(\.kind) == [.checkpoint, .unCLIP, .unCLIP, .clip, .clip, .classic])
    let tiny = models[2]
    #expect(
      tiny.commands == [
        "generate", "vary", "interpolate", "diff", "mix", "invert", "inpaint", "outpaint",
        "upscale", "embed", "classify", "tokenize",
      ])
    #expect(tiny.sizes == [16, 64])
    #expect(tiny.problem == nil)
    #expect(tiny.defaults?["decoder_steps"] == .integer(25))
    #expect(tiny.bytes > 100_000)
    #expect(models[3].title == "CLIP of transformers, its text tower")
    #expect(models[3].commands == ["embed", "tokenize"])
    #expect(models[4].title == "CLIP of open_clip")
    #expect(models[4].hiddenBy == folder.path("a/tiny"))
    #expect(models[5].title == "classic model, vae")
    #expect(models[5].commands.first == "classics sample")
  }

  @Test func saysWhyAModelCannotBeUsed() throws {
    #expect(models[0].problem?.contains("with 'unclip convert'.") == true)
    #expect(models[1].problem?.contains("holds a StableDiffusionPipeline, but") == true)
    let weights = folder.path("a/tiny/decoder/diffusion_pytorch_model.safetensors")
    try Data("version https://git-lfs.github.com/spec/v1\n".utf8)
      .write(to: URL(fileURLWithPath: weights))
    let broken = models[2]
    #expect(broken.problem?.contains("git lfs pull") == true)
    #expect(broken.commands.isEmpty && broken.sizes.isEmpty && broken.defaults == nil)
    #expect(broken.text.contains("\n  cannot be used: \(folder.path("a/tiny"))"))
  }

  /// A model that has no prior or no upsampler has no settings of it.
  @Test func settingsAreThoseOfTheStages() throws {
    for part in ["prior", "super_res_first", "super_res_scheduler"] {
      try FileManager.default.removeItem(at: folder.file("a/tiny/" + part))
    }
    let model = models[2]
    #expect(
      model.commands == [
        "vary", "interpolate", "diff", "mix", "invert", "inpaint", "outpaint", "embed", "classify",
        "tokenize",
      ])
    #expect(model.sizes == [16])
    #expect(
      model.defaults?.keys.sorted() == [
        "decoder_eta", "decoder_guidance", "decoder_sampler", "decoder_steps", "guidance_end",
        "guidance_rescale", "guidance_start", "resampling_jumps", "resampling_length", "threshold",
      ])
    #expect(model.text.hasSuffix("\n  defaults: decoder 25 steps, guidance 8, ddpm"))
  }

  @Test func namesThePartsOfATrainingRun() throws {
    let run = folder.file("run/model")
    try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
    for part in ["tokenizer", "text_encoder", "image_encoder"] {
      try FileManager.default.copyItem(
        at: folder.file("a/tiny/" + part), to: run.appending(path: part))
    }
    let model = try #require(FoundModel(run))
    #expect(
      model.title == "parts of an unCLIP model: tokenizer, text_encoder, image_encoder")
    #expect(model.commands == ["embed", "classify", "tokenize"])
    #expect(model.problem == nil)
  }

  @Test func listsFromTheOutside() throws {
    let environment = ["UNCLIP_MODELS": folder.path("a") + ":" + folder.path("b")]
    let text = try BuiltCommand.run("models", environment: environment, in: folder.url)
    #expect(text.status == 0 && text.errors.isEmpty, "\(text.errors)")
    for line in [
      "tiny  unCLIP model, ", "\n  \(folder.path("a/tiny"))\n", "\n  images of 16 or 64 pixels\n",
      "\n  defaults: prior 25 steps, guidance 4, ddpm; decoder 25 steps, guidance 8, ddpm; ",
      "\nsearched:\n  \(folder.path("a"))\n  \(folder.path("b"))\n",
    ] {
      #expect(text.output.contains(line), "\(line)\n\(text.output)")
    }
    let one = try BuiltCommand.run("models", "tiny", "--json", environment: environment)
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(one.output.utf8)) as? [String: Any])
    let models = try #require(report["models"] as? [[String: Any]])
    #expect(models.map { $0["path"] as? String } == [folder.path("a/tiny")])
    #expect((models[0]["defaults"] as? [String: Any])?["prior_steps"] as? Int == 25)
    #expect((report["search_path"] as? [String])?.first == folder.path("a"))
    expectFailure(
      try BuiltCommand.run("models", "absent", environment: environment), status: 69,
      saying: "There is no model absent in \(folder.path("a")), \(folder.path("b"))")
    expectFailure(
      try BuiltCommand.run("models", folder.path("a/notes")), status: 65,
      saying: "notes holds no model; name a model folder.")
  }

  @Test func completesNamesAndFolders() throws {
    func completions(_ word: String) throws -> [String] {
      try BuiltCommand.run(
        [
          "---completion", "generate", "--", "--model", "3", String(word.utf8.count), "unclip",
          "generate", "--model", word,
        ],
        environment: ["UNCLIP_MODELS": folder.path("a"), "SAP_SHELL": "bash"],
        in: folder.file("b")
      ).output.split(separator: "\n").map(String.init)
    }
    #expect(try completions("ti") == ["tiny", "tiny/"])
    #expect(try completions("lo") == ["loose"])
    #expect(try completions(folder.path("a/t")) == [folder.path("a/tiny") + "/"])
  }
}
