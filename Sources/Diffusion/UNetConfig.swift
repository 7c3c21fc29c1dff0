public import Config
public import Foundation

/// The shape of an ADM U-Net, as diffusers' `config.json` describes it.
///
/// One struct reads both of diffusers' classes: `UNet2DConditionModel` (the decoder: attention with
/// a context) and `UNet2DModel` (the upsamplers: none). Source: ADM; diffusers.
public struct UNetConfig: Codable, Sendable, Equatable {
  /// How the timestep enters a residual block.
  public enum TimeShift: String, ConfigChoice {
    /// Added before the second norm.
    case `default` = "default"
    /// Scales and shifts the second norm's output.
    case scaleShift = "scale_shift"
  }

  /// The kind of one resolution level.
  public enum Level: Sendable, Equatable {
    /// Residual blocks alone.
    case residual
    /// Residual blocks, each followed by attention with the context.
    case attention
  }

  /// Side of the images, pixels; nil where any multiple of `downsampling` will do.
  public var sampleSize: Int?
  /// Channels of the first convolution's input: those of the sample times `patchSize²`.
  public var inChannels: Int
  /// Channels of the last convolution's output: those of the sample, twice as many when the
  /// variance is learned, times `patchSize²`.
  public var outChannels: Int
  /// Side of the square of pixels that enters as one position with as many times the channels; 1
  /// is diffusers'. 2 saves the costly finest level. Source: Hoogeboom et al. 2023,
  /// "simple diffusion", section 3.3; the order of channels is PyTorch's `pixel_unshuffle`.
  public var patchSize: Int
  /// Channels of each level, finest first.
  public var blockOutChannels: [Int]
  /// Residual blocks of a level going down; one more going up.
  public var layersPerBlock: Int
  /// diffusers' names of the levels going down, finest first.
  public var downBlockTypes: [String]
  /// diffusers' names of the levels going up, coarsest first.
  public var upBlockTypes: [String]
  /// Channels of an attention head.
  public var attentionHeadDim: Int
  /// Width of the context sequence; nil for a network without attention.
  public var crossAttentionDim: Int?
  /// `identity` when a class embedding is added to the timestep's.
  public var classEmbedType: String?
  /// Groups of every group norm.
  public var normNumGroups: Int
  /// The norms' ε.
  public var normEps: Double
  /// How the timestep enters a residual block.
  public var resnetTimeScaleShift: TimeShift
  /// Dropout before the last convolution of each residual block.
  public var dropout: Double
  /// Whether the network's output is added to the sample's last channels, an estimate given as a
  /// condition, so that it only learns the difference; false in diffusers.
  public var addsCondition: Bool

  enum CodingKeys: String, CodingKey {
    case sampleSize = "sample_size"
    case inChannels = "in_channels"
    case outChannels = "out_channels"
    case patchSize = "patch_size"
    case blockOutChannels = "block_out_channels"
    case layersPerBlock = "layers_per_block"
    case downBlockTypes = "down_block_types"
    case upBlockTypes = "up_block_types"
    case attentionHeadDim = "attention_head_dim"
    case crossAttentionDim = "cross_attention_dim"
    case classEmbedType = "class_embed_type"
    case normNumGroups = "norm_num_groups"
    case normEps = "norm_eps"
    case resnetTimeScaleShift = "resnet_time_scale_shift"
    case dropout
    case addsCondition = "adds_condition"
  }

  /// Makes a configuration from its levels' kinds, finest first; `inChannels` and `outChannels` are
  /// the sample's.
  public init(
    sampleSize: Int?, inChannels: Int, outChannels: Int, channels: [Int], layersPerBlock: Int,
    levels: [Level], headWidth: Int, contextWidth: Int?, groups: Int,
    timeShift: TimeShift, dropout: Double, patchSize: Int = 1, addsCondition: Bool = false
  ) {
    self.sampleSize = sampleSize
    self.inChannels = inChannels * patchSize * patchSize
    self.outChannels = outChannels * patchSize * patchSize
    self.patchSize = patchSize
    blockOutChannels = channels
    self.layersPerBlock = layersPerBlock
    downBlockTypes = levels.map { $0 == .attention ? Self.attentionDown : Self.residualDown }
    upBlockTypes = levels.reversed().map { $0 == .attention ? Self.attentionUp : Self.residualUp }
    attentionHeadDim = headWidth
    crossAttentionDim = contextWidth
    classEmbedType = contextWidth == nil ? nil : "identity"
    normNumGroups = groups
    normEps = 1e-5
    resnetTimeScaleShift = timeShift
    self.dropout = dropout
    self.addsCondition = addsCondition
  }

