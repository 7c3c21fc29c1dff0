import CLIP
import Config
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct CLIPModelFilesTests {
  /// Calls `body` with a folder that holds a tiny model.
  func withModel(
    dtype: DType? = nil, _ body: (CLIPModel, URL) throws -> Void
  ) throws {
    let model = CLIPModel(.tiny, using: RandomSource(seed: 6))
    let tokenizer = CLIPTokenizer.train(on: [], vocabularySize: 514, contextLength: 12)
    try withTemporaryFolder { folder in
      try model.save(to: folder, tokenizer: tokenizer, dtype: dtype)
      try body(model, folder)
    }
  }

  @Test func modelComesBackExactly() throws {
    try withModel { model, folder in
      let read = try CLIPModel.load(from: folder)
      #expect(read.config == model.config)
      let state = read.stateDict()
      for (key, value) in model.stateDict() {
        expectClose(try #require(state[key]), value, .exact, key)
      }
      #expect(try CLIPTokenizer(folder: folder.appending(path: "tokenizer")).contextLength == 12)
      let features = folder.appending(path: "feature_extractor/preprocessor_config.json")
      #expect(try CLIPImagePreprocessor(contentsOf: features).size == 16)
    }
  }

  @Test func aModelThatWasReadCanBeTrained() throws {
    try withModel { _, folder in
      let read = try CLIPModel.load(from: folder)
      let weight = try #require(read.parameters().first)
      let images = read.vision(Tensor.ones([2, 3, 16, 16]))
      let texts = read.text(Tensor([512, 1, 513, 512, 2, 513], shape: [2, 3]))
      read.contrastiveLoss(imageEmbeds: images, textEmbeds: texts.embeds).backward()
      #expect(weight.gradient != nil)
      Adam(read, learningRate: 1e-3).step()
      // The file was mapped, not opened for writing.
      let again = try CLIPModel.load(from: folder)
      #expect(again.parameters().first?.value.isFinite().all().item() == 1)
    }
  }

  @Test func halfPrecisionFilesAreSmallerAndWiden() throws {
    try withModel(dtype: .float16) { model, folder in
      let read = try CLIPModel.load(from: folder)
      #expect(read.parameters().allSatisfy { $0.value.dtype == .float32 })
      let pixels = RandomSource(seed: 1).normal([1, 3, 16, 16])
      expectClose(read.vision(pixels), model.vision(pixels), .network(.float16))
      let half = try CLIPTextModelWithProjection.load(
        from: folder.appending(path: "text_encoder"), dtype: .float16)
      #expect(half.parameters().allSatisfy { $0.value.dtype == .float16 })
    }
  }

  @Test func oldPositionIDsAreIgnoredAndNothingElse() throws {
    try withModel { _, folder in
      let file = folder.appending(path: "text_encoder/model.safetensors")
      var state = try Safetensors.read(file).tensors.mapValues { $0.cloned() }
      state["text_model.embeddings.position_ids"] = Tensor.indices(12).reshaped(1, 12)
      try Safetensors.write(state, to: file)
      _ = try CLIPTextModelWithProjection.load(from: folder.appending(path: "text_encoder"))
      state["text_model.extra"] = Tensor.ones([1])
      try Safetensors.write(state, to: file)
      let error = #expect(throws: CheckpointError.self) {
        try CLIPTextModelWithProjection.load(from: folder.appending(path: "text_encoder"))
      }
      #expect(try #require(error).description.contains("1 not known here (text_model.extra)"))
    }
  }

  @Test func logitScaleOfPublicTowersIsOneHundred() throws {
    try withModel { model, folder in
      try model.vision.save(to: folder.appending(path: "image_encoder"))
      let read = try CLIPModel.load(from: folder)
      #expect(abs(read.logitScale.value.item() - log(100.0)) < 1e-6)
    }
  }

  @Test func missingFilesAreNamed() throws {
    try withModel { _, folder in
      let encoder = folder.appending(path: "image_encoder")
      try FileManager.default.removeItem(at: encoder.appending(path: "model.safetensors"))
      let weights = #expect(throws: CheckpointError.self) {
        try CLIPVisionModelWithProjection.load(from: encoder)
      }
      #expect(try #require(weights).description.contains("image_encoder/model.safetensors"))
      try FileManager.default.removeItem(at: encoder.appending(path: "config.json"))
      let config = #expect(throws: ConfigError.self) {
        try CLIPVisionModelWithProjection.load(from: encoder)
      }
      #expect(try #require(config).description.contains("there is no such file"))
    }
  }

  @Test func foldersThatCannotBeMadeAreNamed() throws {
    let model = CLIPModel(.tiny, using: RandomSource(seed: 6))
    let error = #expect(throws: CheckpointError.self) {
      try model.text.save(to: URL(fileURLWithPath: "/dev/null/text_encoder"))
    }
    #expect(
      try #require(error).description.hasPrefix(
        "/dev/null/text_encoder/config.json cannot be written"))
  }
}
