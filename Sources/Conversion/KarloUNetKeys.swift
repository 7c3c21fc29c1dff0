import Diffusion
import Torch

/// Converts a U-Net of Karlo, whose blocks are numbered consecutively, to levels of blocks.
struct KarloUNetKeys {
  /// The tensors that are taken and left.
  private(set) var map: KeyMap
  private let headWidth: Int
  /// Residual blocks of each level on the way down.
  private let layersPerBlock: Int
  private let levelCount: Int

  /// Finds how many levels there are and how many blocks each has.
  ///
  /// - Throws: `CheckpointError.misfit`.
  init(_ map: KeyMap, headWidth: Int) throws(CheckpointError) {
    self.map = map
    self.headWidth = headWidth
    var count = 0
    while map.rest.keys.contains(where: { $0.hasPrefix("output_blocks.\(count).0.") }) {
      count += 1
    }
    // An upsampling block ends a level; the finest level has none.
    let enlarging = (0..<count).first { index in
      (1...2).contains { map.rest["output_blocks.\(index).\($0).in_layers.0.weight"] != nil }
    }
    let perLevel = (enlarging ?? count - 1) + 1
    guard perLevel >= 2, count % perLevel == 0 else {
      throw .misfit(
        file: map.file, missing: ["output_blocks.0.0.in_layers.0.weight"], surplus: [],
        misshapen: [])
    }
    layersPerBlock = perLevel - 1
    levelCount = count / perLevel
  }

  /// Takes every key and derives the configuration from the shapes.
  ///
  /// - Throws: `CheckpointError`.
  mutating func converted(sampleSize: Int) throws(CheckpointError) -> UNetConfig {
    map.layer("time_embed.0", to: "time_embedding.linear_1")
    map.layer("time_embed.2", to: "time_embedding.linear_2")
    map.layer("input_blocks.0.0", to: "conv_in")
    map.layer("out.0", to: "conv_norm_out")
    map.layer("out.2", to: "conv_out")
    var levels: [UNetConfig.Level] = []
    var old = 1
    for level in 0..<levelCount {
      let new = "down_blocks.\(level)."
      var attends = false
      for layer in 0..<layersPerBlock {
        resnet("input_blocks.\(old).0", to: "\(new)resnets.\(layer)")
        attends = try attention("input_blocks.\(old).1", to: "\(new)attentions.\(layer)")
        old += 1
      }
      levels.append(attends ? .attention : .residual)
      if level < levelCount - 1 {
        resnet("input_blocks.\(old).0", to: "\(new)downsamplers.0")
        old += 1
      }
    }
    resnet("middle_block.0", to: "mid_block.resnets.0")
    let middle = try attention("middle_block.1", to: "mid_block.attentions.0")
    resnet("middle_block.\(middle ? 2 : 1)", to: "mid_block.resnets.1")
    old = 0
    for level in 0..<levelCount {
      let new = "up_blocks.\(level)."
      for layer in 0...layersPerBlock {
        resnet("output_blocks.\(old).0", to: "\(new)resnets.\(layer)")
        let attends = try attention("output_blocks.\(old).1", to: "\(new)attentions.\(layer)")
        if layer == layersPerBlock, level < levelCount - 1 {
          resnet("output_blocks.\(old).\(attends ? 2 : 1)", to: "\(new)upsamplers.0")
        }
        old += 1
      }
    }
    return try config(levels, sampleSize: sampleSize)
  }

  private mutating func resnet(_ old: String, to new: String) {
    map.layer(old + ".in_layers.0", to: new + ".norm1")
    map.layer(old + ".in_layers.2", to: new + ".conv1")
    map.layer(old + ".emb_layers.1", to: new + ".time_emb_proj")
    map.layer(old + ".out_layers.0", to: new + ".norm2")
    map.layer(old + ".out_layers.3", to: new + ".conv2")
    if map.rest[old + ".skip_connection.weight"] != nil {
      map.layer(old + ".skip_connection", to: new + ".conv_shortcut")
    }
  }

  /// Takes an attention layer, if it exists.
  private mutating func attention(
    _ old: String, to new: String
  ) throws(CheckpointError) -> Bool {
    guard map.rest[old + ".qkv.weight"] != nil else { return false }
    map.layer(old + ".norm", to: new + ".group_norm")
    map.layer(old + ".proj_out", to: new + ".to_out.0", Self.withoutLastAxis)
    let fused = [
      ("qkv", ["to_q", "to_k", "to_v"]), ("encoder_kv", ["add_k_proj", "add_v_proj"]),
    ]
    for (layer, names) in fused {
      for kind in ["weight", "bias"] {
        let key = "\(old).\(layer).\(kind)"
        let parts = try map.parts(map.take(key), key, names: names, blockRows: headWidth)
        for (name, value) in parts {
          map.put(
            kind == "weight" ? Self.withoutLastAxis(value) : value, as: "\(new).\(name).\(kind)")
        }
      }
    }
    return true
  }

  /// Makes a linear weight of a convolution of width 1: `[O, I, 1] -> [O, I]`.
  private static func withoutLastAxis(_ weight: Tensor) -> Tensor {
    weight.shape.count == 3 && weight.shape[2] == 1 ? weight.squeezed(2) : weight
  }

  private func config(
    _ levels: [UNetConfig.Level], sampleSize: Int
  ) throws(CheckpointError) -> UNetConfig {
    func shape(_ key: String, axes: Int) throws(CheckpointError) -> [Int] {
      guard let shape = map.taken[key]?.shape, shape.count == axes else {
        throw .misfit(file: map.file, missing: [key], surplus: [], misshapen: [])
      }
      return shape
    }
    var channels: [Int] = []
    for level in 0..<levelCount {
      let key = "down_blocks.\(level).resnets.0.conv1.weight"
      channels.append(try map.width(try shape(key, axes: 4)[0], of: key))
    }
    let shift = try shape("down_blocks.0.resnets.0.time_emb_proj.weight", axes: 2)[0]
    let context = try levels.firstIndex(of: .attention).map { level throws(CheckpointError) in
      try shape("down_blocks.\(level).attentions.0.add_k_proj.weight", axes: 2)[1]
    }
    return UNetConfig(
      sampleSize: sampleSize, inChannels: try shape("conv_in.weight", axes: 4)[1],
      outChannels: try shape("conv_out.weight", axes: 4)[0], channels: channels,
      layersPerBlock: layersPerBlock, levels: levels,
      headWidth: context == nil ? 8 : headWidth, contextWidth: context, groups: 32,
      timeShift: shift == channels[0] ? .default : .scaleShift, dropout: 0)
  }
}
