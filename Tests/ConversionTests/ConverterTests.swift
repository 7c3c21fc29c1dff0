import CLIP
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchArchive
import TorchNN
import UnCLIP

@testable import Conversion

@Suite struct ConverterConvertTests {
  private let folder: TemporaryFolder
  private let options = ConversionOptions(activation: nil, headWidth: 8)

  private func golden(_ name: String) -> URL { Golden.url("conversion/\(name)") }

  init() throws { folder = try TemporaryFolder() }

  /// Where a test writes its model.
  private var out: URL { folder.file("model") }

  private func bytes(_ tensor: Tensor) -> [UInt8] { tensor.contiguous().withBytes { Array($0) } }

  private func expectSame(_ found: [String: Tensor], _ expected: [String: Tensor]) throws {
    #expect(found.keys.sorted() == expected.keys.sorted())
    for (key, value) in expected {
      let other = try #require(found[key])
      #expect(other.shape == value.shape && bytes(other) == bytes(value), "\(key)")
    }
  }

  @Test(arguments: ["clip_transformers.bin", "clip_open.pt", "clip_openai.pt", "clip_script.pt"])
  func clipComesOutAsTransformersHasIt(file: String) throws {
    var options = options
    if file == "clip_transformers.bin" || file == "clip_open.pt" { options.activation = .gelu }
    let parts = try Converter(options).convert([golden(file)], to: out)
    #expect(parts.map(\.part) == [.textEncoder, .imageEncoder, .featureExtractor])
    let model = ModelFolder(out)
    let expected = try Golden.tensors("conversion/clip.safetensors")
    for (part, prefixes) in [
      (ModelFolder.Part.textEncoder, ["text_model.", "text_projection."]),
      (.imageEncoder, ["vision_model.", "visual_projection."]),
    ] {
      let own = expected.filter { item in prefixes.contains { item.key.hasPrefix($0) } }
      try expectSame(try Safetensors.readModel(folder: model.folder(of: part)), own)
    }
    let clip = try CLIPModel.load(from: out)
    #expect(clip.vision.config.imageSize == 16 && clip.vision.config.numAttentionHeads == 3)
    #expect(clip.text.config.numAttentionHeads == 2 && clip.text.config.vocabSize == 50)
    let activation = options.activation ?? .quickGELU
    #expect(clip.text.config.hiddenAct == activation)
    #expect(clip.vision.config.hiddenAct == activation)
  }

  @Test func weightsAreWrittenInAnotherType() throws {
    var options = options
    options.dtype = .float32
    try Converter(options).convert([golden("clip_openai.pt")], to: out)
    let state = try Safetensors.readModel(folder: out.appendingPathComponent("text_encoder"))
    #expect(state.values.allSatisfy { $0.dtype == .float32 })
  }

  @Test func karlosPriorMatchesDiffusers() throws {
    try Converter(options).convert([golden("prior.ckpt"), golden("stats.th")], to: out)
    let model = ModelFolder(out)
    try expectSame(
      try Safetensors.readModel(
        folder: model.folder(of: .prior), stem: "diffusion_pytorch_model"),
      try Golden.tensors("conversion/prior.safetensors"))
    #expect(try model.loadPrior().transformer.config.numEmbeddings == 5)
  }

