import Config
import Files
public import Foundation
public import Torch
import TorchNN

extension CLIPTextModelWithProjection {
  /// Reads a `text_encoder` folder, or the text tower of a transformers `CLIPModel`: `config.json`
  /// and `model.safetensors` or its shards, exactly.
  ///
  /// Weights whose type is `dtype` already stay mapped to the file.
  /// Throws: `ConfigError`, or `CheckpointError` when the weights do not fit or are not finite.
  public static func load(
    from folder: URL, dtype: DType = .float32
  ) throws -> CLIPTextModelWithProjection {
    let config = try CLIPTextConfig.read(at: folder.appending(path: "config.json"))
    let tower = withoutInitialization {
      CLIPTextModelWithProjection(config, using: RandomSource(seed: 0))
    }
    try TowerFolder(folder).fill(tower, dtype: dtype, as: .text)
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
  /// Reads an `image_encoder` folder, or the vision tower of a transformers `CLIPModel`:
  /// `config.json` and `model.safetensors` or its shards, exactly.
  ///
  /// Weights whose type is `dtype` already stay mapped to the file.
  /// Throws: `ConfigError`, or `CheckpointError` when the weights do not fit or are not finite.
  public static func load(
    from folder: URL, dtype: DType = .float32
  ) throws -> CLIPVisionModelWithProjection {
    let config = try CLIPVisionConfig.read(at: folder.appending(path: "config.json"))
    let tower = withoutInitialization {
      CLIPVisionModelWithProjection(config, using: RandomSource(seed: 0))
    }
    try TowerFolder(folder).fill(tower, dtype: dtype, as: .vision)
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
      metadata: [Self.logitScaleKey: "\(logitScale.value.item())"])
    try TowerFolder(folder.appending(path: "feature_extractor"))
      .write(features.encoded(), as: "preprocessor_config.json")
    try tokenizer.write(to: folder.appending(path: "tokenizer"))
  }

  /// Reads both towers of a folder in any layout; see ``CLIPFolder``.
  ///
  /// Throws: as ``CLIPFolder/loadModel(dtype:)``.
  public static func load(from folder: URL, dtype: DType = .float32) throws -> CLIPModel {
    try CLIPFolder(folder).loadModel(dtype: dtype)
  }

  /// The key of the logit scale in weights, and of the note about it where they have no place.
  static let logitScaleKey = "logit_scale"
}

/// The folder of one tower.
struct TowerFolder {
  private let url: URL
  private var weights: URL { url.appending(path: "model.safetensors") }

  init(_ url: URL) { self.url = url }

  /// Fills a tower made without values with the folder's weights.
  func fill(_ tower: some Module, dtype: DType, as part: CLIPConfigFile.Tower) throws {
    let state = try Safetensors.readModel(folder: url)
    try Self.fill(tower, with: state, file: weights, dtype: dtype, as: part)
  }

  /// Fills a tower with its part of a model's weights, which must fit exactly and be finite.
  static func fill(
    _ tower: some Module, with state: [String: Tensor], file: URL, dtype: DType,
    as part: CLIPConfigFile.Tower
  ) throws(CheckpointError) {
    // Integers that old versions of transformers wrote, and what is the other tower's.
    var junk: Set = [
      "\(part == .text ? "text" : "vision")_model.embeddings.position_ids",
      CLIPModel.logitScaleKey,
    ]
    let others = part == .text ? ["vision_model.", "visual_"] : ["text_model.", "text_"]
    junk.formUnion(state.keys.filter { key in others.contains(where: key.hasPrefix) })
    if dtype != .float32 { tower.to(dtype: dtype) }
    try tower.load(state, file: file, ignoring: junk, sharing: true)
    try tower.checkFinite(file: file)
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
      try AtomicFile.write(data, to: file)
    } catch {
      throw CheckpointError.unwritable(file: file.path, reason: reason(of: error))
    }
  }
}
