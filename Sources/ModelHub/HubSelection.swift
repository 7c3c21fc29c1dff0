/// The files of a repository that a model of CLIP or unCLIP is read from.
///
/// Of each folder, weights are taken once: safetensors before pickles, plain before a variant
/// unless one is asked for. Of the rest, configurations and the files of tokenizers are taken.
package struct HubSelection: Sendable, Equatable {
  /// The files, by path.
  package var files: [HubFile]
  /// Those with weights that are pickles.
  package var pickles: [String]

  /// Whether the model cannot be used as it is, and `unclip convert` makes one of it that can.
  package var needsConversion: Bool { !pickles.isEmpty }

  /// Takes all files.
  package init(all tree: HubTree) {
    files = tree.files.sorted { $0.path < $1.path }
    pickles = []
  }

  /// Takes what a model is read from.
  ///
  /// - Parameters:
  ///   - tree: The repository's files.
  ///   - variant: Such as `fp16`; folders without it give their plain weights.
  ///   - repository: Its name, for errors.
  /// - Throws: `HubError.noModel`, `HubError.noVariant`.
  ///
  /// Source: diffusers `variant_compatible_siblings`.
  package init(
    of tree: HubTree, variant: String?, repository: HubRepository
  ) throws(HubError) {
    let paths = tree.files.map(\.path)
    let isPipeline = paths.contains("model_index.json")
    var folders: [String: [HubFile]] = [:]
    for file in tree.files {
      let parts = file.path.split(separator: "/")
      guard parts.count <= 2, !parts.contains(where: { $0.hasPrefix(".") }) else { continue }
      folders[parts.count == 2 ? String(parts[0]) : "", default: []].append(file)
    }
    var known: Set<String> = []
    var hasVariant = false
    var taken: [HubFile] = []
    var pickles: [String] = []
    for (folder, files) in folders {
      let others = files.filter { Self.isText($0) && Weights($0) == nil && !Weights.isIndex($0) }
      let isPart = others.contains {
        Self.isConfiguration($0.path.split(separator: "/").last.map(String.init) ?? "")
      }
      // Folders of other formats, such as onnx, have no configuration of their own.
      if !folder.isEmpty, !isPart { continue }
      let weights = files.compactMap(Weights.init)
      known.formUnion(weights.compactMap(\.variant))
      let choice = Weights.choice(
        of: weights, variant: variant, isPipelineRoot: isPipeline && folder.isEmpty)
      hasVariant = hasVariant || choice.contains { $0.variant == variant }
      let chosen = Set(choice.map { $0.stem + "." + $0.format + "." + ($0.variant ?? "") })
      let indices = files.filter { file in
        Weights.index(file).map { chosen.contains($0) } ?? false
      }
      // A CLIP has one layout; the other's configuration without its weights is none.
      let isTransformers =
        folder.isEmpty && !isPipeline && paths.contains("config.json")
        && choice.contains { $0.stem == "model" || $0.stem == "pytorch_model" }
      taken += choice.map(\.file)
      taken += choice.contains(where: \.isShard) ? indices : []
      taken += others.filter { !isTransformers || $0.path != "open_clip_config.json" }
      pickles += choice.filter { $0.format != "safetensors" }.map(\.file.path)
    }
    let isModel = taken.contains { Weights($0) != nil }
    guard isModel else { throw .noModel(repository.id, files: paths.sorted()) }
    if let variant, !hasVariant {
      throw .noVariant(variant, of: repository.id, known: known.sorted())
    }
    self.files = taken.sorted { $0.path < $1.path }
    self.pickles = pickles.sorted()
  }

  private static func isConfiguration(_ name: String) -> Bool {
    name.hasSuffix("config.json") || ["vocab.json", "merges.txt", "tokenizer.json"].contains(name)
  }

  /// Whether a file is a configuration, a vocabulary or the like; training logs are larger.
  private static func isText(_ file: HubFile) -> Bool {
    (file.path.hasSuffix(".json") || file.path.hasSuffix(".txt")) && file.size < 64 << 20
  }
}