  /// Decodes the file; every key that diffusers knows must be there.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    sampleSize = try values.decodeIfPresent(Int.self, forKey: .sampleSize)
    inChannels = try values.decode(Int.self, forKey: .inChannels)
    outChannels = try values.decode(Int.self, forKey: .outChannels)
    patchSize = try values.decodeIfPresent(Int.self, forKey: .patchSize) ?? 1
    blockOutChannels = try values.decode([Int].self, forKey: .blockOutChannels)
    layersPerBlock = try values.decode(Int.self, forKey: .layersPerBlock)
    downBlockTypes = try values.decode([String].self, forKey: .downBlockTypes)
    upBlockTypes = try values.decode([String].self, forKey: .upBlockTypes)
    attentionHeadDim = try values.decode(Int.self, forKey: .attentionHeadDim)
    crossAttentionDim = try values.decodeIfPresent(Int.self, forKey: .crossAttentionDim)
    classEmbedType = try values.decodeIfPresent(String.self, forKey: .classEmbedType)
    normNumGroups = try values.decode(Int.self, forKey: .normNumGroups)
    normEps = try values.decode(Double.self, forKey: .normEps)
    resnetTimeScaleShift = try values.decode(TimeShift.self, forKey: .resnetTimeScaleShift)
    // Files older than diffusers 0.21 have no dropout key.
    dropout = try values.decodeIfPresent(Double.self, forKey: .dropout) ?? 0
    addsCondition = try values.decodeIfPresent(Bool.self, forKey: .addsCondition) ?? false
  }

  /// Width of the timestep embedding.
  public var timeEmbedWidth: Int { 4 * (blockOutChannels.first ?? 0) }
  /// The ratio of the image's side to the coarsest level's.
  public var downsampling: Int { patchSize << max(0, blockOutChannels.count - 1) }
  /// Channels of the input sample.
  public var sampleChannels: Int { inChannels / (patchSize * patchSize) }
  /// Channels of the prediction.
  public var predictionChannels: Int { outChannels / (patchSize * patchSize) }

  /// The levels going down, finest first.
  var levels: [Level] { downBlockTypes.map { $0 == Self.attentionDown ? .attention : .residual } }

  static let residualDown = "ResnetDownsampleBlock2D"
  static let attentionDown = "SimpleCrossAttnDownBlock2D"
  static let residualUp = "ResnetUpsampleBlock2D"
  static let attentionUp = "SimpleCrossAttnUpBlock2D"
}

extension UNetConfig {
  /// Reads diffusers' or our own `config.json`.
  /// - Throws: `ConfigError`, also for options of diffusers that are not supported here.
  public static func read(at url: URL) throws(ConfigError) -> UNetConfig {
    let config = try ConfigFile.read(
      UNetConfig.self, at: url, fixed: supportedOnly, ignored: ignoredKeys, defaults: defaults)
    try config.validate(file: url.path)
    return config
  }

  /// Encodes the file's content, which diffusers reads too.
  public func encoded() throws(ConfigError) -> Data {
    var extra: [String: JSONValue] = [
      "_class_name": .string(
        crossAttentionDim == nil ? "UNet2DModel" : "UNet2DConditionModel"),
      "act_fn": .string("silu"), "flip_sin_to_cos": .bool(true), "freq_shift": .number(0),
    ]
    if crossAttentionDim == nil {
      extra["add_attention"] = .bool(false)
    } else {
      extra["mid_block_type"] = .string("UNetMidBlock2DSimpleCrossAttn")
    }
    // diffusers does not know these keys: they are written only where they have an effect.
    var unused: Set<String> = []
    if patchSize == 1 { unused.insert(CodingKeys.patchSize.rawValue) }
    if !addsCondition { unused.insert(CodingKeys.addsCondition.rawValue) }
    return try ConfigFile.encode(self, extra: extra, leavingOut: unused)
  }

