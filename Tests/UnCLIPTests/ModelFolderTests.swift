import CLIP
import Config
import Diffusion
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

/// A folder of the `tiny` preset with random weights, removed with the value.
final class TinyModel {
  let folder: ModelFolder
  private let root: TemporaryFolder

  init(seed: UInt64 = 1) throws {
    root = try TemporaryFolder()
    folder = ModelFolder(root.file("tiny"))
    let preset = UnCLIPPreset.tiny
    let tokenizer = CLIPTokenizer.train(
      on: ["a red apple", "a blue star", "a cat face"], vocabularySize: 560,
      contextLength: preset.clip.text.maxPositionEmbeddings)
    try folder.writeRandom(preset, tokenizer: tokenizer, seed: seed)
  }

  var sibling: ModelFolder { ModelFolder(root.file("other")) }
}

@Suite struct ModelFolderTests {
  /// Few steps of every stage.
  private func few(_ steps: Int) -> SamplingSettings {
    Self.sampling {
      $0.priorSteps = steps
      $0.decoderSteps = steps
      $0.upsamplerSteps = steps
    }
  }

  @Test(arguments: [ModelFolder.Part.prior, .decoder, .upsampler])
  func namesTheWeightThatIsNotANumber(part: ModelFolder.Part) throws {
    let model = try TinyModel()
    let file = model.folder.folder(of: part).appendingPathComponent(
      "diffusion_pytorch_model.safetensors")
    var state = try Safetensors.readModel(
      folder: model.folder.folder(of: part), stem: "diffusion_pytorch_model")
    let key = part == .prior ? "proj_in.weight" : "conv_in.weight"
    state[key] = try #require(state[key]) * .nan
    try Safetensors.write(state, metadata: ["format": "pt"], to: file)
    let pipeline = try UnCLIPPipeline(model.folder)
    let request = ImageRequest(prompt: "a", sampling: few(1))
    let error = #expect(throws: CheckpointError.self) { try pipeline.images(for: request) }
    let text = error?.description ?? ""
    #expect(text.contains(part.rawValue) && text.contains(key) && text.contains("NaN"), "\(text)")
  }

  @Test func drawsBothSizes() throws {
    let model = try TinyModel()
    let pipeline = try UnCLIPPipeline(model.folder)
    #expect(pipeline.sizes == [16, 64])
    for size in pipeline.sizes {
      let request = ImageRequest(prompt: "a red apple", seed: 3, size: size, sampling: few(3))
      var stages: [GenerationProgress.Stage] = []
      let images = try pipeline.images(for: request) { stages.append($0.stage) }
      #expect(images.count == 1)
      #expect(images[0].width == size && images[0].height == size)
      let levels = Set(images[0].pixels)
      #expect(levels.count > 10, "the image is plain")
      #expect(Set(stages).count == (size == 64 ? 4 : 3))
    }
  }

  /// Image i is the same whatever is generated with it.
  @Test func aImageDependsOnItsSeedAlone() throws {
    let model = try TinyModel()
    let pipeline = try UnCLIPPipeline(model.folder)
    var request = ImageRequest(prompt: "a cat", count: 3, seed: 5, size: 16, sampling: few(2))
    let three = try pipeline.images(for: request)
    request.count = 1
    request.seed = 7
    #expect(try pipeline.images(for: request) == [three[2]])
    #expect(three[0] != three[1])
  }