/// A file of weights, by its name: `STEM[.VARIANT][-00001-of-00002][.VARIANT].FORMAT`.
private struct Weights {
  let file: HubFile
  let stem: String
  let variant: String?
  let format: String
  let isShard: Bool

  /// Stems in the order in which one is taken where a folder has the same weights twice.
  private static let stems = [
    "model", "diffusion_pytorch_model", "open_clip_model", "open_clip_pytorch_model",
    "pytorch_model",
  ]
  /// Variants that differ in precision alone, which stand for plain weights that are not there.
  private static let precisions = ["fp32", "bf16", "fp16"]
  private static let formats = ["safetensors", "bin", "ckpt", "pt", "pth", "th"]

  init?(_ file: HubFile) {
    let name = file.path.split(separator: "/").last.map(String.init) ?? ""
    guard let dot = name.lastIndex(of: "."),
      Self.formats.contains(String(name[name.index(after: dot)...]))
    else { return nil }
    format = String(name[name.index(after: dot)...])
    var rest = String(name[..<dot])
    var isShard = false
    var found: String?
    if let match = rest.firstMatch(of: /-\d{5}-of-\d{5}(\.(?<variant>[A-Za-z0-9_]+))?$/) {
      isShard = true
      found = match.variant.map { String($0) }
      rest = String(rest[..<match.range.lowerBound])
    }
    // Numbers in names, as of ViT-L-14_stats.th, are no variants.
    if let known = Self.stems.first(where: { rest.hasPrefix($0 + ".") }) {
      found = String(rest.dropFirst(known.count + 1))
      rest = known
    }
    self.file = file
    self.isShard = isShard
    stem = rest
    variant = found
  }

  /// Whether a file says which shard holds which weights.
  static func isIndex(_ file: HubFile) -> Bool { index(file) != nil }

  /// What an index is of, as `STEM.FORMAT.VARIANT`.
  static func index(_ file: HubFile) -> String? {
    let name = file.path.split(separator: "/").last.map(String.init) ?? ""
    guard let match = name.wholeMatch(of: /(.+)\.(safetensors|bin)\.(.+)\.?json/) else {
      return nil
    }
    let rest = String(match.3).split(separator: ".").filter { $0 != "index" }
    guard rest.count <= 1, name.contains(".index.") else { return nil }
    return "\(match.1).\(match.2).\(rest.first.map(String.init) ?? "")"
  }

  /// What is taken of the weights in a folder.
  static func choice(of all: [Weights], variant: String?, isPipelineRoot: Bool) -> [Weights] {
    // Beside the parts of a pipeline lie other programs' copies of the whole, but for these.
    let all = isPipelineRoot ? all.filter { $0.stem == "pca" } : all
    let safe = one(of: all.filter { $0.format == "safetensors" }, variant: variant)
    if !safe.isEmpty { return safe }
    let bins = one(of: all.filter { $0.format == "bin" }, variant: variant)
    return bins.isEmpty ? all.filter { $0.format != "bin" && $0.variant == nil } : bins
  }

  /// The weights of one format, once.
  private static func one(of all: [Weights], variant: String?) -> [Weights] {
    var byStem = Dictionary(grouping: all, by: \.stem)
    if let first = stems.first(where: { byStem[$0] != nil }) {
      for stem in stems where stem != first { byStem[stem] = nil }
    }
    return byStem.values.flatMap { weights -> [Weights] in
      let order = [variant, nil] + precisions.map(Optional.some)
      for wanted in order {
        let found = weights.filter { $0.variant == wanted }
        // Whole weights and shards of them are the same.
        let whole = found.filter { !$0.isShard }
        if !found.isEmpty { return whole.isEmpty ? found : whole }
      }
      return []
    }
  }
}
