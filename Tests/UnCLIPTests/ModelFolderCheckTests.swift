import CLIP
import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

/// Parts of a folder that do not belong together are named before any network runs.
@Suite struct ModelFolderCheckTests {
  private let model: TinyModel

  init() throws { model = try TinyModel() }

  /// Changes one key of a part's configuration.
  private func set(_ part: ModelFolder.Part, _ key: String, _ value: JSONValue) throws {
    let file = model.folder.configuration(of: part)
    var object = try ConfigFile.object(at: file)
    #expect(object[key] != nil, "\(key) is not in \(part)")
    object[key] = value
    try ConfigFile.encode(object).write(to: file)
  }

  private func weights(_ part: ModelFolder.Part) -> URL {
    model.folder.folder(of: part).appending(path: "diffusion_pytorch_model.safetensors")
  }

  @Test func partsOfOneModelFit() throws { try model.folder.checkFit() }

  @Test func thePublishedPipelineFits() throws {
    try ModelFolder(Golden.url("pipeline/model")).checkFit()
  }

  @Test(arguments: [
    (
      ModelFolder.Part.imageEncoder, "projection_dim", 8.0,
      "'projection_dim' of image_encoder is 8, but 'projection_dim' of text_encoder is 16"
    ),
    (
      .prior, "embedding_dim", 8,
      "'embedding_dim' of prior is 8, but 'projection_dim' of text_encoder is 16"
    ),
    (
      .prior, "num_embeddings", 5,
      "'num_embeddings' of prior is 5, but text_encoder gives 12 tokens"
    ),
    (
      .textProjection, "clip_embeddings_dim", 8,
      "'clip_embeddings_dim' of text_proj is 8, but 'projection_dim' of text_encoder is 16"
    ),
    (
      .textProjection, "cross_attention_dim", 24,
      "'cross_attention_dim' of text_proj is 24, but 'cross_attention_dim' of decoder is 16"
    ),
    (
      .textProjection, "time_embed_dim", 33,
      "'time_embed_dim' of text_proj is 33, but decoder takes 32"
    ),
    (
      .decoder, "in_channels", 4,
      "'in_channels' of decoder is 4, but a decoder without an image_hint takes 3"
    ),
    (
      .decoder, "out_channels", 3,
      "'out_channels' of decoder is 3, but decoder_scheduler learns the variance, which takes 6"
    ),
    (
      .upsampler, "in_channels", 3,
      "'in_channels' of super_res_first is 3, but an upsampler takes 6"
    ),
    (
      .upsampler, "out_channels", 5,
      "'out_channels' of super_res_first is 5, but an image has 3 channels"
    ),
    (
      .upsampler, "sample_size", 32,
      "'sample_size' of super_res_first is 32, but decoder makes 16, which is enlarged to 64"
    ),
    (
      .priorScheduler, "num_train_timesteps", 10,
      "'num_train_timesteps' of prior_scheduler is 10, but prior is sampled in 25 steps"
    ),
  ])
  func namesTheNumberThatDoesNotFit(
    part: ModelFolder.Part, key: String, value: Double, fault: String
  ) throws {
    try set(part, key, .number(value))
    let text = sentence { try model.folder.checkFit() }
    #expect(text.contains(fault), "\(text)")
    #expect(text.hasPrefix(model.folder.url.path) && text.hasSuffix("."), "\(text)")
    #expect(sentence { try UnCLIPPipeline(model.folder) } == text)
  }

