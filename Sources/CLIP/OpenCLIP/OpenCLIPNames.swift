public import Torch

/// The weight names of OpenAI's CLIP and of open_clip, and what they are in transformers.
///
/// Both keep one model in three parts: `visual.*`, the text tower without a prefix (or under
/// `text.` in open_clip's later files) and `logit_scale`. Queries, keys and values are one matrix
/// and projections stand the other way round.
/// Source: openai/CLIP `model.py`, open_clip `transformer.py`, transformers
/// `convert_clip_original_pytorch_to_hf.py`.
public enum OpenCLIPNames {
  /// What has to be done with a tensor on the way.
  public enum Change: Sendable, Equatable {
    /// Nothing.
    case none
    /// `[in, out]` becomes `[out, in]`.
    case transposed
    /// The rows are those of query, key and value in thirds.
    case thirds
  }

  /// What an entry becomes.
  public struct Target: Sendable, Equatable {
    /// The names in transformers' `CLIPModel`: one, or three for a tensor in thirds.
    public let keys: [String]
    /// How the tensor changes.
    public let change: Change
  }

  /// Entries that hold no weights: sizes in OpenAI's archives, the mask of open_clip's text tower.
  public static let ignored: Set<String> = [
    "input_resolution", "context_length", "vocab_size", "attn_mask", "text.attn_mask",
  ]

  /// Returns what an entry becomes, or nil for a name of another model (as a ResNet's
  /// `visual.layer1…`).
  public static func target(of key: String) -> Target? {
    if key == "logit_scale" { return Target(keys: [key], change: .none) }
    if let rest = key.dropping("visual.") {
      return target(rest, fixed: visionNames, in: "vision_model")
    }
    return target(key.dropping("text.") ?? key, fixed: textNames, in: "text_model")
  }

  /// Returns the name that a transformers name has in open_clip's files; a third shares its
  /// matrix's.
  ///
  /// `CheckpointError` speaks of a file, so its names must be the file's.
  public static func source(of key: String) -> String? {
    for (names, prefix, tower) in [
      (visionNames, "visual.", "vision_model"), (textNames, "", "text_model"),
    ] {
      if let known = names.first(where: { $0.value.keys.contains(key) }) {
        return prefix + known.key
      }
      guard let rest = key.dropping(tower + ".encoder.layers."),
        let dot = rest.firstIndex(of: ".")
      else { continue }
      let name = String(rest[rest.index(after: dot)...])
      let block = prefix + "transformer.resblocks." + rest[..<dot] + "."
      for (old, new) in blockNames where new.keys.contains(name) { return block + old }
    }
    return key == "logit_scale" ? key : nil
  }

  /// Applies a change, giving one tensor for each of the target's keys.
  ///
  /// Thirds look at the old tensor's memory; a transposed tensor is a copy.
  /// - Throws: `CheckpointError.badTensor` for a tensor that cannot change so.
  public static func tensors(
    of tensor: Tensor, key: String, change: Change, file: String
  ) throws(CheckpointError) -> [Tensor] {
    func bad(_ expected: String) -> CheckpointError {
      .badTensor(file: file, key: key, expected: expected, found: "the shape \(tensor.shape)")
    }
    switch change {
    case .none:
      return [tensor]
    case .transposed:
      guard tensor.rank == 2 else { throw bad("a matrix") }
      return [tensor.transposed().contiguous()]
    case .thirds:
      guard (1...2).contains(tensor.rank), tensor.dim(0) > 0, tensor.dim(0).isMultiple(of: 3)
      else { throw bad("queries, keys and values as rows in thirds") }
      let rows = tensor.dim(0) / 3
      return (0..<3).map { tensor.narrowed(0, start: $0 * rows, count: rows) }
    }
  }

  /// Returns a whole state under transformers' names.
  ///
  /// Names that are none of these keep theirs, so that whoever fills a model can list them; those
  /// in ``ignored`` are left out.
  /// - Throws: `CheckpointError.badTensor` for a tensor that cannot be split or turned.
  public static func converted(
    _ state: [String: Tensor], file: String
  ) throws(CheckpointError) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (key, tensor) in state where !ignored.contains(key) {
      guard let target = target(of: key) else {
        result[key] = tensor
        continue
      }
      let parts = try tensors(of: tensor, key: key, change: target.change, file: file)
      for (name, part) in zip(target.keys, parts) { result[name] = part }
    }
    return result
  }

  // MARK: Tables

  private static func target(
    _ key: String, fixed: [String: Target], in tower: String
  ) -> Target? {
    if let known = fixed[key] { return known }
    guard let rest = key.dropping("transformer.resblocks."),
      let dot = rest.firstIndex(of: "."), let index = Int(rest[..<dot]), index >= 0,
      let found = blockNames[String(rest[rest.index(after: dot)...])]
    else { return nil }
    return Target(
      keys: found.keys.map { "\(tower).encoder.layers.\(index).\($0)" }, change: found.change)
  }

  private static func one(_ key: String, _ change: Change = .none) -> Target {
    Target(keys: [key], change: change)
  }

  private static let textNames = [
    "positional_embedding": one("text_model.embeddings.position_embedding.weight"),
    "token_embedding.weight": one("text_model.embeddings.token_embedding.weight"),
    "ln_final.weight": one("text_model.final_layer_norm.weight"),
    "ln_final.bias": one("text_model.final_layer_norm.bias"),
    "text_projection": one("text_projection.weight", .transposed),
  ]

  private static let visionNames = [
    "class_embedding": one("vision_model.embeddings.class_embedding"),
    "positional_embedding": one("vision_model.embeddings.position_embedding.weight"),
    "conv1.weight": one("vision_model.embeddings.patch_embedding.weight"),
    "ln_pre.weight": one("vision_model.pre_layrnorm.weight"),
    "ln_pre.bias": one("vision_model.pre_layrnorm.bias"),
    "ln_post.weight": one("vision_model.post_layernorm.weight"),
    "ln_post.bias": one("vision_model.post_layernorm.bias"),
    "proj": one("visual_projection.weight", .transposed),
  ]

  private static let blockNames: [String: Target] = {
    var names: [String: Target] = [:]
    for kind in ["weight", "bias"] {
      names["ln_1.\(kind)"] = one("layer_norm1.\(kind)")
      names["ln_2.\(kind)"] = one("layer_norm2.\(kind)")
      names["mlp.c_fc.\(kind)"] = one("mlp.fc1.\(kind)")
      names["mlp.c_proj.\(kind)"] = one("mlp.fc2.\(kind)")
      names["attn.out_proj.\(kind)"] = one("self_attn.out_proj.\(kind)")
      names["attn.in_proj_\(kind)"] = Target(
        keys: ["q", "k", "v"].map { "self_attn.\($0)_proj.\(kind)" }, change: .thirds)
    }
    return names
  }()
}

extension CheckpointError {
  /// The same misfit in the names of openai/CLIP and open_clip, which stand in the file.
  package var inOpenCLIPNames: CheckpointError {
    func theirs(_ text: String) -> String {
      let key = String(text.prefix { $0 != " " })
      guard let name = OpenCLIPNames.source(of: key) else { return text }
      return name + text.dropFirst(key.count)
    }
    switch self {
    case .misfit(let file, let missing, let surplus, let misshapen):
      return .misfit(
        file: file, missing: missing.map(theirs), surplus: surplus.map(theirs),
        misshapen: misshapen.map(theirs))
    default: return self
    }
  }
}

extension String {
  /// Returns the rest after a beginning, or nil without it.
  fileprivate func dropping(_ prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}
