import Config
import Files
public import Foundation
public import Torch
import TorchNN

/// A folder with one model: `config.json` with its kind and configuration, and
/// `model.safetensors`.
public struct ClassicFolder: Sendable, Equatable {
  /// The folder.
  public let url: URL

  /// Makes the folder at `url`, whether or not it exists.
  public init(_ url: URL) {
    self.url = url
  }

  /// The contents of `config.json`.
  private struct Header<Config: ClassicConfig>: Codable {
    var kind: ClassicKind
    var model: Config
    /// For a prior over codes: the fingerprint of their codebook.
    var codebook: String?
    /// Names of the classes that the model predicts or is conditioned on.
    var classes: [String]?
  }

  private static let stem = "model"
  private var configuration: URL { url.appending(path: "config.json") }

  /// Reads the kind of the model.
  /// - Throws: ``ClassicError/noModel(folder:)``, `ConfigError`.
  public func kind() throws -> ClassicKind {
    guard FileManager.default.fileExists(atPath: configuration.path) else {
      throw ClassicError.noModel(folder: url.path)
    }
    let object = try ConfigFile.object(at: configuration)
    guard case .string(let name)? = object["kind"],
      let kind = ClassicKind(rawValue: name)
    else {
      throw ClassicError.noModel(folder: url.path)
    }
    return kind
  }

  /// Writes a model: a prior with the fingerprint of its codebook, one with classes with their
  /// names.
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

  /// Loads the model, whatever its kind, ready for inference.
  /// - Throws: ``ClassicError/noModel(folder:)``, `ConfigError` and `CheckpointError`, naming the
  ///   file.
  public func loadAny(on device: Device = .cpu) throws -> any ClassicModel {
    try filled(kind().type, on: device)
  }

  /// Loads a model with a capability, ready for inference.
  /// - Throws: As ``loadAny(on:)``, and ``ClassicError/incapable(folder:kind:action:capable:)``.
  public func load<Model>(
    _ capability: ClassicCapability<Model>, on device: Device = .cpu
  ) throws -> Model {
    let kind = try kind()
    guard capability.kinds.contains(kind),
      let model = try filled(kind.type, on: device) as? Model
    else {
      throw ClassicError.incapable(
        folder: url.path, kind: kind, action: capability.action, capable: capability.list)
    }
    return model
  }

  /// Loads a model of a type, ready for inference.
  /// - Throws: As ``loadAny(on:)``, and ``ClassicError/otherKind(folder:found:wanted:)``.
  public func load<Model: ClassicModel>(
    _ type: Model.Type = Model.self, on device: Device = .cpu
  ) throws -> Model {
    let found = try kind()
    guard found == Model.kind else {
      throw ClassicError.otherKind(folder: url.path, found: found, wanted: Model.kind)
    }
    return try filled(type, on: device)
  }

  private func filled<Model: ClassicModel>(_ type: Model.Type, on device: Device) throws -> Model {
    let header = try ConfigFile.read(Header<Model.Config>.self, at: configuration)
    try header.model.validate(file: configuration.path)
    let model = try Model.load(
      header.model, from: Safetensors.readModel(folder: url, stem: Self.stem),
      file: url.appending(path: Self.stem + ".safetensors"), checksValues: true)
    model.prepareForInference(device: device)
    return model
  }

  /// Names of the classes that its model predicts or is conditioned on, in their order; empty
  /// without classes.
  /// - Throws: `ConfigError`.
  public func classes() throws -> [String] {
    guard case .array(let names)? = try ConfigFile.object(at: configuration)["classes"] else {
      return []
    }
    return names.compactMap { if case .string(let name) = $0 { name } else { nil } }
  }

  /// Refuses a prior that was trained on another codebook.
  /// - Throws: ``ClassicError/otherCodebook(prior:model:)``, `ConfigError`.
  public func requireCodebook(_ fingerprint: String, of model: URL) throws {
    let object = try ConfigFile.object(at: configuration)
    guard object["codebook"] == .string(fingerprint) else {
      throw ClassicError.otherCodebook(prior: url.path, model: model.path)
    }
  }
}

/// The reason why a folder's model cannot be used.
public enum ClassicError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The folder holds no model.
  case noModel(folder: String)
  /// The model is of another kind.
  case otherKind(folder: String, found: ClassicKind, wanted: ClassicKind)
  /// Its kind lacks the capability.
  case incapable(folder: String, kind: ClassicKind, action: String, capable: String)
  /// A prior was trained on the codes of another VQ-VAE.
  case otherCodebook(prior: String, model: String)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .noModel(let folder):
      "\(folder) holds no config.json that names a kind of model: name the folder 'model' of a "
        + "finished training run."
    case .otherKind(let folder, let found, let wanted):
      "\(folder) holds a model of kind \(found.rawValue), but \(wanted.rawValue) is needed: name "
        + "the folder of such a model."
    case .incapable(let folder, let kind, let action, let capable):
      "\(folder) holds a model of kind \(kind.rawValue), which cannot \(action): name one of kind "
        + "\(capable)."
    case .otherCodebook(let prior, let model):
      "The prior in \(prior) was trained on the codes of another codebook than that in \(model): "
        + "train it with --model \(model), or name the VQ-VAE it belongs to."
    }
  }
}
