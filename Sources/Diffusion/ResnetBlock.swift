public import Torch
public import TorchNN

/// How a residual block resamples its feature map.
public enum Resampling: Sendable {
  /// Not at all.
  case keep
  /// The mean of 2×2 pixels.
  case down
  /// Each pixel repeated to 2×2.
  case up

  func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .keep: x
    case .down: F.averagePool2d(x, kernel: 2, stride: 2)
    case .up: F.interpolate(x, size: (x.dim(2) * 2, x.dim(3) * 2), mode: .nearest)
    }
  }
}

/// The residual block of ADM, with the timestep entering between its two convolutions:
/// `[B, Cin, H, W], [B, T] -> [B, Cout, H', W']`.
///
/// Both branches are resampled, the residual one between its first activation and convolution.
///
/// Source: Dhariwal & Nichol 2021, section 3; keys as diffusers `ResnetBlock2D`.
public final class ResnetBlock: Module {
  let norm1: GroupNorm
  let conv1: Conv2d
  let timeEmbProj: Linear
  let norm2: GroupNorm
  let dropout: Dropout
  let conv2: Conv2d
  let convShortcut: Conv2d?
  private let resampling: Resampling
  private let timeShift: UNetConfig.TimeShift

  /// Makes a block whose last convolution is zero, so that it starts as the identity.
  public init(
    inChannels: Int, outChannels: Int, resampling: Resampling = .keep, config: UNetConfig,
    using random: RandomSource
  ) {
    let time = config.timeEmbedWidth
    timeShift = config.resnetTimeScaleShift
    self.resampling = resampling
    norm1 = GroupNorm(config.normNumGroups, inChannels, epsilon: config.normEps)
    conv1 = Conv2d(inChannels, outChannels, kernel: 3, padding: 1, using: random)
    timeEmbProj = Linear(
      time, timeShift == .scaleShift ? 2 * outChannels : outChannels, using: random)
    norm2 = GroupNorm(config.normNumGroups, outChannels, epsilon: config.normEps)
    dropout = Dropout(config.dropout)
    conv2 = zeroed(Conv2d(outChannels, outChannels, kernel: 3, padding: 1, using: random))
    convShortcut =
      inChannels == outChannels
      ? nil : Conv2d(inChannels, outChannels, kernel: 1, using: random)
  }

  /// Maps `x` `[B, Cin, H, W]` and `time` `[B, T]`, after its SiLU, to `[B, Cout, H', W']`.
  public func callAsFunction(_ x: Tensor, time: Tensor) -> Tensor {
    var h = conv1(resampling(norm1.thenSiLU(x)))  // [B, Cout, H', W']
    let projected = timeEmbProj(time)
    h =
      switch timeShift {
      case .scaleShift: norm2.thenSiLU(h, modulation: projected)
      case .default: norm2.thenSiLU(h, offset: projected)
      }
    h = conv2(dropout(h))
    let skip = resampling(x)
    return h + (convShortcut.map { $0(skip) } ?? skip)
  }
}

/// Sets all parameters of a layer to zero (ADM's initialisation of the last layer of each branch).
func zeroed<Layer: Module>(_ layer: Layer) -> Layer {
  let random = RandomSource(seed: 0)  // unused by zeros
  for parameter in layer.parameters() { parameter.initialize(.zeros, using: random) }
  return layer
}
