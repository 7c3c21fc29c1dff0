import Config
import Files
public import Foundation
import Torch
public import UnCLIP

/// Converts original checkpoints to a model folder: CLIP of OpenAI, OpenCLIP and transformers, and
/// the parts of Karlo.
public struct Converter {
  /// What the files do not say.
  public let options: ConversionOptions

  /// Makes a converter.
  public init(_ options: ConversionOptions = ConversionOptions()) { self.options = options }

  /// Reads the files and writes the parts they hold into a new folder.
  ///
  /// Everything is written to a temporary folder beside it, which is renamed at the end.
  /// - Parameters:
  ///   - files: Checkpoints in any order; each part comes from one of them.
  ///   - tokenizer: A folder with `vocab.json` and `merges.txt`, to be copied.
  ///   - folder: The model folder to write, which must not exist yet.
  /// - Returns: The parts, with the file each came from.
  /// - Throws: `ArchiveError`, `ConversionError`, `CheckpointError`, `ConfigError`.
  @discardableResult
  public func convert(
    _ files: [URL], tokenizer: URL? = nil, to folder: URL
  ) throws -> [(part: ModelFolder.Part, source: URL)] {
    try writing(to: folder) { aside in
      let aside = ModelFolder(aside)
      let weights = try files.map(WeightFile.init)
      let statistics = weights.lazy.compactMap { KarloKeys.statistics($0.tensors) }.first
      var sources: [(part: ModelFolder.Part, source: URL)] = []
      for file in weights where KarloKeys.statistics(file.tensors) == nil {
        for part in try parts(of: file, statistics: statistics) {
          guard !sources.contains(where: { $0.part == part.part }) else {
            throw ConversionError.twice(part: part.part.rawValue, file: file.url.path)
          }
          try write(part, to: aside)
          sources.append((part.part, file.url))
        }
      }
      if let tokenizer {
        try copy(tokenizer: tokenizer, to: aside.folder(of: .tokenizer))
        sources.append((.tokenizer, tokenizer))
      }
      if aside.has(.decoder) { try aside.writeIndex() }
      guard !sources.isEmpty else {
        throw ConversionError.incomplete(
          file: files.first?.path ?? "nothing",
          needs: "it holds statistics alone; give the prior's checkpoint too")
      }
      return sources
    }
  }

  /// Converts the parts that a file holds.
  private func parts(
    of file: WeightFile, statistics: (mean: Tensor, deviation: Tensor)?
  ) throws -> [ConvertedPart] {
    if CLIPKeys.isOriginal(file.tensors) || CLIPKeys.isTransformers(file.tensors) {
      var keys = CLIPKeys(file, options)
      return try keys.parts()
    }
    let karlo = KarloKeys(file: file, options: options)
    if file.tensors.keys.contains(where: { $0.hasPrefix(KarloKeys.firstSteps) }) {
      return try karlo.upsampler(file.tensors)
    }
    let own = file.tensors.stripped(of: KarloKeys.prefix)
    let inner = own.isEmpty ? file.tensors : own
    if inner["text_seq_proj.0.weight"] != nil { return try karlo.decoder(inner) }
    if inner["clip_img_proj.weight"] != nil {
      guard let statistics else {
        throw ConversionError.incomplete(
          file: file.url.path,
          needs: "Karlo's prior needs the statistics of its embeddings; add ViT-L-14_stats.th")
      }
      return try karlo.prior(inner, statistics: statistics)
    }
    throw ConversionError.unknownModel(file: file.url.path, keys: Array(file.tensors.keys))
  }

  // MARK: Files

  private func write(_ part: ConvertedPart, to model: ModelFolder) throws {
    let configuration =
      part.part == .featureExtractor
      ? model.folder(of: part.part).appendingPathComponent("preprocessor_config.json")
      : model.configuration(of: part.part)
    do {
      try FileManager.default.createDirectory(
        at: model.folder(of: part.part), withIntermediateDirectories: true)
      try AtomicFile.write(part.configuration, to: configuration)
    } catch {
      throw CheckpointError.unwritable(
        file: configuration.path, reason: reason(of: error))
    }
    guard let stem = part.part.weightStem else { return }
    try Safetensors.write(
      part.state.mapValues(inChosenType), metadata: part.notes.merging(["format": "pt"]) { $1 },
      to: model.folder(of: part.part).appendingPathComponent(stem + ".safetensors"))
  }

  private func copy(tokenizer: URL, to folder: URL) throws {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: tokenizer.path)
    } catch {
      throw CheckpointError.unreadable(file: tokenizer.path, reason: reason(of: error))
    }
    let known = ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"]
    try copy(names.filter(known.contains), from: tokenizer, to: folder)
  }

  /// Copies files of one folder into another, which is created.
  func copy(_ names: [String], from source: URL, to folder: URL) throws {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for name in names {
        // Of a link, its target.
        try FileManager.default.copyItem(
          at: source.appendingPathComponent(name).resolvingSymlinksInPath(),
          to: folder.appendingPathComponent(name))
      }
    } catch {
      throw CheckpointError.unreadable(file: source.path, reason: reason(of: error))
    }
  }

  /// Converts a weight to the element type of the options.
  func inChosenType(_ value: Tensor) -> Tensor {
    guard let dtype = options.dtype, value.dtype.isFloatingPoint else { return value }
    return value.to(dtype)
  }

  /// Lets `body` write a temporary folder, which gets its name at the end.
  func writing<Result>(to folder: URL, _ body: (URL) throws -> Result) throws -> Result {
    guard !FileManager.default.fileExists(atPath: folder.path) else {
      throw ConversionError.exists(folder.path)
    }
    do {
      return try DurableFolder.create(
        folder.lastPathComponent, in: folder.deletingLastPathComponent()
      ) { url in
        let result = try body(url)
        let model = ModelFolder(url)
        if model.isUnCLIP { try model.checkFit() }
        return result
      }
    } catch let error as FileError {
      throw CheckpointError.unwritable(file: folder.path, reason: error.reason)
    }
  }
}