  @Test func progressCanStopTheDrawing() throws {
    struct Stop: Error {}
    let model = try TinyModel()
    let pipeline = try UnCLIPPipeline(model.folder)
    let request = ImageRequest(prompt: "", size: 16)
    #expect(throws: Stop.self) {
      _ = try pipeline.images(for: request) { progress in
        if progress.stage == .decoder { throw Stop() }
      }
    }
  }

  private static func sampling(_ change: (inout SamplingSettings) -> Void) -> SamplingSettings {
    var sampling = SamplingSettings()
    change(&sampling)
    return sampling
  }

  @Test(arguments: [
    (
      ImageRequest(prompt: "", size: 65),
      "size 65 is not possible with this model; ask for 16 or 64."
    ),
    (ImageRequest(prompt: "", count: 0), "count is 0, but it must be at least 1."),
    (
      ImageRequest(prompt: "", sampling: sampling { $0.priorSteps = 0 }),
      "prior steps is 0, but it must be 1 to 1000."
    ),
    (
      ImageRequest(prompt: "", sampling: sampling { $0.decoderGuidance = .infinity }),
      "decoder guidance is inf, but it must be 0 to 100."
    ),
    (
      ImageRequest(prompt: "", sampling: sampling { $0.guidanceRescale = .nan }),
      "guidance rescale is nan, but it must be 0 to 1."
    ),
    (
      ImageRequest(prompt: "", sampling: sampling { $0.priorCandidates = 65 }),
      "prior candidates is 65, but it must be 1 to 64."
    ),
  ])
  func refusesRequests(request: ImageRequest, sentence: String) throws {
    let model = try TinyModel()
    let pipeline = try UnCLIPPipeline(model.folder)
    var steps = 0
    let error = #expect(throws: RequestError.self) {
      try pipeline.images(for: request) { _ in steps += 1 }
    }
    #expect(error?.description == sentence)
    #expect(steps == 0, "refused before any work")
  }

  /// A process of ten steps cannot be sampled in fifty: said before the prior runs.
  @Test func refusesMoreStepsThanTheProcessHas() throws {
    let model = try TinyModel()
    let file = model.folder.configuration(of: .upsamplerScheduler)
    var scheduler = try SchedulerConfig.read(at: file)
    scheduler.trainStepCount = 10
    try scheduler.encoded().write(to: file)
    let pipeline = try UnCLIPPipeline(model.folder)
    var sampling = few(2)
    sampling.upsamplerSteps = 50
    var steps = 0
    let error = #expect(throws: RequestError.self) {
      try pipeline.images(for: ImageRequest(prompt: "a", sampling: sampling)) { _ in steps += 1 }
    }
    #expect(
      error?.description
        == "upsampler steps is 50, but it must be 1 to 10, the steps it was trained with.")
    #expect(steps == 0)
  }

  /// Whatever is wrong with the last stage is said before the first one runs.
  @Test func theUpsamplerIsCheckedFirst() throws {
    func refusal(_ change: (ModelFolder, URL) throws -> Void) throws -> String {
      let model = try TinyModel()
      let weights = model.folder.folder(of: .upsampler)
        .appending(path: "diffusion_pytorch_model.safetensors")
      try change(model.folder, weights)
      let error = #expect(throws: (any Error).self) { try UnCLIPPipeline(model.folder) }
      return "\(try #require(error))"
    }
    let missing = try refusal { _, weights in try FileManager.default.removeItem(at: weights) }
    #expect(missing.contains("there is neither this file nor an index"))
    let cut = try refusal { _, weights in
      try Data(contentsOf: weights).dropLast(100).write(to: weights)
    }
    #expect(cut.contains("it is cut short"))
    let process = try refusal { folder, _ in
      try FileManager.default.removeItem(at: folder.folder(of: .upsamplerScheduler))
    }
    #expect(process.contains("has no 'super_res_scheduler' folder"))
    let file = try refusal { folder, _ in
      try FileManager.default.removeItem(at: folder.configuration(of: .upsamplerScheduler))
    }
    #expect(file.contains("super_res_scheduler/scheduler_config.json"))
  }

  /// Keys that diffusers fills in from its own defaults may be missing.
  @Test func missingKeysHaveDiffusersDefaults() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("config.json")
    func write(_ json: String) throws -> URL {
      try Data(json.utf8).write(to: file)
      return file
    }
    let prior = try PriorConfig.read(at: write("{}"))
    #expect(prior.width == 2048 && prior.numLayers == 20 && prior.dropout == 0)
    let projection = try TextProjectionConfig.read(
      at: write(#"{"cross_attention_dim": 8, "time_embed_dim": 16}"#))
    #expect(projection.clipExtraContextTokens == 4 && projection.clipEmbeddingsDim == 768)
    let unet = try UNetConfig.read(
      at: write(
        """
        {"_class_name": "UNet2DModel", "block_out_channels": [32, 64],
         "down_block_types": ["ResnetDownsampleBlock2D", "ResnetDownsampleBlock2D"],
         "up_block_types": ["ResnetUpsampleBlock2D", "ResnetUpsampleBlock2D"]}
        """))
    #expect(unet.inChannels == 3 && unet.layersPerBlock == 2 && unet.attentionHeadDim == 8)
  }

  /// What a folder lacks is said when it is asked for, not by a trap.
  @Test func aMissingPartIsAnError() throws {
    let model = try TinyModel()
    for part in [ModelFolder.Part.prior, .imageEncoder] {
      try FileManager.default.removeItem(at: model.folder.folder(of: part))
    }
    let pipeline = try UnCLIPPipeline(model.folder)
    let image = Image(width: 8, height: 8, color: [1, 2, 3])
    for original in [nil, image] {
      let error = #expect(throws: ModelFolderError.self) {
        try pipeline.images(
          for: ImageRequest(prompt: "a", sampling: few(1)), varying: original)
      }
      let part = original == nil ? "prior" : "image_encoder"
      #expect(error?.description.contains("has no '\(part)' folder") == true)
    }
    #expect(throws: ModelFolderError.self) {
      try UnCLIPPipeline(model.folder, requiring: [.prior])
    }
  }

  /// Folders of the first versions, whose `unclip.json` had an object a stage, open as before.
  @Test func readsTheFirstFormOfDefaults() throws {
    let model = try TinyModel()
    let old = """
      {"name": "small", "version": "4", "prior": {"steps": 20, "guidance": 1},
       "priorCandidates": 4, "decoder": {"steps": 13, "guidance": 2}, "upsamplerSteps": 5}
      """
    let file = model.folder.url.appendingPathComponent("unclip.json")
    try old.write(to: file, atomically: true, encoding: .utf8)
    let defaults = try ModelDefaults.read(from: model.folder)
    #expect(defaults.name == "small" && defaults.version == "4")
    let sampling = defaults.sampling
    #expect(sampling.prior == StageSampling(steps: 20, guidance: 1))
    #expect(sampling.priorCandidates == 4 && sampling.upsamplerSteps == 5)
    #expect(sampling.decoder == StageSampling(steps: 13, guidance: 2))

    try #"{"name": "x", "version": "1", "prior_steppes": 3}"#
      .write(to: file, atomically: true, encoding: .utf8)
    let error = #expect(throws: ConfigError.self) { try ModelDefaults.read(from: model.folder) }
    #expect(error?.description.contains("prior_steppes") == true)
  }

  @Test func assemblesPartsInHalfPrecision() throws {
    let first = try TinyModel(seed: 1)
    let second = try TinyModel(seed: 2)
    let target = first.sibling
    let defaults = ModelDefaults(
      name: "mixed", version: "3",
      sampling: Self.sampling {
        $0.priorSteps = 4
        $0.decoderSampler = .dpmSolver
      })
    let weights = "image_encoder/model.safetensors"
    let vision = second.folder.url.appending(path: weights)
    try Safetensors.write(
      Safetensors.read(vision).tensors, metadata: ["logit_scale": "3.5"], to: vision)
    for _ in 0..<2 {  // the second time over the first
      let parts = try target.assemble(
        from: [first.folder, second.folder], dtype: .float16, defaults: defaults)
      #expect(parts.allSatisfy { $0.source == second.folder })
    }
    #expect(try ModelDefaults.read(from: target) == defaults)
    let notes = try Safetensors.read(target.url.appending(path: weights)).metadata
    #expect(notes == ["logit_scale": "3.5", "format": "pt"])
    let pipeline = try UnCLIPPipeline(target)
    let wanted = try second.folder.loadPrior().transformer.stateDict()
    for (key, value) in try pipeline.prior.loaded().transformer.stateDict() {
      expectClose(value, try #require(wanted[key]), .network(.float16), key)
    }
    let rest = try FileManager.default.contentsOfDirectory(
      atPath: target.url.deletingLastPathComponent().path)
    #expect(rest.allSatisfy { !$0.hasPrefix(".") }, "left behind: \(rest)")
  }

  @Test func namesWhatIsMissing() throws {
    let model = try TinyModel()
    try FileManager.default.removeItem(at: model.folder.folder(of: .prior))
    #expect {
      _ = try UnCLIPPipeline(model.folder, requiring: [.prior])
    } throws: {
      "\($0)".hasSuffix("has no 'prior' folder, which this needs; train or add that part.")
    }
    let empty = ModelFolder(URL(fileURLWithPath: "/nowhere"))
    #expect {
      _ = try UnCLIPPipeline(empty)
    } throws: {
      "\($0)".hasPrefix("/nowhere is not a model folder")
    }
    #expect(throws: ModelFolderError.self) {
      try model.sibling.assemble(
        from: [model.folder], dtype: .float16, defaults: ModelDefaults(name: "x"))
    }
    #expect(!FileManager.default.fileExists(atPath: model.sibling.url.path))
  }

  @Test func refusesWeightsOfAnotherShape() throws {
    let model = try TinyModel()
    let file = model.folder.folder(of: .prior).appendingPathComponent(
      "diffusion_pytorch_model.safetensors")
    var state = try Safetensors.read(file).tensors
    state["proj_in.bias"] = Tensor.zeros([3])
    state["extra"] = Tensor.zeros([1])
    try Safetensors.write(state, to: file)
    #expect {
      _ = try model.folder.loadPrior()
    } throws: { error in
      let text = "\(error)"
      return text.contains("proj_in.bias") && text.contains("extra") && text.contains("prior")
    }
  }
}
