import CLIP
import Config
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

/// The autoregressive prior as a part of a model folder, and the ways without a prior.
@Suite struct AutoregressiveFolderTests {
  /// The `tiny` model with both priors.
  private final class Model {
    private let root: TemporaryFolder
    let folder: ModelFolder
    var other: ModelFolder { ModelFolder(root.file("other")) }
    var assembled: ModelFolder { ModelFolder(root.file("assembled")) }

    init() throws {
      root = try TemporaryFolder()
      folder = ModelFolder(root.file("both"))
      try Self.write(to: folder, seed: 1)
    }

    static func write(to folder: ModelFolder, seed: UInt64) throws {
      var preset = UnCLIPPreset.tiny
      preset.autoregressivePrior = AutoregressivePriorConfig(
        heads: 2, headWidth: 8, layers: 2, embeddingWidth: preset.clip.embeddingWidth,
        textLength: preset.clip.text.maxPositionEmbeddings, components: 6, buckets: 10, dropout: 0)
      let tokenizer = CLIPTokenizer.train(
        on: ["a red apple", "a blue star", "a cat face"], vocabularySize: 560,
        contextLength: preset.clip.text.maxPositionEmbeddings)
      try folder.writeRandom(preset, tokenizer: tokenizer, seed: seed)
    }

    func remove(_ parts: ModelFolder.Part...) throws {
      for part in parts { try FileManager.default.removeItem(at: folder.folder(of: part)) }
    }

    func set(_ key: String, _ value: JSONValue) throws {
      let file = folder.configuration(of: .autoregressivePrior)
      var object = try ConfigFile.object(at: file)
      #expect(object[key] != nil)
      object[key] = value
      try ConfigFile.encode(object).write(to: file)
    }
  }

  private func sampling(_ kind: PriorKind) -> SamplingSettings {
    var sampling = SamplingSettings()
    (sampling.priorSteps, sampling.decoderSteps, sampling.upsamplerSteps) = (2, 2, 2)
    sampling.priorKind = kind
    return sampling
  }

