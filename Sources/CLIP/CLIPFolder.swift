import Config
import Files
public import Foundation
public import Torch
import TorchNN

/// A folder that holds a CLIP, in any of the layouts in which they are published.
///
/// ```swift
/// let folder = try CLIPFolder(URL(fileURLWithPath: "CLIP-ViT-H-14"))
/// let model = try folder.loadModel(dtype: .bfloat16)
/// ```
///
/// Only the configuration is read before a part is loaded.
public struct CLIPFolder: Sendable, Equatable {
  /// The layout of a folder.
  public enum Layout: String, Sendable {
    /// `text_encoder/`, `image_encoder/`, `tokenizer/`, `feature_extractor/` of a diffusers model.
    case pipeline
    /// Both towers in one file: transformers' `CLIPModel`.
    case model
    /// A `CLIPTextModelWithProjection` alone.
    case textTower
    /// A `CLIPVisionModelWithProjection` alone.
    case visionTower
    /// `open_clip_config.json` with open_clip's names in the weights file.
    case openCLIP
  }

  /// The folder.
  public let url: URL
  /// Its layout.
  public let layout: Layout

  /// Detects the layout of a folder.
  ///
  /// Of two layouts in one folder transformers' is used if its weights are there.
  /// - Throws: ``CLIPFolderError`` for a missing folder and one without a CLIP, `ConfigError` for
  ///   an unreadable `config.json` or that of another family of models.
  public init(_ url: URL) throws {
    self.url = url
    guard FileManager.default.isFolder(url) else { throw CLIPFolderError.missing(folder: url.path) }
    let files = FileManager.default
    func has(_ name: String) -> Bool { files.fileExists(atPath: url.appending(path: name).path) }
    let hasOpenCLIP = has(Self.openCLIPConfig)
    let hasWeights = WeightFiles(url, stem: "model").first != nil
    if has("text_encoder/config.json") || has("image_encoder/config.json") {
      layout = .pipeline
    } else if has(Self.config), hasWeights || !hasOpenCLIP {
      layout = try Self.layout(ofConfigAt: url.appending(path: Self.config))
    } else if hasOpenCLIP {
      layout = .openCLIP
    } else if has("model_index.json") {
      let index = try ConfigFile.object(at: url.appending(path: "model_index.json"))
      throw CLIPFolderError.otherModel(
        folder: url.path, found: index["_class_name"]?.text ?? "of an unnamed class")
    } else {
      throw CLIPFolderError.notACLIP(folder: url.path)
    }
  }

  private static let config = "config.json"
  private static let openCLIPConfig = "open_clip_config.json"
  private static let openCLIPStems = ["open_clip_model", "open_clip_pytorch_model", "model"]

  private static func layout(ofConfigAt file: URL) throws(ConfigError) -> Layout {
    let object = try ConfigFile.object(at: file)
    if CLIPConfigFile.isWhole(object) { return .model }
    if object["model_type"] == .string(CLIPConfigFile.Tower.text.modelType) { return .textTower }
    // Anything else is refused by name when it is read as a vision tower's.
    _ = try CLIPConfigFile.tower(.vision, at: file)
    return .visionTower
  }

  // MARK: Parts

  /// Whether there is a text tower.
  public var hasText: Bool {
    switch layout {
    case .pipeline: FileManager.default.isFolder(url.appending(path: "text_encoder"))
    case .model, .textTower, .openCLIP: true
    case .visionTower: false
    }
  }

  /// Whether there is a vision tower.
  public var hasVision: Bool {
    switch layout {
    case .pipeline: FileManager.default.isFolder(url.appending(path: "image_encoder"))
    case .model, .visionTower, .openCLIP: true
    case .textTower: false
    }
  }

  /// Loads the text tower, its weights as `dtype`.
  ///
  /// - Throws: ``CLIPFolderError/lacks(folder:part:)``, `ConfigError`, `CheckpointError`.
  public func loadText(dtype: DType = .float32) throws -> CLIPTextModelWithProjection {
    guard hasText else { throw CLIPFolderError.lacks(folder: url.path, part: "text tower") }
    return try loadTower("text_encoder", dtype: dtype) { $0.text }
  }

  /// Loads the vision tower, its weights as `dtype`.
  ///
  /// - Throws: ``CLIPFolderError/lacks(folder:part:)``, `ConfigError`, `CheckpointError`.
  public func loadVision(dtype: DType = .float32) throws -> CLIPVisionModelWithProjection {
    guard hasVision else { throw CLIPFolderError.lacks(folder: url.path, part: "vision tower") }
    return try loadTower("image_encoder", dtype: dtype) { $0.vision }
  }

  private func loadTower<Tower: CLIPTower>(
    _ name: String, dtype: DType, openCLIP config: (CLIPConfig) -> Tower.Config
  ) throws -> Tower {
    switch layout {
    case .pipeline: return try .load(from: url.appending(path: name), dtype: dtype)
    case .model, .textTower, .visionTower: return try .load(from: url, dtype: dtype)
    case .openCLIP:
      let (state, file) = try openCLIPWeights()
      do {
        return try .load(config(openCLIP().clip), from: state, file: file, dtype: dtype)
      } catch let error as CheckpointError {
        throw error.inOpenCLIPNames
      }
    }
  }

