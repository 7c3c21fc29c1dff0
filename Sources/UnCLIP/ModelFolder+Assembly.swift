import CLIP
import Config
import Files
public import Foundation
public import Torch
import TorchNN

extension ModelFolder {
  /// Writes one model from parts that lie in several folders, such as those of training runs.
  ///
  /// Everything is written beside the folder and renamed to it at the end, which replaces a folder
  /// that exists. The autoregressive prior of a whole model whose CLIP another source replaces is
  /// left out.
  ///
  /// - Parameters:
  ///   - sources: Model folders; the last that has a part provides it.
  ///   - dtype: The type of the weights.
  ///   - defaults: Name, version and settings of the new model.
  ///   - vocabulary: The words the model knows, any text; nil writes none.
  /// - Returns: The parts found, each with its source.
  /// - Throws: `ModelFolderError`, `ConfigError`, `CheckpointError`.
  @discardableResult
  public func assemble(
    from sources: [ModelFolder], dtype: DType, defaults: ModelDefaults, vocabulary: Data? = nil
  ) throws -> [(part: Part, source: ModelFolder)] {
    var found = Part.allCases.compactMap { part in
      sources.last { $0.has(part) }.map { (part: part, source: $0) }
    }
    if try Self.isOrphaned(.autoregressivePrior, in: found) {
      found.removeAll { $0.part == .autoregressivePrior }
    }
    let present = Set(found.map(\.part))
    let prior = present.contains(.autoregressivePrior) ? [] : [Part.prior]
    for part in [Part.tokenizer, .textEncoder] + prior + [.textProjection, .decoder]
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
        if let encoder = found.first(where: { $0.part == .imageEncoder })?.source {
          try aside.copyPCA(from: encoder)
        }
        try aside.copyMoments(from: found)
        var defaults = defaults
        // The folder that says a size may have had more upsamplers.
        if let size = defaults.size, try !aside.sizes().contains(size) { defaults.size = nil }
        try aside.writeDefaults(defaults)
        if let vocabulary {
          try aside.write(vocabulary, to: url.appending(path: KnownWords.fileName))
        }
        try aside.writeIndex()
        try aside.checkFit()
      }
    } catch let error as FileError {
      throw CheckpointError.unwritable(file: url.path, reason: error.reason)
    }
    return found
  }

  /// Whether a part belongs to a CLIP that another source replaces: it comes from a whole model, whose
  /// CLIP is not taken.
  private static func isOrphaned(
    _ part: Part, in found: [(part: Part, source: ModelFolder)]
  ) throws -> Bool {
    guard let source = found.first(where: { $0.part == part })?.source,
      source.has(.textEncoder), source.has(.imageEncoder)
    else { return false }
    let own = try CLIPFingerprint.read(at: source.configuration(of: part))
    return try own.parts.contains { tower in
      guard let taken = found.first(where: { $0.part == tower.part })?.source else { return false }
      return try taken.url != source.url && taken.signFingerprint(of: tower.part) != tower.hash
    }
  }

  /// Copies the principal components of an image encoder's embeddings, where they were fitted.
  private func copyPCA(from source: ModelFolder) throws(CheckpointError) {
    let (from, to) = (
      source.url.appending(path: Self.pcaName), url.appending(path: Self.pcaName)
    )
    guard FileManager.default.fileExists(atPath: from.path) else { return }
    do {
      try FileManager.default.copyItem(at: from, to: to)
    } catch {
      throw CheckpointError.unwritable(file: to.path, reason: reason(of: error))
    }
  }

  /// Copies the second moments of stages whose parts are all of one folder.
  private func copyMoments(from found: [(part: Part, source: ModelFolder)]) throws {
    for stage in GenerationProgress.Stage.denoising {
      let (process, networks) = Self.parts(of: stage)
      let sources = found.filter { $0.part == process || networks.contains($0.part) }.map(\.source)
      guard let source = sources.first, sources.allSatisfy({ $0 == source }) else { continue }
      try copyMoments(of: [stage], from: source)
    }
  }

  /// Copies a part: its weights as `dtype`, its other files as they are.
  private func copy(_ part: Part, from source: ModelFolder, dtype: DType) throws {
    let (from, to) = (source.folder(of: part), folder(of: part))
    do {
      try FileManager.default.createDirectory(at: to, withIntermediateDirectories: true)
      for name in try FileManager.default.contentsOfDirectory(atPath: from.path)
      where name.hasSuffix(".json") && !name.contains(".index.") && name != Self.momentsName
        || name == "merges.txt"
      {
        try FileManager.default.copyItem(
          at: from.appendingPathComponent(name), to: to.appendingPathComponent(name))
      }
    } catch {
      throw CheckpointError.unwritable(file: to.path, reason: reason(of: error))
    }
    guard let stem = part.weightStem else { return }
    let file = stem + ".safetensors"
    // Training leaves CLIP's logit scale there.
    let notes =
      FileManager.default.fileExists(atPath: from.appending(path: file).path)
      ? try Safetensors.read(from.appending(path: file)).metadata : [:]
    try Safetensors.write(
      Self.converted(Safetensors.readModel(folder: from, stem: stem), to: dtype),
      metadata: notes.merging(["format": "pt"]) { $1 }, to: to.appending(path: file))
  }
}
