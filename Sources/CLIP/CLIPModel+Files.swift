public import Foundation
public import Torch
import TorchNN

extension CLIPTextModelWithProjection {
  /// Reads a `text_encoder` folder: `config.json` and `model.safetensors`, exactly.
  ///
  /// Weights whose type is `dtype` already stay mapped to the file.
  /// Throws: `ConfigError`, or `CheckpointError` when the weights do not fit.
  public static func load(
    from folder: URL, dtype: DType = .float32
  ) throws -> CLIPTextModelWithProjection {
    let config = try CLIPTextConfig.read(at: folder.appending(path: "config.json"))
    let tower = withoutInitialization {
      CLIPTextModelWithProjection(config, using: RandomSource(seed: 0))
    }
    try TowerFolder(folder).fill(
      tower, dtype: dtype, ignoring: ["text_model.embeddings.position_ids"])
    return tower
  }

  /// Writes a `text_encoder` folder that transformers opens too; with `dtype`, in that type.
  ///
  /// Throws: `CheckpointError.unwritable`.
  public func save(to folder: URL, dtype: DType? = nil) throws {
    try TowerFolder(folder).write(stateDict(), config: config.encoded(), dtype: dtype)
  }
}

extension CLIPVisionModelWithProjection {
  /// Reads an `image_encoder` folder: `config.json` and `model.safetensors`, exactly.
  ///
  /// Weights whose type is `dtype` already stay mapped to the file.
  /// Throws: `ConfigError`, or `CheckpointError` when the weights do not fit.
  public static func load(
    from folder: URL, dtype: DType = .float32
  ) throws -> CLIPVisionModelWithProjection {
    let config = try CLIPVisionConfig.read(at: folder.appending(path: "config.json"))
    let tower = withoutInitialization {
      CLIPVisionModelWithProjection(config, using: RandomSource(seed: 0))
    }
    try TowerFolder(folder).fill(
      tower, dtype: dtype, ignoring: ["vision_model.embeddings.position_ids"])
    return tower
  }

  /// Writes an `image_encoder` folder that transformers opens too; with `dtype`, in that type.
  ///
  /// Throws: `CheckpointError.unwritable`.
  public func save(to folder: URL, dtype: DType? = nil) throws {
    try save(to: folder, dtype: dtype, metadata: [:])
  }

  /// Writes an `image_encoder` folder with notes in the weights file.
  fileprivate func save(to folder: URL, dtype: DType?, metadata: [String: String]) throws {
    try TowerFolder(folder).write(
      stateDict(), config: config.encoded(), dtype: dtype, metadata: metadata)
  }
}

extension CLIPModel {
  /// Writes the parts of a model folder that are CLIP's: `text_encoder/`, `image_encoder/`,
  /// `feature_extractor/` and `tokenizer/`.
  ///
  /// The logit scale, for which the layout has no place, is a note in the image encoder's file.
  /// Throws: `CheckpointError`, `TokenizerError` or `ConfigError` when a file cannot be written.
  public func save(
    to folder: URL, tokenizer: CLIPTokenizer, preprocessor: CLIPImagePreprocessor? = nil,
    dtype: DType? = nil
  ) throws {
    let features = preprocessor ?? CLIPImagePreprocessor(size: vision.config.imageSize)
    try text.save(to: folder.appending(path: "text_encoder"), dtype: dtype)
    try vision.save(
      to: folder.appending(path: "image_encoder"), dtype: dtype,
      metadata: [Self.logitScaleNote: "\(logitScale.value.item())"])
    try TowerFolder(folder.appending(path: "feature_extractor"))
      .write(features.encoded(), as: "preprocessor_config.json")
    try tokenizer.write(to: folder.appending(path: "tokenizer"))
  }

  /// Reads both towers of a model folder.
  ///
  /// Without a note of the logit scale, as in public checkpoints, its factor is 100: where OpenAI's
  /// and LAION's models ended.
  /// Throws: `ConfigError` or `CheckpointError`; `ConfigError.invalid` when the towers do not
  /// share a space.
  public static func load(from folder: URL, dtype: DType = .float32) throws -> CLIPModel {
    let images = folder.appending(path: "image_encoder")
    let text = try CLIPTextModelWithProjection.load(
      from: folder.appending(path: "text_encoder"), dtype: dtype)
    let vision = try CLIPVisionModelWithProjection.load(from: images, dtype: dtype)
    guard text.config.projectionDim == vision.config.projectionDim else {
      throw ConfigError.invalid(
        file: images.path, key: "projection_dim", value: "\(vision.config.projectionDim)",
        expected: "the text encoder's is \(text.config.projectionDim), and both must agree")
    }
    let note = try TowerFolder(images).metadata[Self.logitScaleNote]
    return CLIPModel(
      text: text, vision: vision, logitScale: note.flatMap(Double.init) ?? log(largestScale))
  }

  private static let logitScaleNote = "logit_scale"
}

/// The folder of one tower.
private struct TowerFolder {
  private let url: URL
  private var weights: URL { url.appending(path: "model.safetensors") }

  init(_ url: URL) { self.url = url }

  /// Fills a tower made without values.
  func fill(_ tower: some Module, dtype: DType, ignoring junk: Set<String>) throws {
    let state = try Safetensors.readModel(folder: url)
    if dtype != .float32 { tower.to(dtype: dtype) }
    try tower.load(state, file: weights, ignoring: junk, sharing: true)
  }

  /// The notes of the weights file; none when the weights are in several files.
  var metadata: [String: String] {
    get throws {
      guard FileManager.default.fileExists(atPath: weights.path) else { return [:] }
      return try Safetensors.read(weights).metadata
    }
  }

  /// Writes weights, in their own types or as `dtype`, and their configuration.
  func write(
    _ state: [String: Tensor], config: Data, dtype: DType?, metadata: [String: String] = [:]
  ) throws {
    try write(config, as: "config.json")
    let converted = state.mapValues { value in
      guard let dtype, value.dtype.isFloatingPoint else { return value }
      return value.to(dtype)
    }
    try Safetensors.write(
      converted, metadata: metadata.merging(["format": "pt"]) { $1 }, to: weights)
  }

  /// Writes a small file, making the folder.
  func write(_ data: Data, as name: String) throws(CheckpointError) {
    let file = url.appending(path: name)
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      try data.write(to: file, options: .atomic)
    } catch {
      throw CheckpointError.unwritable(file: file.path, reason: error.localizedDescription)
    }
  }
}
