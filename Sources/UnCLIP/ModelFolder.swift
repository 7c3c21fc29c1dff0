import Config
import Files
public import Foundation
public import Torch
import TorchNN

/// A model on disk, in the layout of diffusers' `UnCLIPPipeline`: one folder per part, each with
/// its configuration and weights.
///
/// Each part can be read and written alone, so stages train separately and public checkpoints load
/// without conversion.
public struct ModelFolder: Sendable, Equatable {
  /// The folder.
  public let url: URL

  /// Makes the folder at `url`, whether or not it exists.
  public init(_ url: URL) {
    self.url = url
  }

  /// A part of the folder.
  public enum Part: String, Sendable, CaseIterable {
    /// `vocab.json`, `merges.txt` and settings.
    case tokenizer
    /// CLIP's text tower with its projection.
    case textEncoder = "text_encoder"
    /// CLIP's vision tower with its projection.
    case imageEncoder = "image_encoder"
    /// The preprocessing of the image encoder's images.
    case featureExtractor = "feature_extractor"
    /// The prior's transformer.
    case prior
    /// The prior's diffusion process.
    case priorScheduler = "prior_scheduler"
    /// The autoregressive prior's transformer, with what its tokens stand for; optional.
    case autoregressivePrior = "prior_ar"
    /// The projection of embeddings to the decoder's conditioning.
    case textProjection = "text_proj"
    /// The network that gives the decoder a coarse image as condition; optional.
    case imageHint = "image_hint"
    /// The decoder's U-Net.
    case decoder
    /// The decoder's diffusion process.
    case decoderScheduler = "decoder_scheduler"
    /// The 64→256 upsampler's U-Net.
    case upsampler = "super_res_first"
    /// A second 64→256 U-Net for the last step alone (Karlo); optional.
    case lastUpsampler = "super_res_last"
    /// The upsampler's diffusion process.
    case upsamplerScheduler = "super_res_scheduler"
    /// The 256→1024 upsampler's U-Net; optional.
    case secondUpsampler = "super_res_second"
    /// The second upsampler's diffusion process.
    case secondUpsamplerScheduler = "super_res_second_scheduler"

    /// The stem of the weight files of diffusers' parts.
    static let diffusersStem = "diffusion_pytorch_model"

    /// The stem of the part's weight files; nil where it has none.
    package var weightStem: String? {
      switch self {
      case .textEncoder, .imageEncoder: "model"
      case .prior, .autoregressivePrior, .textProjection, .imageHint, .decoder, .upsampler,
        .lastUpsampler, .secondUpsampler:
        Self.diffusersStem
      case .tokenizer, .featureExtractor, .priorScheduler, .decoderScheduler, .upsamplerScheduler,
        .secondUpsamplerScheduler:
        nil
      }
    }

    /// Library and class as `model_index.json` names them.
    var peerClass: [String] {
      switch self {
      case .tokenizer: ["transformers", "CLIPTokenizer"]
      case .textEncoder: ["transformers", "CLIPTextModelWithProjection"]
      case .imageEncoder: ["transformers", "CLIPVisionModelWithProjection"]
      case .featureExtractor: ["transformers", "CLIPImageProcessor"]
      case .prior: ["diffusers", "PriorTransformer"]
      case .autoregressivePrior: ["unclip", "UnCLIPAutoregressivePrior"]
      case .textProjection: ["unclip", "UnCLIPTextProjModel"]
      case .imageHint: ["unclip", "UnCLIPImageHint"]
      case .decoder: ["diffusers", "UNet2DConditionModel"]
      case .upsampler, .lastUpsampler, .secondUpsampler: ["diffusers", "UNet2DModel"]
      case .priorScheduler, .decoderScheduler, .upsamplerScheduler, .secondUpsamplerScheduler:
        ["diffusers", "UnCLIPScheduler"]
      }
    }
  }

  /// Returns the folder of a part.
  public func folder(of part: Part) -> URL {
    url.appendingPathComponent(part.rawValue, isDirectory: true)
  }

  /// Returns a part's `config.json` or `scheduler_config.json`.
  public func configuration(of part: Part) -> URL {
    switch part {
    case .priorScheduler, .decoderScheduler, .upsamplerScheduler, .secondUpsamplerScheduler:
      folder(of: part).appendingPathComponent("scheduler_config.json")
    default: folder(of: part).appendingPathComponent("config.json")
    }
  }

  /// Returns whether the part's folder is there.
  public func has(_ part: Part) -> Bool {
    FileManager.default.fileExists(atPath: folder(of: part).path)
  }

  /// Whether the folder names its own defaults.
  package var hasDefaults: Bool {
    FileManager.default.fileExists(
      atPath: url.appendingPathComponent(ModelDefaults.fileName).path)
  }

  /// Refuses a folder that lacks a part or holds a pipeline of another class.
  /// - Throws: `ModelFolderError.notAModel`, `.otherModel` or `.missing`.
  public func require(_ parts: [Part]) throws(ModelFolderError) {
    let present = Part.allCases.filter(has)
    guard !present.isEmpty else { throw .notAModel(url.path) }
    if let other = otherClass { throw .otherModel(folder: url.path, found: other) }
    for part in parts where !present.contains(part) {
      throw .missing(folder: url.path, part: part.rawValue)
    }
  }

  /// Whether `model_index.json` is there and names a pipeline of unCLIP.
  package var isUnCLIP: Bool { indexClass?.hasPrefix("UnCLIP") ?? false }

