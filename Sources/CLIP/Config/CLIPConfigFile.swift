public import Config
public import Foundation
import TorchNN

/// A `config.json` of a CLIP of transformers: a tower's own, or a whole model's with both towers
/// nested in it.
///
/// Source: transformers `configuration_clip.py`.
package enum CLIPConfigFile {
  /// A tower that a configuration may describe.
  package enum Tower {
    case text, vision

    /// The `model_type` of the tower's own configuration.
    var modelType: String { self == .text ? "clip_text_model" : "clip_vision_model" }
    /// The class in transformers of a tower with projection.
    var transformersClass: String {
      self == .text ? "CLIPTextModelWithProjection" : "CLIPVisionModelWithProjection"
    }
    /// The key of the tower in a whole model's configuration.
    var section: String { self == .text ? "text_config" : "vision_config" }

    /// What transformers takes for keys that are not there.
    var defaults: [String: JSONValue] {
      var values: [String: Double] = [
        "projection_dim": 512, "num_hidden_layers": 12, "layer_norm_eps": 1e-5,
      ]
      let own: [String: Double] =
        switch self {
        case .text:
          [
            "vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048,
            "num_attention_heads": 8, "max_position_embeddings": 77, "eos_token_id": 49407,
          ]
        case .vision:
          [
            "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
            "image_size": 224, "patch_size": 32,
          ]
        }
      values.merge(own) { $1 }
      return values.mapValues { .number($0) }.merging(["hidden_act": .string("quick_gelu")]) { $1 }
    }
  }

  /// Returns whether a configuration is a whole model's.
  static func isWhole(_ object: [String: JSONValue]) -> Bool {
    object["model_type"] == .string("clip")
      || (object["model_type"] == nil && (object["text_config"] ?? object["vision_config"]) != nil)
  }

  /// Reads the keys of one tower from the file at `url`, and the name for errors about them.
  ///
  /// - Throws: `ConfigError.otherModel` for another model, `.unknownKeys` and `.invalid` for keys
  ///   around a nested tower.
  static func tower(
    _ tower: Tower, at url: URL
  ) throws(ConfigError) -> (keys: [String: JSONValue], file: String) {
    let object = try ConfigFile.object(at: url)
    try check(object, holds: tower, file: url.path)
    guard isWhole(object) else { return (object, url.path) }
    try checkSurroundings(object, file: url.path)
    // transformers lets `text_config_dict`, from before 2022, replace all of `text_config`.
    let key = [tower.section + "_dict", tower.section].first { key in
      object[key].map { $0 != .null } ?? false
    }
    var keys: [String: JSONValue] = [:]
    if let key, let section = object[key] {
      guard case .object(let own) = section else {
        throw ConfigError.invalid(
          file: url.path, key: key, value: section.text, expected: "it must be an object")
      }
      keys = own
    }
    // The whole model's width overrides the towers'.
    let width = object["projection_dim"] ?? .null
    keys["projection_dim"] = width == .null ? .number(512) : width
    return (keys, "\(url.path) (\(key ?? tower.section))")
  }

  /// Refuses another model or tower, and names it.
  private static func check(
    _ object: [String: JSONValue], holds tower: Tower, file: String
  ) throws(ConfigError) {
    var type: String?
    if case .string(let name)? = object["model_type"] { type = name }
    var classes: [String] = []
    if case .array(let names)? = object["architectures"] {
      classes = names.compactMap { if case .string(let name) = $0 { name } else { nil } }
    }
    if isWhole(object) { return }
    let known: Set = [tower.transformersClass, "CLIPModel"]
    let isKnown = classes.isEmpty || classes.contains(where: known.contains)
    if type ?? tower.modelType == tower.modelType, isKnown { return }
    let name = classes.first.map { "a \($0)" } ?? "a model"
    let found = type.map { "\(name) (\"\($0)\")" } ?? name
    throw ConfigError.otherModel(
      file: file, found: found, needed: "a \(tower.transformersClass) or a CLIPModel")
  }

  private static func checkSurroundings(
    _ object: [String: JSONValue], file: String
  ) throws(ConfigError) {
    let known: Set = [
      "text_config", "vision_config", "text_config_dict", "vision_config_dict", "projection_dim",
      "logit_scale_init_value",
    ]
    let unknown = object.filter { key, value in
      !known.contains(key) && !CLIPConfigKeys.ignored.contains(key) && value != .null
    }
    guard unknown.isEmpty else {
      throw ConfigError.unknownKeys(file: file, keys: unknown.keys.sorted())
    }
  }
}

extension CLIPConfig {
  /// Reads the `config.json` of a transformers `CLIPModel`.
  ///
  /// - Throws: `ConfigError` for unreadable, unknown or impossible keys and for another model.
  public static func read(at url: URL) throws(ConfigError) -> CLIPConfig {
    let text = try CLIPTextConfig.read(at: url)
    let vision = try CLIPVisionConfig.read(at: url)
    return CLIPConfig(text: text, vision: vision)
  }
}
