public import Torch
public import TorchNN

/// The U-Net of ADM, which predicts noise, start or v from a noisy image:
/// `[B, C, H, W] -> [B, C', H, W]`, `config.sampleChannels` to `config.predictionChannels`.
///
/// Residual blocks resample. Levels may attend to a context sequence, as the decoder's do, and a
/// class embedding may be added to the timestep's.
///
/// Source: Dhariwal & Nichol 2021; keys as diffusers `UNet2DConditionModel` and `UNet2DModel`.
public final class UNet: ConfiguredModule {
  /// The configuration of this network.
  public let config: UNetConfig
  let convIn: Conv2d
  let timeEmbedding: TimestepEmbedding
  let downBlocks: [UNetDownBlock]
  let midBlock: UNetMidBlock
  let upBlocks: [UNetUpBlock]
  let convNormOut: GroupNorm
  let convOut: Conv2d

  /// Makes a network that starts by predicting zero, or the condition where it adds one.
  /// - Precondition: `config.validate` passes.
  public init(_ config: UNetConfig, using random: RandomSource) {
    self.config = config
    let channels = config.blockOutChannels
    let depth = channels.count
    convIn = Conv2d(config.inChannels, channels[0], kernel: 3, padding: 1, using: random)
    timeEmbedding = TimestepEmbedding(
      inputWidth: channels[0], width: config.timeEmbedWidth, using: random)
    downBlocks = (0..<depth).map { level in
      UNetDownBlock(
        inChannels: channels[max(0, level - 1)], outChannels: channels[level],
        attends: config.levels[level] == .attention, downsamples: level < depth - 1,
        config: config, using: random)
    }
    midBlock = UNetMidBlock(channels: channels[depth - 1], config: config, using: random)
    upBlocks = (0..<depth).reversed().map { level in
      UNetUpBlock(
        inChannels: channels[min(depth - 1, level + 1)], outChannels: channels[level],
        lastSkipChannels: channels[max(0, level - 1)],
        attends: config.levels[level] == .attention, upsamples: level > 0,
        config: config, using: random)
    }
    convNormOut = GroupNorm(config.normNumGroups, channels[0], epsilon: config.normEps)
    convOut = zeroed(
      Conv2d(channels[0], config.outChannels, kernel: 3, padding: 1, using: random))
  }

  /// The element type of its arithmetic.
  public var dtype: DType { convNormOut.weight.value.dtype }

  /// Returns the number of levels, or of the residual blocks in one.
  public static func blockCount(of config: UNetConfig) -> Int {
    max(config.layersPerBlock, config.blockOutChannels.count)
  }

  /// Predicts noise, start or v from a noisy sample.
  ///
  /// - Parameters:
  ///   - sample: `[B, C, H, W]`, the sides multiples of `config.downsampling`.
  ///   - timesteps: `[B]`, 0 ..< 1000 of the original process.
  ///   - context: The result of this network's ``context(_:mask:)``, for networks with attention.
  ///   - classEmbedding: `[B, 4·channels]`, added to the timestep embedding.
  /// - Returns: `[B, C', H, W]`.
  public func callAsFunction(
    _ sample: Tensor, timesteps: Tensor, context: UNetContext? = nil,
    classEmbedding: Tensor? = nil
  ) -> Tensor {
    precondition(
      (context != nil) == (config.crossAttentionDim != nil),
      "a U-Net with cross_attention_dim needs a context, one without takes none")
    let sinusoid = timestepSinusoid(timesteps, width: config.blockOutChannels[0])
    var time = timeEmbedding(sinusoid.to(sample.dtype))  // [B, T]
    if let classEmbedding { time = time + classEmbedding.to(time.dtype) }
    let scene = UNetConditions(time: time.silu(), context: context)

    let patch = config.patchSize
    let grid = patch == 1 ? sample : F.pixelUnshuffle(sample, patch)
    var h = convIn(grid.channelsLast())
    var skips = [h]
    for block in downBlocks { h = block(h, scene, skips: &skips) }
    h = midBlock(h, scene)
    for block in upBlocks { h = block(h, scene, skips: &skips) }
    let grown = convOut(convNormOut.thenSiLU(h))
    let output = patch == 1 ? grown : F.pixelShuffle(grown, patch)
    guard config.addsCondition else { return output }
    let count = config.predictionChannels
    return output + sample.narrowed(1, start: config.sampleChannels - count, count: count)
  }

  /// All layers that attend to the context, in order.
  var attentions: [AddedKVAttention] {
    downBlocks.flatMap(\.attentions) + midBlock.attentions + upBlocks.flatMap(\.attentions)
  }
}

