public import Config
import Diffusion
import Foundation

/// What a model is called and how it samples unless asked otherwise; `unclip.json` in its folder,
/// one flat object of `name`, `version`, `domain` and `size` where there are such, and the keys of
/// ``SamplingSettings``.
///
/// A folder of diffusers has no such file, and a file may leave settings out: those are diffusers'
/// defaults, each stage sampled as its scheduler's class says.
public struct ModelDefaults: Sendable, Equatable {
  /// The model's name, written into images.
  public var name: String
  /// The model's version, written into images.
  public var version: String
  /// What the model was trained on, where it knows nothing else: `drawings of single things`; nil
  /// for a model of everything.
  public var domain: String?
  /// The side of images whose size nobody asks for, pixels; nil for the largest.
  public var size: Int?
  /// How every stage samples.
  public var sampling: SamplingSettings

  /// Groups them.
  public init(
    name: String, version: String = "1", domain: String? = nil, size: Int? = nil,
    sampling: SamplingSettings = .init()
  ) {
    self.size = size
    self.name = name
    self.version = version
    self.domain = domain
    self.sampling = sampling
  }

  /// Returns the defaults of the model in `folder`.
  /// - Throws: `ConfigError` for a file that is there and wrong.
  public static func read(from folder: ModelFolder) throws(ConfigError) -> ModelDefaults {
    try read(from: folder, schedulers: folder.schedulers())
  }

  /// As ``read(from:)``, for who has read the processes already.
  static func read(
    from folder: ModelFolder, schedulers: [GenerationProgress.Stage: SchedulerConfig]
  ) throws(ConfigError) -> ModelDefaults {
    var sampling = SamplingSettings()
    sampling.takeSamplers(of: schedulers)
    if !folder.has(.prior), folder.has(.autoregressivePrior) {
      sampling.priorKind = .autoregressive
    }
    let url = folder.url.appendingPathComponent(fileName)
    guard FileManager.default.fileExists(atPath: url.path) else {
      let (name, version) = Self.name(of: folder.url)
      return ModelDefaults(name: name, version: version, sampling: sampling)
    }
    var values = flattened(try ConfigFile.object(at: url))
    func text(_ key: String) throws(ConfigError) -> String {
      switch values.removeValue(forKey: key) {
      case .string(let text): return text
      case nil: throw .missingKey(file: url.path, key: key)
      case .some(let other):
        throw .invalid(
          file: url.path, key: key, value: other.text, expected: "it must be a text")
      }
    }
    let name = try text("name")
    let version = try text("version")
    let domain = values.keys.contains("domain") ? try text("domain") : nil
    var size: Int?
    if let value = values.removeValue(forKey: "size") {
      guard case .integer(let side) = value, side > 0 else {
        throw .invalid(
          file: url.path, key: "size", value: value.text,
          expected: "it must be the side of an image, in pixels")
      }
      size = side
    }
    sampling = try sampling.replacing(values, file: url.path)
    do {
      try sampling.validate()
    } catch .outOfRange(let setting, let value, let range) {
      throw .invalid(
        file: url.path, key: setting.replacing(" ", with: "_"), value: value,
        expected: "it must be \(range)")
    } catch {
      throw .unreadable(file: url.path, reason: error.description)
    }
    return ModelDefaults(
      name: name, version: version, domain: domain, size: size, sampling: sampling)
  }

  /// The name and version of a folder that says nothing of them: those of the repository and commit
  /// in a cache of huggingface_hub, `models--OWNER--NAME/snapshots/COMMIT`, else the folder's name.
  private static func name(of url: URL) -> (name: String, version: String) {
    let parts = url.standardizedFileURL.pathComponents.suffix(3)
    if let match = parts.joined(separator: "/").wholeMatch(
      of: /models--([^\/]+?)--([^\/]+)\/snapshots\/([0-9a-f]{40})/)
    {
      return ("\(match.1)/\(match.2)", String(match.3.prefix(8)))
    }
    return (url.lastPathComponent, "1")
  }

  /// Returns the settings of a model that is made of the parts of several folders.
  ///
  /// As with parts, the last folder with a file of settings counts. A folder without one says with
  /// its schedulers how its stages sample; of them UnCLIPScheduler, which training writes too,
  /// changes no setting of a file.
  ///
  /// - Throws: `ConfigError`.
  package static func joined(
    from folders: [ModelFolder], name: String, version: String
  ) throws(ConfigError) -> ModelDefaults {
    var joined = ModelDefaults(name: name, version: version)
    var isSaid = false
    for folder in folders {
      if folder.hasDefaults {
        let own = try read(from: folder)
        (joined.sampling, joined.domain) = (own.sampling, own.domain ?? joined.domain)
        joined.size = own.size ?? joined.size
        isSaid = true
      } else {
        let schedulers = try folder.schedulers()
        joined.sampling.takeSamplers(
          of: schedulers.filter { !isSaid || $0.value.algorithm != .unCLIP })
      }
    }
    if !folders.contains(where: { $0.has(.prior) }),
      folders.contains(where: { $0.has(.autoregressivePrior) })
    {
      joined.sampling.priorKind = .autoregressive
    }
    return joined
  }

  /// Returns the file's content.
  /// - Throws: `ConfigError` when a number has no JSON form.
  func encoded() throws(ConfigError) -> Data {
    var named: [String: JSONValue] = ["name": .string(name), "version": .string(version)]
    named["domain"] = domain.map { .string($0) }
    named["size"] = size.map { .integer($0) }
    return try ConfigFile.encode(sampling.values().merging(named) { own, _ in own })
  }

  /// Returns the object with the keys of the first versions, which had one object a stage, in
  /// today's form.
  private static func flattened(_ object: [String: JSONValue]) -> [String: JSONValue] {
    var flat = object
    for stage in ["prior", "decoder"] {
      guard case .object(let members)? = flat[stage] else { continue }
      flat[stage] = nil
      for (key, value) in members { flat["\(stage)_\(key)"] = value }
    }
    for (old, new) in [
      ("priorCandidates", "prior_candidates"), ("upsamplerSteps", "upsampler_steps"),
    ] {
      if let value = flat.removeValue(forKey: old) { flat[new] = value }
    }
    return flat
  }

  static let fileName = "unclip.json"
}

extension SamplingSettings {
  /// Samples each stage as its scheduler's class says.
  fileprivate mutating func takeSamplers(of schedulers: [GenerationProgress.Stage: SchedulerConfig])
  {
    if let prior = schedulers[.prior] { priorSampler = prior.defaultSampler }
    if let decoder = schedulers[.decoder] { decoderSampler = decoder.defaultSampler }
    if let upsampler = schedulers[.upsampler] { upsamplerSampler = upsampler.defaultSampler }
    if let second = schedulers[.secondUpsampler] {
      secondUpsamplerSampler = second.defaultSampler
    }
  }
}
