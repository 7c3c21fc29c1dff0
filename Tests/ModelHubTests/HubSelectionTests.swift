import TestSupport
import Testing

@testable import ModelHub

@Suite struct HubSelectionTests {

  /// The paths that are taken of `paths`, and the pickles among them.
  private func taken(
    _ paths: [String], variant: String? = nil
  ) throws -> (files: [String], pickles: [String]) {
    let files = paths.map {
      HubFile(path: $0, size: 10, blob: String(repeating: "a", count: 40))
    }
    let selection = try HubSelection(
      of: HubTree(commit: String(repeating: "c", count: 40), files: files), variant: variant,
      repository: HubRepository("a/b"))
    return (selection.files.map(\.path), selection.pickles)
  }

  private let karlo = [
    ".gitattributes", "README.md", "assets/example.jpg", "decoder/config.json",
    "decoder/diffusion_pytorch_model.bin", "decoder/diffusion_pytorch_model.safetensors",
    "decoder_scheduler/scheduler_config.json", "model_index.json", "prior/config.json",
    "prior/diffusion_pytorch_model.bin", "prior/diffusion_pytorch_model.fp16.bin",
    "prior/diffusion_pytorch_model.fp16.safetensors", "prior/diffusion_pytorch_model.safetensors",
    "text_encoder/config.json", "text_encoder/model.safetensors", "text_encoder/pytorch_model.bin",
    "tokenizer/merges.txt", "tokenizer/special_tokens_map.json", "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json", "v1.safetensors", "unet/model.onnx",
  ]

  @Test func takesSafetensorsOfEachPart() throws {
    let found = try taken(karlo)
    #expect(
      found.files == [
        "decoder/config.json", "decoder/diffusion_pytorch_model.safetensors",
        "decoder_scheduler/scheduler_config.json", "model_index.json", "prior/config.json",
        "prior/diffusion_pytorch_model.safetensors", "text_encoder/config.json",
        "text_encoder/model.safetensors", "tokenizer/merges.txt",
        "tokenizer/special_tokens_map.json", "tokenizer/tokenizer_config.json",
        "tokenizer/vocab.json",
      ])
    #expect(found.pickles.isEmpty)
  }

  @Test func takesAVariantWhereThereIsOne() throws {
    let found = try taken(karlo, variant: "fp16").files.filter { $0.contains("diffusion_") }
    #expect(
      found == [
        "decoder/diffusion_pytorch_model.safetensors",
        "prior/diffusion_pytorch_model.fp16.safetensors",
      ])
    #expect(throws: HubError.noVariant("bf16", of: "a/b", known: ["fp16"])) {
      try taken(karlo, variant: "bf16")
    }
    // Lower precision stands for plain weights that are not there, another variant does not.
    #expect(
      try taken(["config.json", "model.fp16.safetensors", "model.non_ema.safetensors"]).files
        == ["config.json", "model.fp16.safetensors"])
    #expect(throws: HubError.self) { try taken(["config.json", "model.non_ema.safetensors"]) }
  }

  @Test func takesShardsWithTheirIndex() throws {
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    let bins = ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"]
    let index = "model.safetensors.index.json"
    #expect(
      try taken(["config.json", index] + bins + shards).files == ["config.json"] + shards + [index])
    let halves = [
      "model.fp16-00001-of-00002.safetensors", "model.fp16-00002-of-00002.safetensors",
      "model.safetensors.index.fp16.json",
    ]
    #expect(
      try taken(["config.json", index] + shards + halves, variant: "fp16").files
        == ["config.json"] + halves)
    // Whole weights need no index.
    #expect(
      try taken(["config.json", index, "model.safetensors"] + shards).files
        == ["config.json", "model.safetensors"])
  }

  @Test func takesPicklesWhereThereIsNothingElse() throws {
    let bins = ["prior/config.json", "prior/diffusion_pytorch_model.bin"]
    let found = try taken(
      ["model_index.json", "text_encoder/config.json", "text_encoder/model.safetensors"] + bins)
    #expect(found.pickles == ["prior/diffusion_pytorch_model.bin"])
    #expect(found.files.contains("text_encoder/model.safetensors"))
    #expect(try taken(["ViT-L-14.pt", "README.md"]).pickles == ["ViT-L-14.pt"])
    #expect(
      try taken(["prior.ckpt", "ViT-L-14_stats.th", "sub/x.ckpt"]).files
        == ["ViT-L-14_stats.th", "prior.ckpt"])
  }

  @Test func takesOneLayoutOfACLIP() throws {
    let both = [
      "config.json", "merges.txt", "open_clip_config.json", "preprocessor_config.json",
      "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "vocab.json",
    ]
    #expect(
      try taken(both + ["model.safetensors", "open_clip_model.safetensors"]).files == [
        "config.json", "merges.txt", "model.safetensors", "preprocessor_config.json", "vocab.json",
      ])
    #expect(
      try taken(both + ["open_clip_pytorch_model.safetensors"]).files == [
        "config.json", "merges.txt", "open_clip_config.json",
        "open_clip_pytorch_model.safetensors", "preprocessor_config.json", "vocab.json",
      ])
    let alone = ["model.safetensors", "open_clip_config.json"]
    #expect(try taken(alone).files == alone)
  }

  @Test func refusesWhatIsNoModel() throws {
    #expect(throws: HubError.noModel("a/b", files: ["README.md", "model.gguf"])) {
      try taken(["model.gguf", "README.md"])
    }
    #expect(
      sentence { try taken(["1", "2", "3", "4", "5"]) }
        == "a/b has no model that unclip reads, only 1, 2, 3 and 2 more; name a model of CLIP or "
        + "unCLIP, or pull every file with --all.")
    #expect(sentence { try taken([]) }.contains("but no files at all; name"))
  }
}