  /// Checks each value.
  ///
  /// - Parameters:
  ///   - file: The name used in errors.
  ///   - path: The keys of the sections around it in that file.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String, at path: String = "") throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path)
    try check.count("in_channels", inChannels)
    try check.count("out_channels", outChannels)
    try check.count("patch_size", patchSize, in: 1...64)
    try check.require(
      inChannels.isMultiple(of: patchSize * patchSize)
        && outChannels.isMultiple(of: patchSize * patchSize), "patch_size", patchSize,
      "its square must divide in_channels and out_channels, \(inChannels) and \(outChannels)")
    try validateLevels(check)
    try check.count("attention_head_dim", attentionHeadDim)
    if let width = crossAttentionDim {
      try check.count("cross_attention_dim", width)
      let attending = zip(levels, blockOutChannels).filter { $0.0 == .attention }.map(\.1)
      try check.require(
        (attending + blockOutChannels.suffix(1)).allSatisfy {
          $0.isMultiple(of: attentionHeadDim)
        }, "attention_head_dim", attentionHeadDim,
        "it must divide the channels of every level with attention and of the middle")
    } else {
      try check.require(
        !levels.contains(.attention), "cross_attention_dim", "null",
        "levels with attention need it")
    }
    try check.require(
      classEmbedType == nil || classEmbedType == "identity", "class_embed_type",
      "\"\(classEmbedType ?? "null")\"", "only \"identity\" is supported")
    try check.belowOne("dropout", dropout)
    try check.positive("norm_eps", normEps, upTo: 1)
    try check.require(
      !addsCondition || sampleChannels == 2 * predictionChannels, "adds_condition", addsCondition,
      "a sample of \(sampleChannels) channels does not end in a condition of the prediction's "
        + "\(predictionChannels)")
    if let side = sampleSize {
      try check.count("sample_size", side, in: 1...ConfigLimit.side)
      try check.require(
        side.isMultiple(of: downsampling), "sample_size", side,
        "it must be a multiple of \(downsampling)")
    }
    try check.weights(weightEstimate, "block_out_channels", blockOutChannels)
  }

  private func validateLevels(_ check: ConfigCheck) throws(ConfigError) {
    let depth = blockOutChannels.count
    try check.require(
      (1...12).contains(depth)
        && blockOutChannels.allSatisfy { (1...ConfigLimit.width).contains($0) },
      "block_out_channels", blockOutChannels,
      "it must list 1 to 12 levels of 1 to \(ConfigLimit.width) channels")
    try check.count("norm_num_groups", normNumGroups)
    try check.require(
      blockOutChannels.allSatisfy { $0.isMultiple(of: normNumGroups) }, "block_out_channels",
      blockOutChannels, "every entry must be a multiple of norm_num_groups, \(normNumGroups)")
    try check.count("layers_per_block", layersPerBlock, in: 1...64)
    let known = [Self.residualDown, Self.attentionDown]
    try check.require(
      downBlockTypes.count == depth && downBlockTypes.allSatisfy(known.contains),
      "down_block_types", downBlockTypes, "it must name \(depth) of \(known)")
    let mirrored = levels.reversed().map { $0 == .attention ? Self.attentionUp : Self.residualUp }
    try check.require(
      upBlockTypes == mirrored, "up_block_types", upBlockTypes,
      "the levels going up must mirror those going down: \(mirrored)")
  }

  /// Estimates the number of weights: those of the residual blocks, which are most of them.
  private var weightEstimate: Double {
    let time = Double(timeEmbedWidth)
    return blockOutChannels.reduce(time * time) { sum, channels in
      let width = Double(channels)
      let block = 18 * width * width + 2 * time * width
      return sum + Double(2 * layersPerBlock + 1) * block
    }
  }

  /// What the class of diffusers takes for keys that are not there. The kinds of blocks are not
  /// among them: those that it takes are not supported here.
  private static func defaults(for found: [String: JSONValue]) -> [String: JSONValue] {
    let own: [String: JSONValue]
    switch found["_class_name"] {
    case .string("UNet2DConditionModel"):
      own = [
        "in_channels": .number(4), "out_channels": .number(4), "cross_attention_dim": .number(1280),
        "block_out_channels": .array([320, 640, 1280, 1280].map(JSONValue.number)),
      ]
    case .string("UNet2DModel"):
      own = [
        "in_channels": .number(3), "out_channels": .number(3),
        "block_out_channels": .array([224, 448, 672, 896].map(JSONValue.number)),
      ]
    default: return [:]
    }
    let shared: [String: JSONValue] = [
      "layers_per_block": .number(2), "attention_head_dim": .number(8),
      "norm_num_groups": .number(32), "norm_eps": .number(1e-5),
      "resnet_time_scale_shift": .string("default"),
    ]
    return own.merging(shared) { own, _ in own }
  }

  private static let ignoredKeys: Set<String> = [
    "_class_name", "_diffusers_version", "_name_or_path",
    // The only middle block each class of diffusers can have here.
    "mid_block_type",
    // Without effect when residual blocks resample.
    "downsample_padding", "downsample_type", "upsample_type", "num_train_timesteps",
  ]

  private static let supportedOnly: [String: JSONValue] = [
    "act_fn": .string("silu"), "flip_sin_to_cos": .bool(true), "freq_shift": .number(0),
    "center_input_sample": .bool(false), "mid_block_scale_factor": .number(1),
    "only_cross_attention": .bool(false), "use_linear_projection": .bool(false),
    "upcast_attention": .bool(false), "add_attention": .bool(false),
    "dual_cross_attention": .bool(false), "time_embedding_type": .string("positional"),
    "conv_in_kernel": .number(3), "conv_out_kernel": .number(3),
    "transformer_layers_per_block": .number(1), "resnet_skip_time_act": .bool(false),
    "resnet_out_scale_factor": .number(1), "attention_type": .string("default"),
    "class_embeddings_concat": .bool(false), "addition_embed_type_num_heads": .number(64),
    "mid_block_only_cross_attention": .null, "cross_attention_norm": .null,
    "addition_embed_type": .null, "addition_time_embed_dim": .null, "encoder_hid_dim": .null,
    "encoder_hid_dim_type": .null, "num_attention_heads": .null, "num_class_embeds": .null,
    "projection_class_embeddings_input_dim": .null, "time_cond_proj_dim": .null,
    "time_embedding_act_fn": .null, "time_embedding_dim": .null, "timestep_post_act": .null,
    "reverse_transformer_layers_per_block": .null, "attn_norm_num_groups": .null,
  ]
}