/// The inputs of every level of a U-Net, apart from its feature map.
struct UNetConditions {
  let time: Tensor  // [B, T], after its SiLU
  let context: UNetContext?
}

/// A downsampling level; keys as diffusers `SimpleCrossAttnDownBlock2D`, `ResnetDownsampleBlock2D`.
final class UNetDownBlock: Module {
  let resnets: [ResnetBlock]
  let attentions: [AddedKVAttention]
  let downsamplers: [ResnetBlock]

  init(
    inChannels: Int, outChannels: Int, attends: Bool, downsamples: Bool, config: UNetConfig,
    using random: RandomSource
  ) {
    resnets = (0..<config.layersPerBlock).map { layer in
      ResnetBlock(
        inChannels: layer == 0 ? inChannels : outChannels, outChannels: outChannels,
        config: config, using: random)
    }
    attentions = attentionLayers(
      attends ? config.layersPerBlock : 0, channels: outChannels, config: config, using: random)
    downsamplers =
      downsamples
      ? [
        ResnetBlock(
          inChannels: outChannels, outChannels: outChannels, resampling: .down, config: config,
          using: random)
      ] : []
  }

  func callAsFunction(_ x: Tensor, _ scene: UNetConditions, skips: inout [Tensor]) -> Tensor {
    var h = x
    for (layer, resnet) in resnets.enumerated() {
      h = attend(resnet(h, time: scene.time), attentions, layer, scene)
      skips.append(h)
    }
    for downsampler in downsamplers {
      h = downsampler(h, time: scene.time)
      skips.append(h)
    }
    return h
  }
}

/// The coarsest level; keys as diffusers `UNetMidBlock2DSimpleCrossAttn` and `UNetMidBlock2D`.
final class UNetMidBlock: Module {
  let resnets: [ResnetBlock]
  let attentions: [AddedKVAttention]

  init(channels: Int, config: UNetConfig, using random: RandomSource) {
    resnets = (0..<2).map { _ in
      ResnetBlock(inChannels: channels, outChannels: channels, config: config, using: random)
    }
    attentions = attentionLayers(
      config.crossAttentionDim == nil ? 0 : 1, channels: channels, config: config, using: random)
  }

  func callAsFunction(_ x: Tensor, _ scene: UNetConditions) -> Tensor {
    let h = attend(resnets[0](x, time: scene.time), attentions, 0, scene)
    return resnets[1](h, time: scene.time)
  }
}

/// An upsampling level; keys as diffusers `SimpleCrossAttnUpBlock2D`, `ResnetUpsampleBlock2D`.
final class UNetUpBlock: Module {
  let resnets: [ResnetBlock]
  let attentions: [AddedKVAttention]
  let upsamplers: [ResnetBlock]

  init(
    inChannels: Int, outChannels: Int, lastSkipChannels: Int, attends: Bool, upsamples: Bool,
    config: UNetConfig, using random: RandomSource
  ) {
    let count = config.layersPerBlock + 1
    resnets = (0..<count).map { layer in
      // The last skip of a level is the finer level's output, which may be narrower.
      let skip = layer == count - 1 ? lastSkipChannels : outChannels
      return ResnetBlock(
        inChannels: (layer == 0 ? inChannels : outChannels) + skip, outChannels: outChannels,
        config: config, using: random)
    }
    attentions = attentionLayers(
      attends ? count : 0, channels: outChannels, config: config, using: random)
    upsamplers =
      upsamples
      ? [
        ResnetBlock(
          inChannels: outChannels, outChannels: outChannels, resampling: .up, config: config,
          using: random)
      ] : []
  }

  func callAsFunction(_ x: Tensor, _ scene: UNetConditions, skips: inout [Tensor]) -> Tensor {
    var h = x
    for (layer, resnet) in resnets.enumerated() {
      let joined = Tensor.concatenated([h, skips.removeLast()], over: 1)
      h = attend(resnet(joined, time: scene.time), attentions, layer, scene)
    }
    for upsampler in upsamplers { h = upsampler(h, time: scene.time) }
    return h
  }
}

private func attentionLayers(
  _ count: Int, channels: Int, config: UNetConfig, using random: RandomSource
) -> [AddedKVAttention] {
  guard count > 0, let contextWidth = config.crossAttentionDim else { return [] }
  return (0..<count).map { _ in
    AddedKVAttention(
      channels: channels, headWidth: config.attentionHeadDim, contextWidth: contextWidth,
      config: config, using: random)
  }
}

/// Applies the level's attention after residual block `layer`, if it has any.
private func attend(
  _ x: Tensor, _ attentions: [AddedKVAttention], _ layer: Int, _ scene: UNetConditions
) -> Tensor {
  guard let context = scene.context, layer < attentions.count else { return x }
  return attentions[layer](x, context: context)
}
