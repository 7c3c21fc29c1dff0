import Config
import Files
public import Foundation
import Torch
import TorchNN

/// A folder with one model: `config.json`, which names its kind and shape, and
/// `model.safetensors`.
public struct ClassicFolder: Sendable, Equatable {
  /// The folder.
  public let url: URL

  /// The folder at `url`, whether or not it exists.
  public init(_ url: URL) {
    self.url = url
  }

  /// What stands in `config.json`.
  private struct Header<Config: ClassicConfig>: Codable {
    var kind: ClassicKind
    var model: Config
    /// Of a prior over codes: the fingerprint of the codebook they were taken from.
    var codebook: String?
    /// Names of the classes that the model tells apart or is told.
    var classes: [String]?
  }

  private static let stem = "model"
  private var configuration: URL { url.appending(path: "config.json") }

  /// The kind of the model in it.
  /// - Throws: ``ClassicError/noModel(folder:)``, `ConfigError`.
  public func kind() throws -> ClassicKind {
    guard FileManager.default.fileExists(atPath: configuration.path) else {
      throw ClassicError.noModel(folder: url.path)
    }
    let object = try ConfigFile.object(at: configuration)
    guard case .string(let name)? = object["kind"], let kind = ClassicKind(rawValue: name) else {
      throw ClassicError.noModel(folder: url.path)
    }
    return kind
  }

  /// Writes a model; a prior with the fingerprint of its codebook, and one that knows classes with
  /// their names.
  /// - Throws: `ConfigError`, `CheckpointError.unwritable`.
  public func save<Model: ClassicModel>(
    _ model: Model, codebook: String? = nil, classes: [String]? = nil
  ) throws {
    let header = Header(
      kind: Model.kind, model: model.config, codebook: codebook, classes: classes)
    let data = try ConfigFile.encode(header)
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      try AtomicFile.write(data, to: configuration)
    } catch {
      throw CheckpointError.unwritable(
        file: configuration.path, reason: reason(of: error))
    }
    try Safetensors.write(
      model.stateDict(), to: url.appending(path: Self.stem + ".safetensors"))
  }

  /// Loads a model of a type, in evaluation mode and without gradients.
  /// - Throws: ``ClassicError`` for a folder without a model or with one of another kind,
  ///   `ConfigError` and `CheckpointError`, naming the file.
  public func load<Model: ClassicModel>(_ type: Model.Type = Model.self) throws -> Model {
    let found = try kind()
    guard found == Model.kind else {
      throw ClassicError.otherKind(folder: url.path, found: found, wanted: Model.kind)
    }
    let header = try ConfigFile.read(Header<Model.Config>.self, at: configuration)
    try header.model.validate(file: configuration.path)
    let model = withoutInitialization { Model(header.model, using: RandomSource(seed: 0)) }
    try model.load(
      Safetensors.readModel(folder: url, stem: Self.stem),
      file: url.appending(path: Self.stem + ".safetensors"))
    model.freeze()
    model.eval()
    return model
  }

  /// Names of the classes that its model tells apart or is told, in their order; none if it knows
  /// no classes.
  /// - Throws: `ConfigError`.
  public func classes() throws -> [String] {
    guard case .array(let names)? = try ConfigFile.object(at: configuration)["classes"] else {
      return []
    }
    return names.compactMap { if case .string(let name) = $0 { name } else { nil } }
  }

  /// Refuses a prior over the codes of another codebook than the given one.
  /// - Throws: ``ClassicError/otherCodebook(prior:model:)``, `ConfigError`.
  public func requireCodebook(_ fingerprint: String, of model: URL) throws {
    let object = try ConfigFile.object(at: configuration)
    guard object["codebook"] == .string(fingerprint) else {
      throw ClassicError.otherCodebook(prior: url.path, model: model.path)
    }
  }
}

/// Why a folder's model cannot be used.
public enum ClassicError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// There is no model.
  case noModel(folder: String)
  /// It is of another kind.
  case otherKind(folder: String, found: ClassicKind, wanted: ClassicKind)
  /// A prior was trained on the codes of another VQ-VAE.
  case otherCodebook(prior: String, model: String)

  /// The same sentence, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence with what to do.
  public var description: String {
    switch self {
    case .noModel(let folder):
      "\(folder) holds no config.json that names a kind of model: name the folder 'model' of a "
        + "finished training run."
    case .otherKind(let folder, let found, let wanted):
      "\(folder) holds a model of kind \(found.rawValue), but \(wanted.rawValue) is needed: name "
        + "the folder of such a model."
    case .otherCodebook(let prior, let model):
      "The prior in \(prior) was trained on the codes of another codebook than that in \(model): "
        + "train it with --model \(model), or name the VQ-VAE it belongs to."
    }
  }
}
