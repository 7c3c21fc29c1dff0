import CLIP
import Config
import Files
import Foundation
public import Torch
import TorchNN

extension ModelFolder {
  /// Writes one model from parts that lie in several folders, such as those of training runs.
  ///
  /// Everything is written beside the folder and put in its place at the end; a folder that is
  /// there already is replaced then.
  ///
  /// - Parameters:
  ///   - sources: model folders; of a part that several have, the last counts.
  ///   - dtype: the type of the weights.
  ///   - defaults: name, version and settings of the new model.
  /// - Returns: the parts found, with where each came from.
  /// - Throws: `ModelFolderError`, `ConfigError`, `CheckpointError`.
  @discardableResult
  public func assemble(
    from sources: [ModelFolder], dtype: DType, defaults: ModelDefaults
  ) throws -> [(part: Part, source: ModelFolder)] {
    let found = Part.allCases.compactMap { part in
      sources.last { $0.has(part) }.map { (part: part, source: $0) }
    }
    let present = Set(found.map(\.part))
    for part in [Part.tokenizer, .textEncoder, .prior, .textProjection, .decoder]
    where !present.contains(part) {
      throw ModelFolderError.missing(
        folder: sources.map(\.url.path).joined(separator: ", "), part: part.rawValue)
    }
    do {
      try DurableFolder.create(
        url.lastPathComponent, in: url.deletingLastPathComponent(), replacing: true
      ) { url in
        let aside = ModelFolder(url)
        for (part, source) in found { try aside.copy(part, from: source, dtype: dtype) }
        try aside.writeDefaults(defaults)
        try aside.writeIndex()
        try aside.checkFit()
      }
    } catch let error as FileError {
      throw CheckpointError.unwritable(file: url.path, reason: error.reason)
    }
    return found
  }

  /// Copies a part: its weights as `dtype`, its other files as they are.
  private func copy(_ part: Part, from source: ModelFolder, dtype: DType) throws {
    let (from, to) = (source.folder(of: part), folder(of: part))
    do {
      try FileManager.default.createDirectory(at: to, withIntermediateDirectories: true)
      for name in try FileManager.default.contentsOfDirectory(atPath: from.path)
      where name.hasSuffix(".json") && !name.contains(".index.") || name == "merges.txt" {
        try FileManager.default.copyItem(
          at: from.appendingPathComponent(name), to: to.appendingPathComponent(name))
      }
    } catch {
      throw CheckpointError.unwritable(file: to.path, reason: reason(of: error))
    }
    guard let stem = part.weightStem else { return }
    try Safetensors.write(
      Self.converted(Safetensors.readModel(folder: from, stem: stem), to: dtype),
      metadata: ["format": "pt"], to: to.appendingPathComponent(stem + ".safetensors"))
  }
}
