package import Config
public import Foundation
public import Torch
package import TorchNN

/// A tower of a CLIP with its projection, as folders hold it.
package protocol CLIPTower: ConfiguredModule {
  /// Which tower it is.
  static var part: CLIPConfigFile.Tower { get }
  /// Reads the configuration of a folder.
  static func readConfig(at url: URL) throws(ConfigError) -> Config
  /// Returns the configuration file of this tower.
  func encodedConfig() throws(ConfigError) -> Data
}

extension CLIPTextModelWithProjection: CLIPTower {
  package static var part: CLIPConfigFile.Tower { .text }
  package static func readConfig(at url: URL) throws(ConfigError) -> CLIPTextConfig {
    try .read(at: url)
  }
  package func encodedConfig() throws(ConfigError) -> Data { try config.encoded() }
}

extension CLIPVisionModelWithProjection: CLIPTower {
  package static var part: CLIPConfigFile.Tower { .vision }
  package static func readConfig(at url: URL) throws(ConfigError) -> CLIPVisionConfig {
    try .read(at: url)
  }
  package func encodedConfig() throws(ConfigError) -> Data { try config.encoded() }
}

extension CLIPTower {
  /// Reads the folder of one tower, or its part of a transformers `CLIPModel`: `config.json` and
  /// `model.safetensors` or its shards, exactly.
  ///
  /// Weights whose type is `dtype` already stay mapped to the file.
  /// - Throws: `ConfigError`, or `CheckpointError` when the weights do not fit or are not finite.
  package static func load(from folder: URL, dtype: DType = .float32) throws -> Self {
    try load(
      readConfig(at: folder.appending(path: "config.json")),
      from: Safetensors.readModel(folder: folder),
      file: folder.appending(path: "model.safetensors"), dtype: dtype)
  }

  /// Loads a tower from a whole model's weights, which must fit exactly and be finite.
  static func load(
    _ config: Config, from state: [String: Tensor], file: URL, dtype: DType
  ) throws(CheckpointError) -> Self {
    try load(
      config, from: state, file: file, ignoring: part.foreignKeys(in: state.keys), dtype: dtype,
      checksValues: true)
  }

  /// Compares the weights of a folder with its configuration; only headers are read.
  /// - Throws: `ConfigError`, `CheckpointError`.
  package static func checkFit(in folder: URL) throws {
    let state = try Safetensors.readModel(folder: folder)
    try checkFit(
      readConfig(at: folder.appending(path: "config.json")), to: state,
      file: folder.appending(path: "model.safetensors"),
      ignoring: part.foreignKeys(in: state.keys))
  }

  /// Writes the folder of one tower, which transformers opens too; with `dtype`, in that type.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  package func save(
    to folder: URL, dtype: DType? = nil, metadata: [String: String] = [:]
  ) throws {
    try CLIPFolder.write(encodedConfig(), to: folder.appending(path: "config.json"))
    let converted = stateDict().mapValues { value in
      guard let dtype, value.dtype.isFloatingPoint else { return value }
      return value.to(dtype)
    }
    try Safetensors.write(
      converted, metadata: metadata.merging(["format": "pt"]) { $1 },
      to: folder.appending(path: "model.safetensors"))
  }
}

extension CLIPConfigFile.Tower {
  /// Returns the keys of a model's weights that are not this tower's: the other tower's, the logit
  /// scale, and integers that old versions of transformers wrote.
  func foreignKeys(in keys: some Sequence<String>) -> Set<String> {
    let others = self == .text ? ["vision_model.", "visual_"] : ["text_model.", "text_"]
    return Set(keys.filter { key in others.contains(where: key.hasPrefix) }).union([
      "\(self == .text ? "text" : "vision")_model.embeddings.position_ids",
      CLIPModel.logitScaleKey,
    ])
  }
}

extension CLIPModel {
  /// Writes the parts of a model folder that are CLIP's: `text_encoder/`, `image_encoder/`,
  /// `feature_extractor/` and `tokenizer/`.
  ///
  /// The logit scale, for which the layout has no place, is a note in the image encoder's file.
  /// - Throws: `CheckpointError`, `TokenizerError` or `ConfigError` when a file cannot be written.
  public func save(
    to folder: URL, tokenizer: CLIPTokenizer, preprocessor: CLIPImagePreprocessor? = nil,
    dtype: DType? = nil
  ) throws {
    let features = preprocessor ?? CLIPImagePreprocessor(size: vision.config.imageSize)
    try text.save(to: folder.appending(path: "text_encoder"), dtype: dtype)
    try vision.save(
      to: folder.appending(path: "image_encoder"), dtype: dtype,
      metadata: [Self.logitScaleKey: "\(logitScale.value.item())"])
    try CLIPFolder.write(
      features.encoded(),
      to: folder.appending(path: "feature_extractor/preprocessor_config.json"))
    try tokenizer.write(to: folder.appending(path: "tokenizer"))
  }

  /// Reads both towers of a folder in any layout; see ``CLIPFolder``.
  ///
  /// - Throws: As ``CLIPFolder/loadModel(dtype:)``.
  public static func load(from folder: URL, dtype: DType = .float32) throws -> CLIPModel {
    try CLIPFolder(folder).loadModel(dtype: dtype)
  }

  /// The key of the logit scale in weights, and of the note about it where they have no place.
  static let logitScaleKey = "logit_scale"
}
