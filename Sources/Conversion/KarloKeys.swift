import Config
import Diffusion
import Foundation
import Torch
import TorchNN
import UnCLIP

/// Converts Karlo's networks from the names of its own code to those of diffusers.
///
/// Source: kakaobrain/karlo `modules/xf.py`, `modules/unet.py`.
struct KarloKeys {
  let file: WeightFile
  let options: ConversionOptions

  private var headWidth: Int { options.headWidth ?? 64 }

  /// The prefix of prior and decoder.
  static let prefix = "model."
  /// The prefixes of the upsampler's two networks.
  static let firstSteps = "model_first_steps."
  static let lastStep = "model_last_step."

  /// The mean and deviation of image embeddings (`ViT-L-14_stats.th`): two vectors of one width.
  static func statistics(_ tensors: [String: Tensor]) -> (mean: Tensor, deviation: Tensor)? {
    guard tensors.count == 2, let mean = tensors["0"] ?? tensors["mean"],
      let deviation = tensors["1"] ?? tensors["std"], mean.shape == deviation.shape,
      mean.count == mean.shape.last, mean.dtype.isFloatingPoint, deviation.dtype.isFloatingPoint
    else { return nil }
    return (mean, deviation)
  }

  // MARK: Prior

  /// Converts the prior, with the statistics of another file.
  ///
  /// - Throws: `CheckpointError`, `ConfigError`.
  func prior(
    _ tensors: [String: Tensor], statistics: (mean: Tensor, deviation: Tensor)
  ) throws -> [ConvertedPart] {
    var map = KeyMap(tensors, file: file.url.path)
    let positions = map.optional("positional_embedding")
    map.layer("time_embed.0", to: "time_embedding.linear_1")
    map.layer("time_embed.2", to: "time_embedding.linear_2")
    map.layer("clip_img_proj", to: "proj_in")
    map.layer("text_emb_proj", to: "embedding_proj")
    map.layer("text_enc_proj", to: "encoder_hidden_states_proj")
    map.layer("final_ln", to: "norm_out")
    map.layer("out_proj", to: "proj_to_clip_embeddings")
    map.move("prd_emb", to: "prd_embedding") { $0.reshaped(1, 1, -1) }
    var count = 0
    while map.rest["transformer.resblocks.\(count).ln_1.weight"] != nil {
      let (old, new) = ("transformer.resblocks.\(count).", "transformer_blocks.\(count).")
      map.layer(old + "ln_1", to: new + "norm1")
      map.layer(old + "ln_2", to: new + "norm3")
      map.layer(old + "mlp.c_fc", to: new + "ff.net.0.proj")
      map.layer(old + "mlp.c_proj", to: new + "ff.net.2")
      map.layer(old + "attn.c_proj", to: new + "attn1.to_out.0")
      try split(&map, old + "attn.c_qkv", to: new + "attn1.", ["to_q", "to_k", "to_v"])
      count += 1
    }
    let width = map.taken["proj_in.weight"]?.shape
    guard let width, width.count == 2, let positions, let length = positions.shape.dropLast().last
    else {
      throw CheckpointError.misfit(
        file: file.url.path, missing: ["positional_embedding"] + map.missing, surplus: [],
        misshapen: [])
    }
    guard let last = positions.shape.last, positions.count == length * last else {
      throw CheckpointError.badTensor(
        file: file.url.path, key: "positional_embedding", expected: "a row for each position",
        found: "the shape \(positions.shape)")
    }
    map.put(positions.reshaped([1, length, last]), as: "positional_embedding")
    map.put(statistics.mean.reshaped(1, -1), as: "clip_mean")
    map.put(statistics.deviation.reshaped(1, -1), as: "clip_std")
    _ = try map.width(width[0], of: "clip_img_proj.weight")
    let config = PriorConfig(
      heads: max(1, width[0] / headWidth), headWidth: min(headWidth, width[0]), layers: count,
      embeddingWidth: width[1], textLength: length - 4, dropout: 0)
    try config.validate(file: file.url.path)
    let module = withoutInitialization { PriorTransformer(config, using: RandomSource(seed: 0)) }
    return [
      ConvertedPart(
        part: .prior, configuration: try config.encoded(), state: try map.finished(for: module)),
      ConvertedPart(
        part: .priorScheduler, configuration: try SchedulerConfig.prior.encoded()),
    ]
  }

  // MARK: Decoder and upsampler