  /// The class that `model_index.json` names, if it is not one of unCLIP's.
  private var otherClass: String? { isUnCLIP ? nil : indexClass }

  /// The class that `model_index.json` names.
  private var indexClass: String? {
    do {
      let index = try ConfigFile.object(at: url.appendingPathComponent("model_index.json"))
      if case .string(let name)? = index["_class_name"] { return name }
    } catch {
      // A folder whose parts are all there needs no index.
    }
    return nil
  }

  // MARK: Weights

  /// Fills `module` with the part's weights, exactly.
  /// - Throws: `CheckpointError`.
  func load(
    _ module: some Module, from part: Part, ignoring junk: Set<String> = []
  ) throws(CheckpointError) {
    let file = try Safetensors.readModel(folder: folder(of: part), stem: Part.diffusersStem)
    try module.load(file, file: folder(of: part), ignoring: junk, sharing: true)
  }

  /// Writes a part: its configuration, then its weights, each aside and renamed.
  /// - Throws: `CheckpointError`.
  func save(
    _ state: [String: Tensor], configuration data: Data, as part: Part
  ) throws(CheckpointError) {
    try write(data, as: part)
    try Safetensors.write(
      state, metadata: ["format": "pt"],
      to: folder(of: part).appendingPathComponent(Part.diffusersStem + ".safetensors"))
  }

  /// Writes a part's configuration file and the index of the parts.
  /// - Throws: `CheckpointError.unwritable`.
  func write(_ data: Data, as part: Part) throws(CheckpointError) {
    try write(data, to: configuration(of: part))
    try writeIndex()
  }

  /// Rewrites `model_index.json` from the parts that are there.
  /// - Throws: `CheckpointError.unwritable`.
  public func writeIndex() throws(CheckpointError) {
    var index: [String: JSONValue] = [
      "_class_name": .string(has(.prior) ? "UnCLIPPipeline" : "UnCLIPImageVariationPipeline"),
      "_diffusers_version": .string("0.42.1"),
    ]
    for part in Part.allCases where has(part) {
      index[part.rawValue] = .array(part.peerClass.map { .string($0) })
    }
    let data: Data
    do {
      data = try ConfigFile.encode(index)
    } catch {
      throw CheckpointError.unwritable(file: url.path, reason: error.description)
    }
    try write(data, to: url.appendingPathComponent("model_index.json"))
  }

  /// Writes name, version and default settings.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  package func writeDefaults(_ defaults: ModelDefaults) throws {
    try write(
      defaults.encoded(), to: url.appendingPathComponent(ModelDefaults.fileName))
  }

  /// Writes a file of the folder aside and renames it.
  func write(_ data: Data, to file: URL) throws(CheckpointError) {
    do {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try AtomicFile.write(data, to: file)
    } catch {
      throw CheckpointError.unwritable(file: file.path, reason: reason(of: error))
    }
  }
}

/// Why a folder cannot be used as a model.
public enum ModelFolderError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The folder is missing or holds no part of a model.
  case notAModel(String)
  /// The folder holds a pipeline of another class.
  case otherModel(folder: String, found: String)
  /// A part that the task needs is not there.
  case missing(folder: String, part: String)
  /// The file with the principal components of the embeddings is not there.
  case noComponents(folder: String)
  /// The file with the second moments of a stage is not there.
  case noMoments(folder: String, stage: String)
  /// The second moments of a stage were estimated for other weights or another process.
  case otherMoments(folder: String, stage: String)
  /// A value in the configuration of a part does not fit the other parts.
  case disagreement(folder: String, part: String, key: String, value: String, reason: String)
  /// The list of known words cannot be read.
  case vocabulary(file: String, reason: String)
  /// A stage computed NaN or infinity from finite weights.
  case overflow(folder: String, stage: String, dtype: String)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .notAModel(let folder):
      return "\(folder) is not a model folder: it holds none of the parts of an unCLIP model; "
        + "give the folder that contains model_index.json."
    case .otherModel(let folder, let found):
      return "\(folder) holds a \(found), but an UnCLIPPipeline is needed; give the folder of an "
        + "unCLIP model."
    case .missing(let folder, let part):
      return "\(folder) has no '\(part)' folder, which this needs; train or add that part."
    case .noComponents(let folder):
      return "\(folder) has no \(ModelFolder.pcaName) with the principal components of its "
        + "embeddings; fit them with 'unclip pca --data DATA --model \(folder) --out "
        + "\(folder)/\(ModelFolder.pcaName)'."
    case .noMoments(let folder, let stage):
      return "\(folder) has no second moments of its \(stage), which the analytic sampler needs; "
        + "estimate them with 'unclip moments --data DATA --model \(folder)'."
    case .otherMoments(let folder, let stage):
      return "\(folder) holds second moments that were estimated for other weights of its \(stage) "
        + "or another process; estimate them again with 'unclip moments --stage \(stage) --force "
        + "--data DATA --model \(folder)'."
    case .disagreement(let folder, let part, let key, let value, let reason):
      return "\(folder) holds parts that do not belong together: '\(key)' of \(part) is \(value), "
        + "but \(reason); use parts of one model."
    case .vocabulary(let file, let reason):
      return "\(file) cannot be read: \(reason), one word a line, or remove it."
    case .overflow(let folder, let stage, let dtype):
      return "the \(stage) of \(folder) computes values that are not finite in \(dtype); draw "
        + "with --dtype float32."
    }
  }
}
