public import Config
public import Foundation
import TorchNN

/// An `open_clip_config.json`: sizes of both towers and how images are prepared.
///
/// Unsupported options (other poolings, ResNets, timm and Hugging Face towers, captioning heads)
/// are refused by name.
/// Source: open_clip `model.py`: `CLIPVisionCfg`, `CLIPTextCfg`; `transform.py`: `PreprocessCfg`.
public struct OpenCLIPConfig: Sendable, Equatable {
  /// The sizes; the end token is the largest id of a sequence.
  public var clip: CLIPConfig
  /// How open_clip prepares images for the vision tower.
  public var preprocessor: CLIPImagePreprocessor

  /// Reads the file.
  ///
  /// - Throws: `ConfigError` for unreadable, unknown or impossible keys and unsupported options.
  public static func read(at url: URL) throws(ConfigError) -> OpenCLIPConfig {
    let object = try ConfigFile.object(at: url)
    let file = url.path
    guard let model = try section("model_cfg", of: object, file: file) else {
      throw ConfigError.missingKey(file: file, key: "model_cfg")
    }
    let vision = try section("vision_cfg", of: model, file: file)
    let text = try section("text_cfg", of: model, file: file)
    guard var vision else { throw ConfigError.missingKey(file: file, key: "vision_cfg") }
    guard let text else { throw ConfigError.missingKey(file: file, key: "text_cfg") }
    if case .array(let blocks)? = vision["layers"] {
      throw ConfigError.invalid(
        file: file, key: "vision_cfg.layers", value: JSONValue.array(blocks).text,
        expected: "a ResNet tower is not supported, only a Vision Transformer's number of blocks")
    }
    vision["image_size"] = try square(vision["image_size"], file: file)
    var top = model
    (top["vision_cfg"], top["text_cfg"]) = (nil, nil)
    let config = try towers(top, vision: vision, text: text, file: file)
    try config.validate(file: file)
    return OpenCLIPConfig(
      clip: config,
      preprocessor: try preprocessor(
        of: try section("preprocess_cfg", of: object, file: file) ?? [:],
        size: config.vision.imageSize, file: file))
  }

  private static func towers(
    _ top: [String: JSONValue], vision: [String: JSONValue], text: [String: JSONValue],
    file: String
  ) throws(ConfigError) -> CLIPConfig {
    let model = try decode(Model.self, top, Model.fixed, Model.ignored, "\(file) (model_cfg)")
    let v = try decode(Vision.self, vision, Vision.fixed, Vision.ignored, "\(file) (vision_cfg)")
    let t = try decode(Text.self, text, Text.fixed, Text.ignored, "\(file) (text_cfg)")
    let activation: Activation = model.quick_gelu == true ? .quickGELU : .gelu
    let check = ConfigCheck(file: file)
    let (width, headWidth) = (v.width ?? 768, v.head_width ?? 64)
    try check.section("vision_cfg").count("width", width)
    try check.section("vision_cfg").count("head_width", headWidth)
    try check.section("vision_cfg").divides("head_width", headWidth, width, of: "the width")
    let textWidth = t.width ?? 512
    try check.count("embed_dim", model.embed_dim)
    try check.section("text_cfg").count(
      "context_length", t.context_length ?? 77, in: 2...ConfigLimit.positions)
    try check.section("text_cfg").count("width", textWidth)
    for (name, ratio) in [("vision_cfg", v.mlp_ratio), ("text_cfg", t.mlp_ratio)] {
      try check.section(name).number("mlp_ratio", ratio ?? 4, in: 0.01...16)
    }
    func inner(_ width: Int, _ ratio: Double?) -> Int { Int(Double(width) * (ratio ?? 4)) }
    return CLIPConfig(
      text: CLIPTextConfig(
        width: textWidth, innerWidth: inner(textWidth, t.mlp_ratio), layers: t.layers ?? 12,
        heads: t.heads ?? 8, contextLength: t.context_length ?? 77,
        vocabularySize: t.vocab_size ?? 49408, embeddingWidth: model.embed_dim,
        activation: activation),
      vision: CLIPVisionConfig(
        width: width, innerWidth: inner(width, v.mlp_ratio), layers: v.layers ?? 12,
        heads: width / headWidth, imageSize: v.image_size ?? 224, patchSize: v.patch_size ?? 16,
        embeddingWidth: model.embed_dim, activation: activation))
  }