  /// Converts the decoder, its projection and its process.
  ///
  /// - Throws: `CheckpointError`, `ConfigError`.
  func decoder(_ tensors: [String: Tensor]) throws -> [ConvertedPart] {
    let layers = [
      ("text_seq_proj.0", "encoder_hidden_states_proj"),
      ("text_seq_proj.1", "text_encoder_hidden_states_norm"),
      ("clip_tok_proj", "clip_extra_context_tokens_proj"),
      ("text_feat_proj", "embedding_proj"),
      ("clip_emb", "clip_image_embeddings_project_to_time_embeddings"),
    ]
    func isProjection(_ key: String) -> Bool {
      key == "cf_param" || layers.contains { key.hasPrefix($0.0 + ".") }
    }
    var map = KeyMap(tensors.filter { isProjection($0.key) }, file: file.url.path)
    for (old, new) in layers { map.layer(old, to: new) }
    map.move("cf_param", to: "learned_classifier_free_guidance_embeddings") { $0.reshaped(-1) }
    func shape(_ key: String) throws -> [Int] {
      guard let shape = map.taken[key + ".weight"]?.shape, shape.count == 2, !shape.contains(0)
      else {
        throw CheckpointError.misfit(
          file: file.url.path, missing: [key + ".weight"], surplus: [], misshapen: [])
      }
      return shape
    }
    let context = try shape("encoder_hidden_states_proj")
    var config = TextProjectionConfig(
      embeddingWidth: context[1], contextWidth: context[0],
      timeWidth: try shape("embedding_proj")[0])
    config.clipExtraContextTokens = try shape("clip_extra_context_tokens_proj")[0] / context[0]
    guard config.clipExtraContextTokens > 0 else {
      throw CheckpointError.badTensor(
        file: file.url.path, key: "clip_tok_proj.weight",
        expected: "rows for tokens of width \(context[0])",
        found: "\(try shape("clip_extra_context_tokens_proj")[0]) rows")
    }
    let module = withoutInitialization { TextProjection(config, using: RandomSource(seed: 0)) }
    let unet = try network(
      tensors.filter { !isProjection($0.key) }, as: .decoder, sampleSize: 64)
    return [
      unet,
      ConvertedPart(
        part: .textProjection, configuration: try config.encoded(),
        state: try map.finished(for: module)),
      ConvertedPart(
        part: .decoderScheduler, configuration: try SchedulerConfig.decoder.encoded()),
    ]
  }

  /// Converts the upsampler's two networks and their process.
  ///
  /// - Throws: `CheckpointError`, `ConfigError`.
  func upsampler(_ tensors: [String: Tensor]) throws -> [ConvertedPart] {
    var parts: [ConvertedPart] = []
    let networks = [
      (Self.firstSteps, ModelFolder.Part.upsampler), (Self.lastStep, .lastUpsampler),
    ]
    for (prefix, part) in networks {
      let own = tensors.stripped(of: prefix)
      guard !own.isEmpty else {
        throw ConversionError.incomplete(
          file: file.url.path, needs: "no key begins with \(prefix), which Karlo's upsampler has")
      }
      parts.append(try network(own, as: part, sampleSize: 256))
    }
    parts.append(
      ConvertedPart(
        part: .upsamplerScheduler, configuration: try SchedulerConfig.upsampler.encoded()))
    return parts
  }

  private func network(
    _ tensors: [String: Tensor], as part: ModelFolder.Part, sampleSize: Int
  ) throws -> ConvertedPart {
    var keys = try KarloUNetKeys(
      KeyMap(tensors, file: file.url.path), headWidth: headWidth)
    let config = try keys.converted(sampleSize: sampleSize)
    try config.validate(file: file.url.path)
    let module = withoutInitialization { UNet(config, using: RandomSource(seed: 0)) }
    return ConvertedPart(
      part: part, configuration: try config.encoded(),
      state: try keys.map.finished(for: module))
  }

  /// Splits a fused layer whose rows are ordered by head.
  private func split(
    _ map: inout KeyMap, _ key: String, to new: String, _ names: [String]
  ) throws(CheckpointError) {
    for kind in ["weight", "bias"] {
      let old = "\(key).\(kind)"
      let parts = try map.parts(map.take(old), old, names: names, blockRows: headWidth)
      for (name, value) in parts { map.put(value, as: "\(new)\(name).\(kind)") }
    }
  }
}