  @Test func aSecondUpsamplerBelongsToTheFirst() throws {
    let first = try model.folder.loadUpsampler()
    func save(_ size: Int) throws {
      var config = first.unet.config
      config.sampleSize = size
      let unet = UNet(config, using: RandomSource(seed: 2))
      try model.folder.saveUpsampler(
        Upsampler(unet: unet, scheduler: first.scheduler), as: .second, dtype: .float32)
    }
    try save(128)
    #expect(
      sentence { try model.folder.checkFit() }.contains(
        "'sample_size' of super_res_second is 128, but decoder makes 16, which is enlarged to 256"))
    try save(256)
    try model.folder.checkFit()
    #expect(try UnCLIPPipeline(model.folder).sizes == [16, 64, 256])
    try FileManager.default.removeItem(
      at: model.folder.folder(of: .secondUpsamplerScheduler))
    #expect(
      sentence { try model.folder.checkFit() }.contains(
        "has no 'super_res_second_scheduler' folder"))
    try save(256)
    try FileManager.default.removeItem(at: model.folder.folder(of: .upsampler))
    #expect(
      sentence { try model.folder.checkFit() }.contains("has no 'super_res_first' folder"))
  }

  @Test func theDefaultSizeIsOneOfTheModels() throws {
    var defaults = try ModelDefaults.read(from: model.folder)
    for size in [16, 64] {
      defaults.size = size
      try model.folder.writeDefaults(defaults)
      let pipeline = try UnCLIPPipeline(model.folder)
      #expect(try pipeline.settings(for: ImageRequest(prompt: "")).size == size)
    }
    defaults.size = 256
    try model.folder.writeDefaults(defaults)
    #expect(
      sentence { try UnCLIPPipeline(model.folder) }.contains(
        "'size' is 256, but this model makes images of 16 or 64"))
  }

  @Test func aPriorThatLearnsItsVarianceIsRefused() throws {
    try set(.priorScheduler, "variance_type", .string("learned_range"))
    #expect(sentence { try model.folder.checkFit() }.contains("a prior predicts no variance"))
  }

  @Test func aNetworkWithoutItsProcessIsNamed() throws {
    try FileManager.default.removeItem(at: model.folder.folder(of: .decoderScheduler))
    #expect(
      sentence { try model.folder.checkFit() }.contains("has no 'decoder_scheduler' folder"))
  }

  @Test func aFolderWithSomePartsIsCheckedForThose() throws {
    for part in [ModelFolder.Part.prior, .priorScheduler, .imageEncoder, .textEncoder] {
      try FileManager.default.removeItem(at: model.folder.folder(of: part))
    }
    try model.folder.checkFit()
    try set(.textProjection, "cross_attention_dim", .number(24))
    #expect(throws: ModelFolderError.self) { try model.folder.checkFit() }
  }

  @Test func pointersInPlaceOfWeightsAreNamed() throws {
    try Data("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".utf8)
      .write(to: weights(.upsampler))
    let text = sentence { try UnCLIPPipeline(model.folder) }
    #expect(text.contains("super_res_first") && text.contains("git lfs pull"), "\(text)")
  }

  @Test func missingWeightsAreNamed() throws {
    try FileManager.default.removeItem(at: weights(.decoder))
    let text = sentence { try UnCLIPPipeline(model.folder) }
    #expect(text.contains("/decoder/") && text.contains("cannot be read"), "\(text)")
  }

  @Test func missingAndMisshapenKeysAreNamed() throws {
    var state = try Safetensors.read(weights(.decoder)).tensors
    state["conv_in.bias"] = nil
    state["conv_out.bias"] = Tensor.zeros([7])
    try Safetensors.write(state, to: weights(.decoder))
    let text = sentence { try UnCLIPPipeline(model.folder) }
    #expect(text.contains("1 missing (conv_in.bias)"), "\(text)")
    #expect(text.contains("conv_out.bias is [7], not [6]"), "\(text)")
  }

  /// A network is compared with its file before it takes memory or time.
  @Test func sizesThatNoFileHasAreRefusedAtOnce() throws {
    try set(.prior, "num_layers", .number(1_000))
    let layers = sentence { try model.folder.loadPrior() }
    #expect(layers.contains("weights of 1000 blocks, where it holds"), "\(layers)")
    try set(.prior, "num_layers", .number(2))
    // Tens of gigabytes of weights.
    try set(.prior, "attention_head_dim", .number(8_000))
    let width = sentence { try model.folder.loadPrior() }
    #expect(width.contains("of another shape") && width.contains("16000"), "\(width)")
  }

  @Test func assembleRefusesPartsOfTwoModels() throws {
    try set(.prior, "num_embeddings", .number(5))
    let text = sentence {
      try model.sibling.assemble(
        from: [model.folder], dtype: .float32, defaults: ModelDefaults(name: "mixed"))
    }
    #expect(text.contains("text_encoder gives 12 tokens"), "\(text)")
    #expect(!FileManager.default.fileExists(atPath: model.sibling.url.path))
  }
}