  private static func preprocessor(
    of keys: [String: JSONValue], size: Int, file: String
  ) throws(ConfigError) -> CLIPImagePreprocessor {
    var keys = keys
    keys["size"] = try square(keys["size"], file: file)
    // At inference "random" means bicubic.
    if keys["interpolation"] == .string("random") { keys["interpolation"] = nil }
    let name = "\(file) (preprocess_cfg)"
    let found = try decode(Images.self, keys, Images.fixed, Images.ignored, name)
    let mean = found.mean ?? CLIPImagePreprocessor.stockMean
    let deviation = found.std ?? CLIPImagePreprocessor.stockDeviation
    let check = ConfigCheck(file: name)
    try CLIPImagePreprocessor.check(mean, "mean", deviation, "std", check)
    guard found.size == nil || found.size == size else {
      throw ConfigError.invalid(
        file: name, key: "size", value: "\(found.size ?? 0)",
        expected: "the vision tower takes images of \(size)")
    }
    return CLIPImagePreprocessor(
      size: size, mean: mean, deviation: deviation, convention: .openCLIP)
  }

  private static func decode<T: Codable>(
    _ type: T.Type, _ keys: [String: JSONValue], _ fixed: [String: JSONValue],
    _ ignored: Set<String>, _ file: String
  ) throws(ConfigError) -> T {
    try ConfigFile.decode(
      type, from: ConfigFile.encode(keys), file: file, fixed: fixed, ignored: ignored)
  }

  private static func section(
    _ key: String, of object: [String: JSONValue], file: String
  ) throws(ConfigError) -> [String: JSONValue]? {
    switch object[key] {
    case nil, .null?: return nil
    case .object(let members)?: return members
    case let other?:
      throw ConfigError.invalid(
        file: file, key: key, value: other.text, expected: "it must be an object")
    }
  }

  /// Returns a side given once, or twice as `[side, side]`.
  private static func square(_ value: JSONValue?, file: String) throws(ConfigError) -> JSONValue? {
    guard case .array(let sides)? = value else { return value }
    guard sides.count == 2, sides[0] == sides[1] else {
      throw ConfigError.invalid(
        file: file, key: "image_size", value: JSONValue.array(sides).text,
        expected: "a vision tower takes squares")
    }
    return sides[0]
  }
}

/// `model_cfg` without the towers.
private struct Model: Codable {
  var embed_dim: Int
  var quick_gelu: Bool?

  static let fixed: [String: JSONValue] = [
    "multimodal_cfg": .null, "init_logit_bias": .null, "nonscalar_logit_scale": .bool(false),
  ]
  static let ignored: Set<String> = [
    "custom_text", "init_logit_scale", "cast_dtype", "output_dict",
  ]
}

/// `vision_cfg`.
private struct Vision: Codable {
  var layers: Int?
  var width: Int?
  var head_width: Int?
  var mlp_ratio: Double?
  var patch_size: Int?
  var image_size: Int?

  static let fixed: [String: JSONValue] = [
    "ls_init_value": .null, "attentional_pool": .bool(false), "no_ln_pre": .bool(false),
    "pos_embed_type": .string("learnable"), "final_ln_after_pool": .bool(false),
    "pool_type": .string("tok"), "global_average_pool": .bool(false),
    "input_patchnorm": .bool(false),
    "act_kwargs": .null, "norm_kwargs": .null, "timm_model_name": .null, "block_type": .null,
    "qk_norm": .bool(false),
  ]
  /// Keys that affect only training, or heads that are absent.
  static let ignored: Set<String> = [
    "patch_dropout", "output_tokens", "attn_pooler_queries", "attn_pooler_heads",
    "timm_model_pretrained", "timm_pool", "timm_proj", "timm_proj_bias", "timm_drop",
    "timm_drop_path",
  ]
}

/// `text_cfg`.
private struct Text: Codable {
  var context_length: Int?
  var vocab_size: Int?
  var width: Int?
  var heads: Int?
  var layers: Int?
  var mlp_ratio: Double?

  static let fixed: [String: JSONValue] = [
    "ls_init_value": .null, "embed_cls": .bool(false), "no_causal_mask": .bool(false),
    "final_ln_after_pool": .bool(false), "pool_type": .string("argmax"),
    "proj_type": .string("linear"), "proj_bias": .bool(false), "act_kwargs": .null,
    "norm_kwargs": .null, "hf_model_name": .null, "hf_tokenizer_name": .null,
    "tokenizer_kwargs": .null, "block_type": .null, "qk_norm": .bool(false),
  ]
  static let ignored: Set<String> = [
    "pad_id", "output_tokens", "hf_model_pretrained", "hf_proj_type", "hf_pooler_type",
    "correct_cls_mask",
  ]
}

/// `preprocess_cfg`.
private struct Images: Codable {
  var size: Int?
  var mean: [Double]?
  var std: [Double]?

  static let fixed: [String: JSONValue] = [
    "mode": .string("RGB"), "interpolation": .string("bicubic"),
    "resize_mode": .string("shortest"),
  ]
  /// The colour of a border, which a resize of the shortest side never leaves.
  static let ignored: Set<String> = ["fill_color"]
}