  /// Loads both towers and the logit scale.
  ///
  /// - Throws: As ``loadText(dtype:)``; `ConfigError.invalid` when the towers' widths differ.
  public func loadModel(dtype: DType = .float32) throws -> CLIPModel {
    let text = try loadText(dtype: dtype)
    let vision = try loadVision(dtype: dtype)
    guard text.config.projectionDim == vision.config.projectionDim else {
      throw ConfigError.invalid(
        file: url.path, key: "projection_dim", value: "\(vision.config.projectionDim)",
        expected: "the text encoder's is \(text.config.projectionDim), and both must agree")
    }
    return CLIPModel(text: text, vision: vision, logitScale: try logitScale())
  }

  /// Returns the logit scale, the logarithm of the factor on cosines; without one in the folder log
  /// 100, the final value of OpenAI's and LAION's models.
  ///
  /// - Throws: `CheckpointError`.
  public func logitScale() throws -> Double {
    let key = CLIPModel.logitScaleKey
    switch layout {
    case .pipeline:
      // Weights in several files have no note.
      let files = WeightFiles(url.appending(path: "image_encoder"), stem: "model")
      guard let weights = files.first, !WeightFiles.isIndex(weights) else { break }
      let note = try Safetensors.read(weights).metadata[key]
      if let scale = note.flatMap(Double.init) { return scale }
    case .model:
      if let scale = try Safetensors.readModel(folder: url)[key] { return scale.item() }
    case .openCLIP:
      if let scale = try openCLIPWeights().state[key] { return scale.item() }
    case .textTower, .visionTower: break
    }
    return log(CLIPModel.largestScale)
  }

  /// Loads the tokenizer, which cleans texts as the models of this layout expect.
  ///
  /// - Throws: `TokenizerError`.
  public func loadTokenizer() throws -> CLIPTokenizer {
    let inner = url.appending(path: "tokenizer")
    let folder = layout == .pipeline || FileManager.default.isFolder(inner) ? inner : url
    var tokenizer = try CLIPTokenizer(folder: folder)
    if layout == .openCLIP { tokenizer = tokenizer.asOpenCLIP() }
    return tokenizer
  }

  /// How images are prepared: as the folder's `processor_config.json` (transformers 5) or
  /// `preprocessor_config.json` says, else with OpenAI's statistics at the vision tower's size.
  ///
  /// - Throws: `ConfigError`.
  public func loadPreprocessor() throws -> CLIPImagePreprocessor {
    if layout == .openCLIP { return try openCLIP().preprocessor }
    for part in [url.appending(path: "feature_extractor"), url] {
      if let found = try CLIPImagePreprocessor(folder: part) { return found }
    }
    let config = layout == .pipeline ? "image_encoder/config.json" : Self.config
    let vision = try CLIPVisionConfig.read(at: url.appending(path: config))
    return CLIPImagePreprocessor(size: vision.imageSize)
  }

  // MARK: open_clip

  private func openCLIP() throws(ConfigError) -> OpenCLIPConfig {
    try OpenCLIPConfig.read(at: url.appending(path: Self.openCLIPConfig))
  }

  /// Returns the weights under transformers' names, and the file they come from.
  private func openCLIPWeights() throws(CheckpointError) -> (state: [String: Tensor], file: URL) {
    let files = Self.openCLIPStems.map { url.appending(path: $0 + ".safetensors") }
    if let file = files.first(where: { FileManager.default.fileExists(atPath: $0.path) }) {
      let state = try Safetensors.read(file).tensors
      return (try OpenCLIPNames.converted(state, file: file.path), file)
    }
    let pickle = url.appending(path: "open_clip_pytorch_model.bin")
    let isThere = FileManager.default.fileExists(atPath: pickle.path)
    throw .unreadable(
      file: files[0].path,
      reason: isThere
        ? "only open_clip_pytorch_model.bin is there, a pickle; `unclip convert` makes safetensors of it"
        : "there is neither this file nor open_clip_pytorch_model.safetensors")
  }

  /// Writes a small file in one step, making its folder.
  static func write(_ data: Data, to file: URL) throws(CheckpointError) {
    do {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try AtomicFile.write(data, to: file)
    } catch {
      throw CheckpointError.unwritable(file: file.path, reason: reason(of: error))
    }
  }
}

/// Why a folder cannot be used as a CLIP.
public enum CLIPFolderError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// There is no such folder.
  case missing(folder: String)
  /// The folder holds no part of a CLIP.
  case notACLIP(folder: String)
  /// The folder holds a pipeline without a CLIP of the kind needed.
  case otherModel(folder: String, found: String)
  /// The folder holds one tower and the other is needed.
  case lacks(folder: String, part: String)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .missing(let folder):
      "\(folder): there is no such folder; give the folder of a CLIP or of an unCLIP model."
    case .notACLIP(let folder):
      "\(folder) holds no CLIP: neither config.json nor open_clip_config.json nor the folders "
        + "text_encoder and image_encoder are there; give a folder that has them."
    case .otherModel(let folder, let found):
      "\(folder) holds a pipeline \(found) without text_encoder and image_encoder; give the folder "
        + "of a CLIP or of an unCLIP model."
    case .lacks(let folder, let part):
      "\(folder) has no \(part); give the folder of a whole CLIP."
    }
  }
}
