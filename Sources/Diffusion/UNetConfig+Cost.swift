public import TorchNN

extension UNetConfig {
  /// The cost of a prediction for one image.
  ///
  /// - Parameters:
  ///   - side: The image's side, pixels.
  ///   - contextLength: Positions of the context, for networks with attention.
  public func cost(side: Int, contextLength: Int = 0) -> NetworkCost {
    var walk = UNetCost(config: self, contextLength: contextLength)
    walk.walk(side: side / patchSize)
    return walk.cost
  }

  /// The cost of the context's keys and values, which are computed once for all steps of sampling.
  public func contextCost(length: Int) -> NetworkCost {
    var cost = NetworkCost()
    guard let width = crossAttentionDim else { return cost }
    let blocks = zip(blockOutChannels, levels).filter { $0.1 == .attention }
    for (channels, _) in blocks {
      for _ in 0..<2 * (2 * layersPerBlock + 1) { cost.linear(length, from: width, to: channels) }
    }
    for _ in 0..<2 { cost.linear(length, from: width, to: blockOutChannels.last ?? 0) }
    return cost
  }
}

/// The walk through a U-Net, block by block as ``UNet`` makes them.
private struct UNetCost {
  let config: UNetConfig
  let contextLength: Int
  var cost = NetworkCost()
  /// Elements of the skip connections so far.
  var skipped = 0.0

  mutating func walk(side finest: Int) {
    let channels = config.blockOutChannels
    let (first, depth, blocks) = (channels[0], channels.count, config.layersPerBlock)
    let time = config.timeEmbedWidth
    cost.linear(from: first, to: time, ofData: true)
    cost.linear(from: time, to: time)
    cost.convolution(finest, from: config.inChannels, to: first, kernel: 3, ofData: true)
    cost.keeps(elements(config.inChannels, finest))
    var side = finest
    skip(first, side)
    for level in 0..<depth {
      let width = channels[level]
      for layer in 0..<blocks {
        residual(from: layer == 0 ? channels[max(0, level - 1)] : width, to: width, side, side)
        attend(level, side)
        skip(width, side)
      }
      if level < depth - 1 {
        residual(from: width, to: width, side, side / 2)
        side /= 2
        skip(width, side)
      }
    }
    let last = channels[depth - 1]
    residual(from: last, to: last, side, side)
    if config.crossAttentionDim != nil { attention(last, side) }
    residual(from: last, to: last, side, side)
    for level in (0..<depth).reversed() {
      let width = channels[level]
      for layer in 0...blocks {
        let input = layer == 0 ? channels[min(depth - 1, level + 1)] : width
        let skip = layer == blocks ? channels[max(0, level - 1)] : width
        residual(from: input + skip, to: width, side, side)
        attend(level, side)
      }
      if level > 0 {
        residual(from: width, to: width, side, side * 2)
        side *= 2
      }
    }
    cost.convolution(finest, from: first, to: config.outChannels, kernel: 3)
    cost.keeps(3 * elements(first, finest))
  }

  /// A residual block, with the input's side and the result's.
  private mutating func residual(from inputs: Int, to outputs: Int, _ side: Int, _ result: Int) {
    let modulated = config.resnetTimeScaleShift == .scaleShift
    cost.convolution(result, from: inputs, to: outputs, kernel: 3)
    cost.convolution(result, from: outputs, to: outputs, kernel: 3)
    cost.linear(from: config.timeEmbedWidth, to: modulated ? 2 * outputs : outputs)
    if inputs != outputs { cost.convolution(result, from: inputs, to: outputs, kernel: 1) }
    // The inputs of the first norm, its activation and its convolution; of the second norm, its
    // modulation, its activation and its convolution.
    cost.keeps(
      2 * elements(inputs, side) + elements(inputs, result)
        + Double(modulated ? 4 : 3) * elements(outputs, result))
    cost.lives(
      skipped + 2 * elements(inputs, max(side, result)) + 2 * elements(outputs, result))
  }

  private mutating func attend(_ level: Int, _ side: Int) {
    if config.levels[level] == .attention {
      attention(config.blockOutChannels[level], side)
    }
  }

  private mutating func attention(_ width: Int, _ side: Int) {
    let pixels = side * side
    let keys = pixels + contextLength
    for _ in 0..<4 { cost.linear(pixels, from: width, to: width) }
    for _ in 0..<2 { cost.linear(contextLength, from: config.crossAttentionDim ?? 0, to: width) }
    cost.attention(queries: pixels, keys: keys, width: width)
    // The norm's input and result, queries and what attention gives; keys and values.
    cost.keeps(4 * elements(width, side) + 2 * Double(width) * Double(keys))
    cost.lives(skipped + 4 * elements(width, side) + 2 * Double(width) * Double(keys))
  }

  private mutating func skip(_ channels: Int, _ side: Int) { skipped += elements(channels, side) }

  private func elements(_ channels: Int, _ side: Int) -> Double {
    Double(channels) * Double(side) * Double(side)
  }
}
