import CLIP
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct OpenCLIPNamesTests {
  @Test func namesOfBothTowers() {
    func keys(_ name: String) -> [String]? { OpenCLIPNames.target(of: name)?.keys }
    #expect(keys("logit_scale") == ["logit_scale"])
    #expect(keys("token_embedding.weight") == ["text_model.embeddings.token_embedding.weight"])
    #expect(keys("text.ln_final.bias") == ["text_model.final_layer_norm.bias"])
    #expect(keys("visual.ln_pre.bias") == ["vision_model.pre_layrnorm.bias"])
    #expect(
      keys("visual.transformer.resblocks.11.mlp.c_fc.weight")
        == ["vision_model.encoder.layers.11.mlp.fc1.weight"])
    #expect(
      keys("transformer.resblocks.0.attn.in_proj_bias")
        == ["q", "k", "v"].map { "text_model.encoder.layers.0.self_attn.\($0)_proj.bias" })
    #expect(OpenCLIPNames.target(of: "text_projection")?.change == .transposed)
    #expect(keys("visual.layer1.0.conv1.weight") == nil)
    #expect(keys("transformer.resblocks.x.ln_1.weight") == nil)
  }

  /// Every weight of a model has a name there, and goes and comes back to its own.
  @Test func namesGoBothWays() throws {
    for key in CLIPModel(.tiny, using: RandomSource(seed: 0)).stateDict().keys {
      let name = try #require(OpenCLIPNames.source(of: key), "\(key)")
      let target = try #require(OpenCLIPNames.target(of: name), "\(name)")
      #expect(target.keys.contains(key), "\(key) is \(name), which is \(target.keys)")
    }
    #expect(OpenCLIPNames.source(of: "text_model.extra") == nil)
  }

  @Test func tensorsAreSplitAndTurned() throws {
    let matrix = Tensor.arange(0, 12).reshaped(6, 2)
    let state = try OpenCLIPNames.converted(
      [
        "visual.transformer.resblocks.1.attn.in_proj_weight": matrix, "text_projection": matrix,
        "attn_mask": matrix, "other": matrix,
      ], file: "f")
    #expect(state.count == 5)
    let key = "vision_model.encoder.layers.1.self_attn.k_proj.weight"
    expectClose(try #require(state[key]), matrix[2..<4], .exact)
    let projection = try #require(state["text_projection.weight"])
    expectClose(projection, matrix.transposed(), .exact)
    #expect(projection.isContiguous)
  }

  @Test func impossibleTensorsAreNamed() {
    let vector = Tensor.ones([4])
    for (key, expected) in [
      ("text_projection", "a matrix"),
      (
        "transformer.resblocks.0.attn.in_proj_bias",
        "queries, keys and values as rows in thirds"
      ),
    ] {
      let error = #expect(throws: CheckpointError.self) {
        try OpenCLIPNames.converted([key: vector], file: "f")
      }
      #expect(
        error
          == .badTensor(file: "f", key: key, expected: expected, found: "the shape [4]"))
    }
  }
}