  /// Row r of the n-th tensor of a network holds 1000 n + r.
  @Test func karlosNetworksMatchDiffusers() throws {
    let files = ["decoder.ckpt", "upsampler.ckpt"]
    try Converter(options).convert(files.map(golden), to: out)
    let model = ModelFolder(out)
    let expected = try JSONDecoder().decode(
      [String: [String: [Int]]].self, from: Data(contentsOf: golden("networks.json")))
    for (part, shapes) in expected {
      let state = try Safetensors.readModel(
        folder: out.appendingPathComponent(part), stem: "diffusion_pytorch_model")
      #expect(state.keys.sorted() == shapes.keys.sorted())
      for (index, key) in shapes.keys.sorted().enumerated() {
        let value = try #require(state[key])
        let shape = try #require(shapes[key])
        let rows = Tensor.arange(Double(shape[0])) + Double(1000 * index)
        let wanted = rows.reshaped([-1] + shape.dropFirst().map { _ in 1 }).expanded(shape)
        #expect(value.shape == shape && bytes(value) == bytes(wanted), "\(part) \(key)")
      }
    }
    #expect(try model.loadDecoder().unet.config.resnetTimeScaleShift == .scaleShift)
    let upsampler = try model.loadUpsampler()
    #expect(upsampler.unet.config.resnetTimeScaleShift == .default)
    #expect(upsampler.lastUNet != nil)
    #expect(
      FileManager.default.fileExists(
        atPath: out.appendingPathComponent("model_index.json").path))
  }

  @Test func refusals() throws {
    func refusal(_ files: [URL], _ options: ConversionOptions) -> String {
      do {
        try Converter(options).convert(files, to: out)
        return "converted"
      } catch { return "\(error)" }
    }
    let plain = ConversionOptions()
    #expect(refusal([golden("clip_open.pt")], plain).contains("add --activation quick_gelu"))
    #expect(refusal([golden("prior.ckpt")], options).contains("add ViT-L-14_stats.th"))
    #expect(refusal([golden("stats.th")], options).contains("statistics alone"))
    #expect(
      refusal([golden("clip_openai.pt"), golden("clip_script.pt")], options)
        .contains("give one file for each part"))
    #expect(
      refusal([Golden.url("checkpoints/views.pt")], options).contains("no part of Karlo"))
    #expect(refusal([golden("none.pt")], options).contains("cannot be read"))
    // Heads of another width than the weights have.
    #expect(
      refusal(
        [golden("prior.ckpt"), golden("stats.th")], ConversionOptions(headWidth: 5)
      ).contains("blocks of 5"))
    // A tensor too many, and one too few.
    var state = try WeightFile(golden("clip_openai.pt")).tensors
    state["visual.surplus"] = Tensor([Float(1)])
    state["ln_final.bias"] = nil
    let file = folder.file("odd.safetensors")
    try Safetensors.write(state, to: file)
    let text = refusal([file], options)
    #expect(text.contains("visual.surplus") && text.contains("ln_final.bias"), "\(text)")
    // Shapes that no checkpoint has.
    let prior = try WeightFile(golden("prior.ckpt")).tensors
    for (key, tensor) in [
      ("model.positional_embedding", Tensor.ones([2, 2, 9, 16])),
      ("model.transformer.resblocks.0.attn.c_qkv.bias", Tensor(scalar: 1)),
      ("model.clip_img_proj.weight", Tensor.ones([3])),
      ("model.prd_emb", Tensor.ones([7])),
    ] {
      try Safetensors.write(prior.merging([key: tensor]) { $1 }, to: file)
      let text = refusal([file, golden("stats.th")], options)
      #expect(text.hasPrefix(file.path) && text != "converted", "\(key): \(text)")
    }
    state = [
      "token_embedding.weight": .ones([2, 2]), "visual.layer1.0.conv1.weight": .ones([1]),
    ]
    try Safetensors.write(state, to: file)
    #expect(refusal([file], options).contains("its vision tower is a ResNet"))
    state = try WeightFile(golden("clip_openai.pt")).tensors
    state["token_embedding.weight"] = .ones([1, 20000])
    try Safetensors.write(state, to: file)
    #expect(refusal([file], options).contains("a width of at most 16384"))
    try Safetensors.write(["model_first_steps.x": .ones([1])], to: file)
    #expect(refusal([file], options).hasPrefix(file.path))
    // Nothing was left behind by any of these.
    #expect(try folder.names == ["odd.safetensors"])
    try FileManager.default.createDirectory(at: out, withIntermediateDirectories: true)
    #expect(refusal([golden("clip_openai.pt")], options).contains("is there already"))
  }

  /// A folder of diffusers with one pickle in the prior and two with an index in the text encoder
  /// comes out with the weights it was made of.
  @Test func aFolderOfPicklesBecomesOneOfSafetensors() throws {
    let source = folder.file("pickled")
    let files = FileManager.default
    try files.copyItem(at: Golden.url("pipeline/model"), to: source)
    for part in ["prior", "text_encoder"] {
      let own = source.appending(path: part)
      for name in try files.contentsOfDirectory(atPath: own.path)
      where name.hasSuffix(".safetensors") {
        try files.removeItem(at: own.appending(path: name))
      }
      for name in try files.contentsOfDirectory(atPath: golden("pickled/\(part)").path) {
        try files.copyItem(
          at: golden("pickled/\(part)/\(name)"), to: own.appending(path: name))
      }
    }
    try Data("old".utf8).write(to: source.appending(path: "prior/model.h5"))
    let written = try Converter().convert(folder: source, to: out)
    #expect(written.map(\.path).contains("text_encoder/model.safetensors"))
    #expect(
      written.first { $0.path == "prior/diffusion_pytorch_model.safetensors" }?.source
        .lastPathComponent == "diffusion_pytorch_model.bin")
    let whole = Golden.url("pipeline/model")
    for (part, stem) in [
      ("prior", "diffusion_pytorch_model"), ("decoder", "diffusion_pytorch_model"),
      ("image_encoder", "model"), ("text_encoder", "model"),
    ] {
      var found = try Safetensors.readModel(folder: out.appending(path: part), stem: stem)
      found["text_model.embeddings.position_ids"] = nil
      try expectSame(
        found, Safetensors.readModel(folder: whole.appending(path: part), stem: stem))
    }
    #expect(!files.fileExists(atPath: out.appending(path: "prior/model.h5").path))
    var sampling = SamplingSettings()
    sampling.priorSteps = 2
    sampling.decoderSteps = 2
    sampling.upsamplerSteps = 2
    let request = ImageRequest(prompt: "a red apple", seed: 3, sampling: sampling)
    #expect(
      try UnCLIPPipeline(ModelFolder(out)).images(for: request)
        == UnCLIPPipeline(ModelFolder(whole)).images(for: request))
  }

  /// Second moments go along with weights whose type changes, but not with others' weights.
  @Test func secondMomentsAreConvertedAlike() throws {
    let source = ModelFolder(folder.file("measured"))
    try FileManager.default.copyItem(at: Golden.url("pipeline/model"), to: source.url)
    let moments = SecondMoments(timesteps: [0, 9], values: [0.1, 0.9], samples: 2)
    try source.write(moments, of: .prior)
    try source.write(moments, of: .decoder)
    let scheduler = source.configuration(of: .priorScheduler)
    let text = try String(contentsOf: scheduler, encoding: .utf8)
    let other = text.replacing(/"clip_sample_range": *[0-9.]+/, with: #""clip_sample_range": 3"#)
    #expect(other != text)
    try other.write(to: scheduler, atomically: true, encoding: .utf8)
    try Converter(ConversionOptions(dtype: .float16)).convert(folder: source.url, to: out)
    let converted = ModelFolder(out)
    #expect(try converted.loadMoments(of: .decoder) == moments)
    #expect(throws: ModelFolderError.noMoments(folder: out.path, stage: "prior")) {
      try converted.loadMoments(of: .prior)
    }
  }

  /// A folder with weights in half precision alone, as diffusers publishes them beside others.
  @Test func variantsAreConvertedAlike() throws {
    let source = folder.file("halves")
    let files = FileManager.default
    let whole = Golden.url("pipeline/model")
    try files.copyItem(at: whole, to: source)
    let prior = source.appending(path: "prior")
    func rename(_ old: String, _ new: String) throws {
      try files.moveItem(at: prior.appending(path: old), to: prior.appending(path: new))
    }
    try rename("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
    let written = try Converter().convert(folder: source, to: out)
    #expect(written.contains { $0.source.lastPathComponent.contains(".fp16.") })
    let stem = "diffusion_pytorch_model"
    try expectSame(
      Safetensors.readModel(folder: out.appending(path: "prior"), stem: stem),
      Safetensors.readModel(folder: whole.appending(path: "prior"), stem: stem))
    try rename(
      "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.non_ema.safetensors")
    let other = folder.file("other")
    let error = #expect(throws: CheckpointError.self) {
      try Converter().convert(folder: source, to: other)
    }
    #expect(error?.description.contains("the variant \"non_ema\"") == true)
    #expect(!files.fileExists(atPath: other.path))
  }

  @Test func linksOutOfAFolderAreNotFollowed() throws {
    let files = FileManager.default
    let source = folder.file("linked")
    let secret = folder.file("secret")
    try files.copyItem(at: golden("pickled"), to: source)
    try files.createDirectory(at: secret, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: secret.appending(path: "key.json"))
    for (link, target) in [("vae", secret), ("notes.json", secret.appending(path: "key.json"))] {
      let entry = source.appending(path: link)
      try files.createSymbolicLink(at: entry, withDestinationURL: target)
      #expect(
        throws: ConversionError.outside(
          link: entry.path, target: target.resolvingSymlinksInPath().path)
      ) { try Converter().convert(folder: source, to: out) }
      #expect(!files.fileExists(atPath: out.path))
      try files.removeItem(at: entry)
    }
    try Data("{}".utf8).write(to: source.appending(path: "a.json"))
    try files.createSymbolicLink(
      atPath: source.appending(path: "b.json").path, withDestinationPath: "a.json")
    mkfifo(source.appending(path: "pipe.json").path, 0o600)
    try Converter().convert(folder: source, to: out)
    let copied = try files.attributesOfItem(atPath: out.appending(path: "b.json").path)
    #expect(copied[.type] as? FileAttributeType == .typeRegular)
    #expect(!files.fileExists(atPath: out.appending(path: "pipe.json").path))
  }

  /// The hub's cache stores a snapshot as links to blobs.
  @Test func aSnapshotOfTheHubIsConverted() throws {
    let files = FileManager.default
    let snapshot = folder.file("hub/snapshots/abc")
    let blobs = folder.file("hub/blobs")
    try files.createDirectory(at: blobs, withIntermediateDirectories: true)
    try files.createDirectory(
      at: snapshot.deletingLastPathComponent(), withIntermediateDirectories: true)
    try files.copyItem(at: golden("pickled"), to: snapshot)
    let part = snapshot.appending(path: "prior")
    for name in try files.contentsOfDirectory(atPath: part.path) {
      let blob = blobs.appending(path: name)
      try files.moveItem(at: part.appending(path: name), to: blob)
      try files.createSymbolicLink(
        atPath: part.appending(path: name).path, withDestinationPath: "../../../blobs/\(name)")
    }
    let written = try Converter().convert(folder: snapshot, to: out)
    #expect(written.contains { $0.path == "prior/diffusion_pytorch_model.safetensors" })
  }

  @Test func aBrokenFolderLeavesNothing() throws {
    let source = folder.file("pickled")
    try FileManager.default.copyItem(at: golden("pickled"), to: source)
    let index = source.appending(path: "text_encoder/pytorch_model.bin.index.json")
    let text = try String(contentsOf: index, encoding: .utf8)
    try text.replacing("text_projection.weight", with: "text_projection.other")
      .write(to: index, atomically: true, encoding: .utf8)
    let error = #expect(throws: CheckpointError.self) {
      try Converter().convert(folder: source, to: out)
    }
    #expect(error?.description.contains("text_projection") == true)
    #expect(try folder.names == ["pickled"])
    #expect(throws: ConversionError.self) {
      try Converter().convert(folder: Golden.url("pipeline/model/prior_scheduler"), to: out)
    }
    #expect(throws: CheckpointError.self) {
      try Converter().convert(folder: golden("pickled/none"), to: out)
    }
  }
}