  @Test func aFolderKeepsThePrior() throws {
    let model = try Model()
    let prior = try model.folder.loadAutoregressivePrior()
    #expect(prior.clip == (try model.folder.clipFingerprint()))
    let index = try ConfigFile.object(at: model.folder.url.appending(path: "model_index.json"))
    #expect(
      index["prior_ar"] == .array(["unclip", "UnCLIPAutoregressivePrior"].map { .string($0) }))
    // Half precision changes no sign, so the assembled CLIP is the same.
    try model.assembled.assemble(
      from: [model.folder], dtype: .float16, defaults: ModelDefaults(name: "both"))
    #expect(try model.assembled.loadAutoregressivePrior().clip == prior.clip)
    let pipeline = try UnCLIPPipeline(model.assembled)
    let request = ImageRequest(
      prompt: "a red apple", size: 16, sampling: sampling(.autoregressive))
    var steps: [Int] = []
    let images = try pipeline.images(for: request) { step in
      if step.stage == .prior {
        steps.append(step.step)
        #expect(step.stepCount == 7)
      }
    }
    #expect(steps == Array(1...7) && images.first?.width == 16)
    #expect(try pipeline.images(for: request) == images)
  }

  /// Each way makes an image of its own, and what it does not need may be missing.
  @Test func everyKindMakesItsImage() throws {
    let model = try Model()
    let whole = try UnCLIPPipeline(model.folder)
    func image(_ kind: PriorKind, _ pipeline: UnCLIPPipeline) throws -> [UInt8]? {
      let request = ImageRequest(
        prompt: "a red apple", seed: 3, size: 16, sampling: sampling(kind))
      return try pipeline.images(for: request).first?.pixels
    }
    let all = try PriorKind.allCases.map { try image($0, whole) }
    #expect(Set(all).count == 4)
    try model.remove(.prior, .priorScheduler, .autoregressivePrior)
    let bare = try UnCLIPPipeline(model.folder)
    #expect(try image(.none, bare) == all[2] && image(.text, bare) == all[3])
    let ar = sentence { try image(.autoregressive, bare) }
    #expect(
      ar
        == "\(model.folder.url.path) has no 'prior_ar' folder, which this needs; train or add that part."
    )
    #expect(sentence { try image(.diffusion, bare) }.contains("has no 'prior' folder"))
  }

  /// Without a prior the decoder sees its own null embedding, as where training drops the image's.
  @Test func noneIsTheDroppedEmbedding() throws {
    let model = try Model()
    let pipeline = try UnCLIPPipeline(model.folder)
    let settings = sampling(.none)
    let prompt = pipeline.conditioning("a red apple")
    let dropped = try pipeline.decoded(
      nil, prompt, settings: settings, using: RandomSource(seed: 1))
    let projection = try pipeline.decoder.loaded().projection
    let null = try #require(
      projection.namedParameters().first {
        $0.name == "learned_classifier_free_guidance_embeddings"
      })
    let given = try pipeline.decoded(
      null.parameter.value.unsqueezed(0), prompt, settings: settings,
      using: RandomSource(seed: 1))
    expectClose(dropped, given, .exact)
    let text = sentence {
      try pipeline.embedding(of: prompt, settings: settings, using: RandomSource(seed: 1))
    }
    #expect(text.contains("the prior is none") && text.contains("diffusion, ar or text"))
    let edit = try ImageEdit.interpolation(
      between: [.prompt("a red apple"), .prompt("a blue star")], frames: 2, noise: .fresh)
    #expect(
      sentence {
        try pipeline.images(
          for: ImageRequest(prompt: "", size: 16, sampling: settings), editing: edit)
      } == text)
    var other = settings
    other.priorKind = .text
    expectClose(
      try pipeline.embedding(of: prompt, settings: other, using: RandomSource(seed: 1)),
      prompt.text.embedding, .exact)
  }

  /// A model without a diffusion prior takes the one it has, and says so when it is assembled.
  @Test func theOnlyPriorIsTheDefault() throws {
    let model = try Model()
    #expect(try ModelDefaults.read(from: model.folder).sampling.priorKind == .diffusion)
    try model.remove(.prior, .priorScheduler)
    #expect(try ModelDefaults.read(from: model.folder).sampling.priorKind == .autoregressive)
    let defaults = try ModelDefaults.joined(from: [model.folder], name: "ar", version: "1")
    #expect(defaults.sampling.priorKind == .autoregressive)
    try model.assembled.assemble(from: [model.folder], dtype: .float32, defaults: defaults)
    #expect(try ModelDefaults.read(from: model.assembled).sampling == defaults.sampling)
    try model.remove(.autoregressivePrior)
    #expect(
      sentence {
        try model.assembled.assemble(from: [model.folder], dtype: .float32, defaults: defaults)
      }.contains("has no 'prior' folder"))
  }

  @Test func aPriorOfAnotherCLIPIsRefused() throws {
    let model = try Model()
    try Model.write(to: model.other, seed: 2)
    let whole = try model.other.clipFingerprint()
    #expect(whole != (try model.folder.clipFingerprint()))
    for part in [ModelFolder.Part.imageEncoder, .textEncoder] {
      let (from, to) = (model.other.folder(of: part), model.folder.folder(of: part))
      let aside = model.folder.url.appending(path: "aside")
      try FileManager.default.moveItem(at: to, to: aside)
      try FileManager.default.copyItem(at: from, to: to)
      let text = sentence { try UnCLIPPipeline(model.folder) }
      #expect(
        text.hasPrefix(
          "\(model.folder.url.path) holds parts that do not belong together: "
            + "'clip_fingerprint.\(part.rawValue)' of prior_ar is "), "\(text)")
      #expect(text.hasSuffix(", another CLIP; use parts of one model."), "\(text)")
      try FileManager.default.removeItem(at: to)
      try FileManager.default.moveItem(at: aside, to: to)
    }
    try model.folder.checkFit()
    // Without an image encoder there is nothing to compare.
    try model.remove(.imageEncoder)
    try model.folder.checkFit()
  }

  @Test(arguments: [
    (
      "num_components", 17.0,
      "'num_components' is 17, but it must be 1 to embedding_dim, which is 16"
    ),
    ("num_components", 0, "'num_components' is 0, but it must be 1 to embedding_dim, which is 16"),
    ("num_buckets", 1, "'num_buckets' is 1, but it must be 2 to 65536"),
    (
      "embedding_dim", 8,
      "'embedding_dim' of prior_ar is 8, but 'projection_dim' of text_encoder is 16"
    ),
    ("num_embeddings", 5, "'num_embeddings' of prior_ar is 5, but text_encoder gives 12 tokens"),
    ("num_buckets", 11, "prior_ar"),
    ("clip_fingerprint", 3, "'clip_fingerprint' is 3, but it must be a section"),
  ])
  func namesTheValueThatDoesNotFit(key: String, value: Double, fault: String) throws {
    let model = try Model()
    try model.set(key, .number(value))
    let text = sentence { try UnCLIPPipeline(model.folder) }
    #expect(text.contains(fault) && text.hasSuffix("."), "\(text)")
  }

  /// Nothing is sampled from what is no number: the weight is named, as of the other stages.
  @Test(arguments: ["to_logits.bias", "token_embedding.weight", "quantizer.values"])
  func namesTheWeightThatIsNotANumber(key: String) throws {
    let model = try Model()
    let part = model.folder.folder(of: .autoregressivePrior)
    let stem = "diffusion_pytorch_model"
    var state = try Safetensors.readModel(folder: part, stem: stem)
    state[key] = try #require(state[key]) * .nan
    try Safetensors.write(
      state, metadata: ["format": "pt"], to: part.appending(path: stem + ".safetensors"))
    let pipeline = try UnCLIPPipeline(model.folder)
    let request = ImageRequest(prompt: "a", size: 16, sampling: sampling(.autoregressive))
    let text = sentence { try pipeline.images(for: request) }
    #expect(text.contains("prior_ar") && text.contains(key) && text.contains("NaN"), "\(text)")
  }

  @Test func aPriorThatDoesNotSayItsCLIPIsRefused() throws {
    let model = try Model()
    try model.set("clip_fingerprint", .object(["text_encoder": .string("a")]))
    #expect(
      sentence { try model.folder.checkFit() }.contains(
        "the key 'clip_fingerprint.image_encoder' is missing"))
  }

  /// Settings of a prior are written and read as all others, and older images had one prior alone.
  @Test func settingsTellThePrior() throws {
    var settings = GenerationSettings(
      prompt: "a", seed: 1, size: 16, sampling: sampling(.autoregressive))
    (settings.sampling.priorTemperature, settings.sampling.priorTopK) = (0.7, 12)
    var metadata = Dictionary(
      try settings.metadata().map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    #expect(metadata["prior"] == "ar" && metadata["prior_top_k"] == "12")
    #expect(
      try GenerationSettings(metadata: metadata, sampling: SamplingSettings(), file: "f")
        == settings)
    metadata["prior"] = nil
    let older = try GenerationSettings(
      metadata: metadata, sampling: settings.sampling, file: "f")
    #expect(older.sampling.priorKind == .diffusion)
    metadata["prior"] = "best"
    #expect(
      sentence {
        try GenerationSettings(metadata: metadata, sampling: SamplingSettings(), file: "f")
      }.contains("it must be one of \"diffusion\", \"ar\", \"none\", \"text\""))
    settings.sampling.priorTemperature = 0
    #expect(
      sentence { try settings.sampling.validate() }
        == "prior temperature is 0.0, but it must be 0.01 to 10.")
    settings.sampling.priorTemperature = 1
    settings.sampling.priorTopK = -1
    #expect(
      sentence { try settings.sampling.validate() }
        == "prior top k is -1, but it must be 0 to 65536.")
  }
}
