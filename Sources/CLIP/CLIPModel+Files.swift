public import Foundation
public import Torch
import TorchNN

extension CLIPTextModelWithProjection {
  /// Loads `config.json` and `model.safetensors` (or its shards) of a folder.
  /// - Throws: `ConfigError`, `CheckpointError`, naming the file.
  public static func load(from folder: URL) throws -> CLIPTextModelWithProjection {
    let config = try CLIPTextConfig.read(at: folder.appendingPathComponent("config.json"))
    let model = withoutInitialization {
      CLIPTextModelWithProjection(config, using: RandomSource(seed: 0))
    }
    try model.load(
      Safetensors.readModel(folder: folder), file: folder,
      ignoring: ["text_model.embeddings.position_ids"], sharing: true)
    return model
  }

  /// Writes both files, weights as `dtype`.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  public func save(to folder: URL, dtype: DType) throws {
    try saveTower(self, config: config.encoded(), to: folder, dtype: dtype)
  }
}

extension CLIPVisionModelWithProjection {
  /// Loads `config.json` and `model.safetensors` (or its shards) of a folder.
  /// - Throws: `ConfigError`, `CheckpointError`, naming the file.
  public static func load(from folder: URL) throws -> CLIPVisionModelWithProjection {
    let config = try CLIPVisionConfig.read(at: folder.appendingPathComponent("config.json"))
    let model = withoutInitialization {
      CLIPVisionModelWithProjection(config, using: RandomSource(seed: 0))
    }
    try model.load(
      Safetensors.readModel(folder: folder), file: folder,
      ignoring: ["vision_model.embeddings.position_ids"], sharing: true)
    return model
  }

  /// Writes both files, weights as `dtype`.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  public func save(to folder: URL, dtype: DType) throws {
    try saveTower(self, config: config.encoded(), to: folder, dtype: dtype)
  }
}

private func saveTower(
  _ model: some Module, config: Data, to folder: URL, dtype: DType
) throws {
  let file = folder.appendingPathComponent("config.json")
  do {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try config.write(to: file, options: .atomic)
  } catch {
    throw CheckpointError.unwritable(file: file.path, reason: error.localizedDescription)
  }
  let state = model.stateDict().mapValues {
    $0.dtype.isFloatingPoint ? $0.detached().to(dtype) : $0
  }
  try Safetensors.write(
    state, metadata: ["format": "pt"],
    to: folder.appendingPathComponent("model.safetensors"))
}
