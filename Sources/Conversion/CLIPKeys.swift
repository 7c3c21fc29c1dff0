import CLIP
import Config
import Foundation
import Torch
import TorchNN
import UnCLIP

/// Converts CLIP's towers from the three ways in which their weights are named.
struct CLIPKeys {
  let file: WeightFile
  let options: ConversionOptions
  private var map: KeyMap

  init(_ file: WeightFile, _ options: ConversionOptions) {
    self.file = file
    self.options = options
    map = KeyMap(file.tensors, file: file.url.path)
  }

  /// Whether the keys are those of openai/CLIP and open_clip.
  static func isOriginal(_ tensors: [String: Tensor]) -> Bool {
    tensors.keys.contains { $0.hasPrefix("visual.") }
      && (tensors["token_embedding.weight"] != nil
        || tensors["text.token_embedding.weight"] != nil)
  }

  /// Whether the keys are those of transformers.
  static func isTransformers(_ tensors: [String: Tensor]) -> Bool {
    tensors["text_model.embeddings.token_embedding.weight"] != nil
      || tensors["vision_model.embeddings.class_embedding"] != nil
  }

  /// Converts the towers, with their preprocessor.
  ///
  /// - Throws: `ConversionError`, `CheckpointError`, `ConfigError`.
  mutating func parts() throws -> [ConvertedPart] {
    do {
      return try transformersParts()
    } catch let error as CheckpointError where Self.isOriginal(file.tensors) {
      throw error.inOpenCLIPNames
    }
  }

  private mutating func transformersParts() throws -> [ConvertedPart] {
    var isOpenAI = file.isScript
    if Self.isOriginal(file.tensors) {
      guard map.rest["visual.class_embedding"] != nil else {
        throw ConversionError.unsupported(
          file: file.url.path, reason: "its vision tower is a ResNet or of another library")
      }
      let scalars = ["input_resolution", "context_length", "vocab_size"]
      isOpenAI = isOpenAI || scalars.allSatisfy { map.rest[$0] != nil }
      map.drop { OpenCLIPNames.ignored.contains($0) || $0 == "logit_bias" }
      try renameOriginal()
    } else {
      map.drop { $0.hasSuffix(".position_ids") }
      for key in map.rest.keys.sorted() where key != "logit_scale" { map.move(key, to: key) }
    }
    let activation = try activation(isOpenAI: isOpenAI)
    let scale = map.optional("logit_scale")
    var parts: [ConvertedPart] = []
    if map.taken.keys.contains(where: { $0.hasPrefix("text_model.") }) {
      parts.append(try text(activation))
    }
    if map.taken.keys.contains(where: { $0.hasPrefix("vision_model.") }) {
      parts += try vision(activation, scale: scale)
    }
    return parts
  }

  private func activation(isOpenAI: Bool) throws -> Activation {
    if let known = options.activation ?? (isOpenAI ? .quickGELU : nil) { return known }
    if Self.isTransformers(file.tensors), let beside = try activationBeside() { return beside }
    throw ConversionError.ambiguous(
      file: file.url.path, question: "the nonlinearity of its feed-forward layers",
      answer: "add --activation quick_gelu for OpenAI's weights, or --activation gelu for "
        + "LAION's; the wrong one loads and gives wrong embeddings")
  }

  /// The activation in the `config.json` beside a transformers file; QuickGELU where it names none.
  private func activationBeside() throws -> Activation? {
    let url = file.url.deletingLastPathComponent().appendingPathComponent("config.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    struct Config: Decodable {
      struct Tower: Decodable { let hidden_act: Activation? }
      let hidden_act: Activation?
      let text_config: Tower?
      let vision_config: Tower?
    }
    do {
      let config = try JSONDecoder().decode(Config.self, from: Data(contentsOf: url))
      return config.hidden_act ?? config.text_config?.hidden_act
        ?? config.vision_config?.hidden_act ?? .quickGELU
    } catch {
      throw CheckpointError.malformed(
        file: url.path, reason: "it is no configuration of a CLIP that is known here")
    }
  }

