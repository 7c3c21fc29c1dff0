import CLIP
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

/// Folders written by transformers and open_clip; see Scripts/golden/clip_folders.py.
@Suite struct CLIPFolderTests {
  let ids = Tensor(
    [
      48, 5, 7, 49, 49, 49, 49, 49, 49, 48, 1, 2, 3, 4, 5, 6, 7, 49, 48, 49, 0, 0, 0, 0, 0, 0, 0,
    ] as [Int64], shape: [3, 9])
  /// The images of the script.
  let pixels = RandomSource(seed: 3).normal([2, 3, 16, 16])

  func folder(_ name: String) throws -> CLIPFolder {
    try CLIPFolder(Golden.url("clip/folders/" + name))
  }

  @Test(arguments: [
    ("model", CLIPFolder.Layout.model), ("half", .model), ("bfloat16", .model),
    ("open_clip", .openCLIP), ("open_clip_quick", .openCLIP),
  ])
  func wholeModelsMatchReference(_ name: String, layout: CLIPFolder.Layout) throws {
    let folder = try folder(name)
    #expect(folder.layout == layout)
    #expect(folder.hasText && folder.hasVision)
    let expected = try Golden("clip/folders/\(name)/expected").tensors()
    let model = try folder.loadModel()
    #expect(model.logitScale.value.item() == 2.5)
    // The whole model normalises what its towers do not.
    expectClose(
      model.text(ids).embeds.normalized(), try #require(expected["text"]), .network(.float32), name)
    expectClose(
      model.vision(pixels).normalized(), try #require(expected["image"]), .network(.float32), name)
    expectClose(
      model(pixels: pixels, ids: ids), try #require(expected["logits"]), .network(.float32), name)
  }

  @Test func towersAloneMatchReference() throws {
    let (text, vision) = (try folder("text"), try folder("vision"))
    #expect(text.layout == .textTower && text.hasText && !text.hasVision)
    #expect(vision.layout == .visionTower && vision.hasVision && !vision.hasText)
    expectClose(
      try text.loadText()(ids).embeds, try Golden("clip/folders/text/expected").tensor("text"),
      .network(.float32))
    expectClose(
      try vision.loadVision()(pixels),
      try Golden("clip/folders/vision/expected").tensor("image"), .network(.float32))
  }

  @Test func halfPrecisionStaysMappedAsItIs() throws {
    for (name, dtype) in [("half", DType.float16), ("bfloat16", .bfloat16)] {
      let model = try folder(name).loadModel(dtype: dtype)
      #expect(model.text.parameters().allSatisfy { $0.value.dtype == dtype })
      #expect(model.config.text.hiddenAct == .gelu)
    }
  }

  /// A whole model's folder also serves one tower alone.
  @Test func aTowerOfAWholeModel() throws {
    let url = Golden.url("clip/folders/model")
    let text = try CLIPTextModelWithProjection.load(from: url)
    #expect(text.config.projectionDim == 12 && text.config.hiddenAct == .quickGELU)
    #expect(try CLIPConfig.read(at: url.appending(path: "config.json")).vision.patchSize == 8)
  }

  @Test func whatAFolderHasBesidesWeights() throws {
    let openCLIP = try folder("open_clip").loadPreprocessor()
    #expect(openCLIP == CLIPImagePreprocessor(size: 16, convention: .openCLIP))
    let model = try folder("model").loadPreprocessor()
    #expect(model == CLIPImagePreprocessor(size: 16, convention: .transformers))
    #expect(try folder("text").logitScale() == log(100))
  }

  // MARK: Bad input

  /// A copy of a golden folder, changed.
  func copy(
    _ name: String, _ change: (URL) throws -> Void, _ body: (URL) throws -> Void
  ) throws {
    try withTemporaryFolder(copying: Golden.url("clip/folders/" + name)) { url in
      try change(url)
      try body(url)
    }
  }

  /// The message of loading a changed copy, without the path.
  func message(
    _ name: String, _ change: (URL) throws -> Void = { _ in }
  ) throws -> String {
    var text = "no error"
    try copy(name, change) { url in
      do {
        _ = try CLIPFolder(url).loadModel()
      } catch {
        text = "\(error)".replacingOccurrences(of: url.path + "/", with: "")
          .replacingOccurrences(of: url.path, with: "FOLDER")
      }
    }
    return text
  }

  /// Replaces a piece of text in a file.
  func replace(_ old: String, _ new: String, in file: URL) throws {
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text.contains(old), "\(text)")
    try text.replacingOccurrences(of: old, with: new)
      .write(to: file, atomically: true, encoding: .utf8)
  }

  func config(_ old: String, _ new: String, _ name: String = "half") throws -> String {
    let file = name.hasPrefix("open_clip") ? "open_clip_config.json" : "config.json"
    return try message(name) { try replace(old, new, in: $0.appending(path: file)) }
  }

  @Test func foldersThatAreNone() throws {
    #expect(
      try message("half") { try FileManager.default.removeItem(at: $0) }
        == "FOLDER: there is no such folder; give the folder of a CLIP or of an unCLIP model.")
    #expect(
      try message("half") {
        try FileManager.default.removeItem(at: $0.appending(path: "config.json"))
      }
        == "FOLDER holds no CLIP: neither config.json nor open_clip_config.json nor the folders "
        + "text_encoder and image_encoder are there; give a folder that has them.")
    #expect(
      try message("text") == "FOLDER has no vision tower; give the folder of a whole CLIP.")
    #expect(
      try message("vision") == "FOLDER has no text tower; give the folder of a whole CLIP.")
  }

  @Test func otherModelsAreNamed() throws {
    #expect(
      try config(
        "\"architectures\": [\n    \"CLIPTextModelWithProjection\"",
        "\"architectures\": [\n    \"CLIPTextModel\"", "text"
      )
      .hasPrefix("config.json: this is the configuration of a CLIPTextModel (\"clip_text_model\")")
    )
    let bert = try message("half") { url in
      try #"{"model_type": "bert", "architectures": ["BertModel"]}"#.write(
        to: url.appending(path: "config.json"), atomically: true, encoding: .utf8)
    }
    #expect(
      bert
        == "config.json: this is the configuration of a BertModel (\"bert\"), but a "
        + "CLIPVisionModelWithProjection or a CLIPModel is needed; give the folder of such a model."
    )
    let pipeline = try message("half") { url in
      try FileManager.default.moveItem(
        at: url.appending(path: "config.json"), to: url.appending(path: "model_index.json"))
      try #"{"_class_name": "DDPMPipeline"}"#.write(
        to: url.appending(path: "model_index.json"), atomically: true, encoding: .utf8)
    }
    #expect(
      pipeline
        == "FOLDER holds a pipeline \"DDPMPipeline\" without text_encoder and image_encoder; give "
        + "the folder of a CLIP or of an unCLIP model.")
  }

  @Test func missingAndUnfinishedFiles() throws {
    func weights(_ change: (URL) throws -> Void) throws -> String {
      try message("half") { try change($0.appending(path: "model.safetensors")) }
    }
    #expect(
      try weights { try FileManager.default.removeItem(at: $0) }
        == "model.safetensors cannot be read (there is neither this file nor an index of several): "
        + "check the path and its permissions.")
    #expect(
      try weights { file in
        try FileManager.default.moveItem(
          at: file, to: file.deletingLastPathComponent().appending(path: "pytorch_model.bin"))
      }.contains("only pytorch_model.bin is there, a pickle; `unclip convert` makes safetensors"))
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1f\nsize 1710540580\n"
    #expect(
      try weights { try pointer.write(to: $0, atomically: true, encoding: .utf8) }
        == "model.safetensors cannot be used: it is a Git LFS pointer and not the file itself; run "
        + "`git lfs pull` in that folder.")
    #expect(
      try message("half") {
        try pointer.write(
          to: $0.appending(path: "config.json"), atomically: true, encoding: .utf8)
      } == "config.json: cannot be read as a configuration: it is a Git LFS pointer and not the "
        + "file itself; run `git lfs pull` in that folder.")
    #expect(
      try weights { try Data(contentsOf: $0).dropLast(1000).write(to: $0) }
        .hasPrefix(
          "model.safetensors is damaged or of another format (it is cut short, as by a download "
            + "that did not end: "))
    #expect(
      try message("model") {
        try FileManager.default.removeItem(
          at: $0.appending(path: "model-00002-of-00004.safetensors"))
      }.hasPrefix("model-00002-of-00004.safetensors cannot be read (there is no such file"))
    #expect(
      try message("open_clip") { url in
        try FileManager.default.moveItem(
          at: url.appending(path: "open_clip_model.safetensors"),
          to: url.appending(path: "open_clip_pytorch_model.bin"))
      }.contains("only open_clip_pytorch_model.bin is there, a pickle; `unclip convert`"))
  }

  @Test func weightsThatDoNotFitAreNamed() throws {
    #expect(
      try config("\"max_position_embeddings\": 9", "\"max_position_embeddings\": 8")
        == "model.safetensors does not fit the model: 1 of another shape or kind "
        + "(text_model.embeddings.position_embedding.weight is [9, 16], not [8, 16]); use the "
        + "configuration that belongs to these weights.")
    #expect(
      try config("\"context_length\": 9", "\"context_length\": 8", "open_clip")
        == "open_clip_model.safetensors does not fit the model: 1 of another shape or kind "
        + "(positional_embedding is [9, 16], not [8, 16]); use the configuration that belongs to "
        + "these weights.")
  }

  @Test(arguments: [(Double.nan, "NaN"), (.infinity, "an infinite element")])
  func weightsThatAreNotFiniteAreNamed(_ value: Double, found: String) throws {
    let text = try message("half") { url in
      let file = url.appending(path: "model.safetensors")
      var state = try Safetensors.read(file).tensors.mapValues { $0.cloned() }
      let key = "vision_model.post_layernorm.bias"
      state[key] = try #require(state[key]) * value
      try Safetensors.write(state, to: file)
    }
    #expect(
      text
        == "model.safetensors holds a tensor \"vision_model.post_layernorm.bias\" with \(found) "
        + "where a finite value in every element is needed: get the file again, or one that fits.")
  }

  @Test func optionsThatAreNotSupportedAreNamed() throws {
    #expect(
      try config("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"").contains("'hidden_act'"))
    #expect(
      try config("\"model_type\": \"clip\"", "\"model_type\": \"clip\", \"pooling\": \"mean\"")
        == "config.json: unknown key 'pooling'; remove it or correct its spelling.")
    #expect(
      try config("\"vocab_size\": 50", "\"vocab_size\": 50, \"gated\": true")
        == "config.json (text_config_dict): unknown key 'gated'; remove it or correct its spelling."
    )
    func openCLIP(_ old: String, _ new: String) throws -> String {
      try config(old, new, "open_clip")
    }
    #expect(
      try openCLIP("\"width\": 24", "\"width\": 24, \"pool_type\": \"avg\"")
        == "open_clip_config.json (vision_cfg): 'pool_type' is \"avg\", but only \"tok\" is "
        + "supported.")
    #expect(
      try openCLIP("\"image_size\": 16", "\"image_size\": 16, \"timm_model_name\": \"convnext\"")
        .contains("'timm_model_name' is \"convnext\", but only null is supported"))
    #expect(
      try openCLIP("\"image_size\": 16,\n      \"layers\": 2", "\"layers\": [3, 4, 6, 3]")
        .contains("'vision_cfg.layers' is [3, 4, 6, 3], but a ResNet tower is not supported"))
    #expect(
      try openCLIP("\"head_width\": 8", "\"head_width\": 7")
        == "open_clip_config.json: 'vision_cfg.head_width' is 7, but it must divide the "
        + "width, which is 24.")
    #expect(
      try openCLIP("\"heads\": 2", "\"heads\": 2, \"hf_model_name\": \"roberta-base\"")
        .contains("(text_cfg): 'hf_model_name' is \"roberta-base\", but only null"))
    #expect(
      try openCLIP("\"embed_dim\": 12", "\"embed_dim\": 12, \"multimodal_cfg\": {}")
        .contains("(model_cfg): 'multimodal_cfg' is an object, but only null is supported"))
    #expect(try openCLIP("\"model_cfg\"", "\"model\"").contains("the key 'model_cfg' is missing"))
  }
}
