import CLIP
import Config
import Foundation
import TestSupport
import Testing
import TorchNN

@Suite struct CLIPConfigTests {
  /// The message that reading a text configuration gives after a change of transformers' file.
  func message(_ change: (inout [String: JSONValue]) -> Void) throws -> String? {
    var keys = try JSONDecoder().decode(
      [String: JSONValue].self, from: Data(contentsOf: Golden.url("clip/text_gelu.json")))
    change(&keys)
    let folder = try TemporaryFolder()
    let url = folder.file("config.json")
    try JSONEncoder().encode(keys).write(to: url)
    do {
      _ = try CLIPTextConfig.read(at: url)
      return nil
    } catch {
      return error.description.replacingOccurrences(of: url.path, with: "config.json")
    }
  }

  @Test func readsTransformersFile() throws {
    let config = try CLIPTextConfig.read(at: Golden.url("clip/text_gelu.json"))
    #expect(
      config
        == CLIPTextConfig(
          width: 16, innerWidth: 32, layers: 2, heads: 2, contextLength: 9, vocabularySize: 50,
          embeddingWidth: 12, activation: .gelu, endOfText: 40))
  }

  @Test func writesWhatItReads() throws {
    let folder = try TemporaryFolder()
    for preset in [CLIPConfig.tiny, .small, .vitB32, .vitL14, .vitH14, .vitH16] {
      try preset.validate()
      let (text, vision) = (folder.file("t"), folder.file("v"))
      try preset.text.encoded().write(to: text)
      try preset.vision.encoded().write(to: vision)
      #expect(try CLIPTextConfig.read(at: text) == preset.text)
      #expect(try CLIPVisionConfig.read(at: vision) == preset.vision)
    }
  }

  @Test func unknownAndMissingKeysAreNamed() throws {
    #expect(
      try message { $0["hidden_sizes"] = .number(3) }
        == "config.json: unknown key 'hidden_sizes' (did you mean 'hidden_size'?); remove it or "
        + "correct its spelling.")
    // transformers takes its own defaults for what is missing, and so does this.
    #expect(
      try message {
        $0["vocab_size"] = nil; $0["eos_token_id"] = nil
      } == nil)
    #expect(try message { $0["_name_or_path"] = .string("somewhere") } == nil)
  }

  @Test func impossibleSizesAreRefused() throws {
    #expect(
      try message { $0["num_attention_heads"] = .number(3) }
        == "config.json: 'num_attention_heads' is 3, but it must divide hidden_size, which is 16.")
    #expect(
      try message { $0["num_hidden_layers"] = .number(0) }
        == "config.json: 'num_hidden_layers' is 0, but it must be 1 to 1024.")
    #expect(
      try message { $0["max_position_embeddings"] = .number(1) }
        == "config.json: 'max_position_embeddings' is 1, but it must be 2 to 65536.")
    #expect(
      try message { $0["eos_token_id"] = .number(50) }
        == "config.json: 'eos_token_id' is 50, but ids run from 0 to 49.")
    #expect(
      try message { $0["hidden_act"] = .string("silu") }
        == "config.json: 'hidden_act' is \"silu\", but a CLIP tower has \"quick_gelu\" or \"gelu\"."
    )
    #expect(
      try message { $0["layer_norm_eps"] = .number(0) }
        == "config.json: 'layer_norm_eps' is 0.0, but it must be above 0 and at most 1.")
    #expect(
      try message { $0["dropout"] = .number(1.5) }
        == "config.json: 'dropout' is 1.5, but it must be a number from 0 to 1.")
    // Evaluation has no dropout.
    #expect(
      try message {
        $0["attention_dropout"] = .number(0.1)
        $0["dropout"] = .number(0.2)
      } == nil)
  }

  @Test func patchesFillTheImage() throws {
    var vision = CLIPConfig.tiny.vision
    vision.patchSize = 5
    #expect(
      #expect(throws: ConfigError.self) { try vision.validate(file: "config.json") }?.description
        == "config.json: 'patch_size' is 5, but it must divide image_size, which is 16.")
  }

  @Test func towersShareASpace() throws {
    var config = CLIPConfig.tiny
    config.vision.projectionDim = 8
    #expect(
      #expect(throws: ConfigError.self) { try config.validate(file: "model") }?.description
        == "model: 'projection_dim' is 8, but the text tower's is 16, and both must agree.")
  }
}