  /// Renames the entries of openai/CLIP and open_clip to those of transformers.
  private mutating func renameOriginal() throws(CheckpointError) {
    for key in map.rest.keys.sorted() where key != "logit_scale" {
      guard let target = OpenCLIPNames.target(of: key), let tensor = map.optional(key) else {
        continue
      }
      let parts = try OpenCLIPNames.tensors(
        of: tensor, key: key, change: target.change, file: map.file)
      for (name, part) in zip(target.keys, parts) { map.put(part, as: name) }
    }
  }

  // MARK: Shapes

  private func shape(_ key: String, axes: Int) throws -> [Int] {
    guard let shape = map.taken[key]?.shape, shape.count == axes else {
      throw CheckpointError.misfit(
        file: file.url.path, missing: [key], surplus: [], misshapen: [])
    }
    return shape
  }

  private func layerCount(_ tower: String) -> Int {
    var count = 0
    while map.taken["\(tower).encoder.layers.\(count).layer_norm1.weight"] != nil { count += 1 }
    return count
  }

  private func state(_ tower: String, _ projection: String) -> KeyMap {
    var own = KeyMap(
      map.taken.filter { $0.key.hasPrefix(tower + ".") || $0.key == projection + ".weight" },
      file: file.url.path)
    for key in own.rest.keys.sorted() { own.move(key, to: key) }
    return own
  }

  private func text(_ activation: Activation) throws -> ConvertedPart {
    let tokens = try shape("text_model.embeddings.token_embedding.weight", axes: 2)
    let config = CLIPTextConfig(
      width: try map.width(tokens[1], of: "token_embedding.weight"),
      innerWidth: try shape("text_model.encoder.layers.0.mlp.fc1.weight", axes: 2)[0],
      layers: layerCount("text_model"),
      heads: options.headCount(width: tokens[1], isVision: false),
      contextLength: try shape("text_model.embeddings.position_embedding.weight", axes: 2)[0],
      vocabularySize: tokens[0],
      embeddingWidth: try shape("text_projection.weight", axes: 2)[0], activation: activation)
    try config.validate(file: file.url.path)
    let tower = withoutInitialization {
      CLIPTextModelWithProjection(config, using: RandomSource(seed: 0))
    }
    return ConvertedPart(
      part: .textEncoder, configuration: try config.encoded(),
      state: try state("text_model", "text_projection").finished(
        for: tower, surplus: Array(map.rest.keys)))
  }

  private func vision(_ activation: Activation, scale: Tensor?) throws -> [ConvertedPart] {
    let patches = try shape("vision_model.embeddings.patch_embedding.weight", axes: 4)
    let rows = try shape("vision_model.embeddings.position_embedding.weight", axes: 2)
    let side = Int(Double(max(0, rows[0] - 1)).squareRoot().rounded())
    guard side * side == rows[0] - 1, side > 0 else {
      throw CheckpointError.badTensor(
        file: file.url.path, key: "visual.positional_embedding",
        expected: "one row for the class token and those of a square", found: "\(rows[0]) rows")
    }
    let config = CLIPVisionConfig(
      width: try map.width(patches[0], of: "visual.conv1.weight"),
      innerWidth: try shape("vision_model.encoder.layers.0.mlp.fc1.weight", axes: 2)[0],
      layers: layerCount("vision_model"),
      heads: options.headCount(width: patches[0], isVision: true),
      imageSize: side * patches[3], patchSize: patches[3],
      embeddingWidth: try shape("visual_projection.weight", axes: 2)[0], activation: activation)
    try config.validate(file: file.url.path)
    let tower = withoutInitialization {
      CLIPVisionModelWithProjection(config, using: RandomSource(seed: 0))
    }
    var notes: [String: String] = [:]
    if let scale, scale.count == 1 { notes["logit_scale"] = "\(scale.to(.float32).item())" }
    return [
      ConvertedPart(
        part: .imageEncoder, configuration: try config.encoded(),
        state: try state("vision_model", "visual_projection").finished(for: tower), notes: notes),
      ConvertedPart(
        part: .featureExtractor,
        configuration: try CLIPImagePreprocessor(size: config.imageSize).encoded()),
    ]
  }
}
