import CLIP
import Classics
import Config
import Diffusion
import Foundation
import ModelHub
import UnCLIP

/// A folder on the search path that holds a model or wants to, and what can be done with it.
struct FoundModel: Sendable, Encodable {
  /// What a folder holds, by the files in it.
  enum Kind: String, Sendable, Encodable {
    /// A whole unCLIP model, or parts of one.
    case unCLIP = "unclip"
    /// A CLIP of transformers or of open_clip.
    case clip
    /// A model of the road to unCLIP.
    case classic
    /// Weights without a configuration.
    case checkpoint

    /// What it is, in words.
    var text: String {
      switch self {
      case .unCLIP: "unCLIP model"
      case .clip: "CLIP"
      case .classic: "classic model"
      case .checkpoint: "checkpoint"
      }
    }

    /// The kind of a folder; nil where nothing in it belongs to a model.
    init?(of folder: URL) {
      let names = Set(ModelSearch.entries(of: folder))
      let parts = Set(ModelFolder.Part.allCases.map(\.rawValue))
      if names.contains(ModelSearch.index) || names.intersection(parts).count > 1 {
        self = .unCLIP
      } else if names.contains("open_clip_config.json") {
        self = .clip
      } else if names.contains("config.json") {
        self = Self.isClassic(folder) ? .classic : .clip
      } else if names.contains(where: { Self.weights.contains(($0 as NSString).pathExtension) }) {
        self = .checkpoint
      } else {
        return nil
      }
    }

    /// Extensions of files with weights.
    private static let weights: Set<String> = ["safetensors", "bin", "pt", "pth", "ckpt", "th"]

    private static func isClassic(_ folder: URL) -> Bool {
      do {
        _ = try ClassicFolder(folder).kind()
        return true
      } catch {
        return false
      }
    }
  }

  /// The name by which `--model` finds it.
  let name: String
  /// Its folder.
  let path: String
  /// What it holds.
  let kind: Kind
  /// Its kind in full, as text.
  private(set) var title: String
  /// Size of its files.
  let bytes: Int64
  /// Commands that can use it.
  private(set) var commands: [String] = []
  /// Sides of the images it generates, pixels, ascending.
  private(set) var sizes: [Int] = []
  /// How its stages sample unless asked otherwise, by the keys of `unclip.json`; nil where it
  /// generates nothing.
  private(set) var defaults: [String: JSONValue]?
  /// The same in words.
  private var sampling: String?
  /// What there is to choose from, where there are two priors.
  private var priors: String?
  /// Why it cannot be used; nil where it can.
  private(set) var problem: String?
  /// The folder that is found by this name instead; nil where this one is.
  var hiddenBy: String?

  private enum CodingKeys: String, CodingKey {
    case name, path, kind, title, bytes, commands, sizes, defaults, problem, hiddenBy
  }

  /// Reads configurations and the headers of weights in a folder; nil where nothing in it belongs
  /// to a model.
  ///
  /// - Parameter name: The name that finds it; the folder's if not given.
  init?(_ folder: URL, name: String? = nil) {
    guard let kind = Kind(of: folder) else { return nil }
    self.name = name ?? folder.lastPathComponent
    path = folder.path
    self.kind = kind
    title = kind.text
    bytes = Self.size(of: folder)
    do {
      switch kind {
      case .unCLIP: try describe(ModelFolder(folder))
      case .clip: try describe(CLIPFolder(folder))
      case .classic: try describe(ClassicFolder(folder))
      case .checkpoint:
        problem =
          "\(path) holds weights without a configuration; make a model folder of them with "
          + "'unclip convert'."
      }
    } catch {
      problem = CommandEntry.sentence(for: error)
      commands = []
    }
  }

  private mutating func describe(_ folder: ModelFolder) throws {
    try folder.require([])
    try folder.checkFit()
    func has(_ parts: ModelFolder.Part...) -> Bool { parts.allSatisfy(folder.has) }
    let draws = has(.tokenizer, .textEncoder, .textProjection, .decoder, .decoderScheduler)
    let hasPrior = has(.prior, .priorScheduler) || has(.autoregressivePrior)
    if draws, hasPrior { commands.append("generate") }
    if draws, has(.imageEncoder) { commands += ["vary", "interpolate", "diff", "mix", "invert"] }
    if draws, hasPrior || has(.imageEncoder) {
      commands += ["inpaint", "outpaint"]
    }
    if draws, has(.upsampler, .upsamplerScheduler) { commands.append("upscale") }
    if has(.tokenizer, .textEncoder) || has(.imageEncoder) { commands.append("embed") }
    if has(.tokenizer, .textEncoder, .imageEncoder) { commands.append("classify") }
    if has(.tokenizer) { commands.append("tokenize") }
    guard draws else {
      title =
        "parts of an unCLIP model: "
        + ModelFolder.Part.allCases.filter(folder.has).map(\.rawValue).joined(separator: ", ")
      return
    }
    sizes = try folder.sizes()
    let settings = try ModelDefaults.read(from: folder).sampling
    let stages = [
      "prior_": hasPrior, "upsampler_": sizes.count > 1, "second_upsampler_": sizes.count > 2,
    ]
    let kinds = PriorKind.allCases.filter { $0.parts.allSatisfy(folder.has) }
    let used = kinds.reduce(into: Set<String>()) { $0.formUnion($1.settingKeys) }
    let unused = PriorKind.allSettingKeys.subtracting(used)
    defaults = try settings.values().filter { key, _ in
      stages.allSatisfy { $0.value || !(key + "_").hasPrefix($0.key) } && !unused.contains(key)
    }
    sampling = Self.text(settings, hasPrior: hasPrior, sizes: sizes)
    if has(.prior, .autoregressivePrior) {
      priors = "priors: diffusion and ar, --prior chooses"
    }
  }

  private mutating func describe(_ folder: CLIPFolder) throws {
    try folder.checkFit()
    title += folder.layout == .openCLIP ? " of open_clip" : " of transformers"
    if !folder.hasText { title += ", its vision tower" }
    if !folder.hasVision { title += ", its text tower" }
    commands.append("embed")
    if folder.hasText, folder.hasVision { commands.append("classify") }
    if folder.hasText { commands.append("tokenize") }
  }

  private mutating func describe(_ folder: ClassicFolder) throws {
    let kind = try folder.kind()
    title += ", \(kind.rawValue)"
    let capabilities: [(command: String, kinds: [ClassicKind])] = [
      ("classics sample", ClassicCapability.generating.kinds),
      ("classics reconstruct", ClassicCapability.reconstructing.kinds),
      ("classics interpolate", ClassicCapability.interpolating.kinds),
      ("classics denoise", ClassicCapability.denoising.kinds),
    ]
    commands = capabilities.filter { $0.kinds.contains(kind) }.map(\.command)
    commands.append("classics evaluate")
  }

  /// The size of the files in a folder, without those whose names begin with a dot, as git's do.
  private static func size(of folder: URL) -> Int64 {
    let files = FileManager.default.enumerator(
      at: folder, includingPropertiesForKeys: nil, options: [.skipsHiddenFiles])
    var total: Int64 = 0
    while let file = files?.nextObject() as? URL {
      var status = stat()
      // Caches hold links to files elsewhere, so links are followed.
      if stat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
        total += Int64(status.st_size)
      }
    }
    return total
  }
}

// MARK: Text

extension FoundModel {
  /// The model in a few lines.
  var text: String {
    var lines = ["\(name)  \(title), \(byteText(bytes))", "  \(path)"]
    if let hiddenBy {
      lines.append("  --model \(name) finds \(hiddenBy); give this one by its path.")
    }
    if let problem { lines.append("  cannot be used: \(problem)") }
    if !commands.isEmpty { lines.append("  for \(commands.joined(separator: ", "))") }
    if !sizes.isEmpty {
      lines.append("  images of \(sizes.map(String.init).joined(separator: " or ")) pixels")
    }
    if let sampling { lines.append("  \(sampling)") }
    if let priors { lines.append("  \(priors)") }
    return lines.joined(separator: "\n")
  }

  private static func text(
    _ sampling: SamplingSettings, hasPrior: Bool, sizes: [Int]
  ) -> String {
    func stage(_ name: String, _ stage: StageSampling, isGuided: Bool = true) -> String {
      let guidance = isGuided ? ", guidance \(number(stage.guidance))" : ""
      let steps = stage.steps == 1 ? "1 step" : "\(stage.steps) steps"
      return "\(name) \(steps)\(guidance), \(stage.sampler.rawValue)"
    }
    var stages: [String] = []
    switch sampling.priorKind {
    case _ where !hasPrior: break
    case .none, .text: stages.append("prior \(sampling.priorKind.rawValue)")
    case .autoregressive:
      let top = sampling.priorTopK > 0 ? ", top \(sampling.priorTopK)" : ""
      stages.append(
        "prior ar, guidance \(number(sampling.priorGuidance)), temperature "
          + number(sampling.priorTemperature) + top)
    case .diffusion:
      let best = sampling.priorCandidates > 1 ? ", best of \(sampling.priorCandidates)" : ""
      stages.append(stage("prior", sampling.prior) + best)
    }
    stages.append(stage("decoder", sampling.decoder))
    if sizes.count > 1 { stages.append(stage("upsampler", sampling.upsampler, isGuided: false)) }
    if sizes.count > 2 {
      stages.append(stage("second upsampler", sampling.secondUpsampler, isGuided: false))
    }
    return "defaults: " + stages.joined(separator: "; ")
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e6 ? "\(Int(value))" : "\(value)"
  }
}
