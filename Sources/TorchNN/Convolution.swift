public import Torch

/// A convolution of images: `[B, in, H, W] -> [B, out, H', W']`.
///
/// Source: PyTorch `nn.Conv2d`, its keys and its initialisation.
public final class Conv2d: UnaryLayer, PackableLayer {
  /// `[out, in / groups, kernel, kernel]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter?
  private let settings: Convolution
  var packing: WeightBudget?

  /// Makes a layer with a square kernel, weight and bias uniform in `±1/√fanIn`.
  ///
  /// - Precondition: `groups` divides both channel counts.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    dilation: Int = 1, groups: Int = 1, bias: Bool = true, using random: RandomSource
  ) {
    checkGroups(groups, inChannels, outChannels)
    let shape = [outChannels, inChannels / groups, kernel, kernel]
    weight = Parameter(shape, .layerDefault, using: random)
    self.bias = bias ? Parameter([outChannels], .bias(ofWeight: shape), using: random) : nil
    settings = Convolution(stride: stride, padding: padding, dilation: dilation, groups: groups)
  }

  /// Convolves; `H' = (H + 2 padding - dilation (kernel - 1) - 1) / stride + 1`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let isWinograd = settings.gainsByWinograd(
      weight: weight.shape, dtype: weight.dtype, input: x.shape)
    let weight = weight(for: isWinograd ? .winograd : .direct) {
      PackedWeight(
        convolution: $0, settings, input: [1] + x.shape.dropFirst(), winograd: isWinograd)
    }
    return switch weight {
    case .plain(let weight):
      F.conv2d(
        x, weight, bias?.value, stride: settings.stride, padding: settings.padding,
        dilation: settings.dilation, groups: settings.groups)
    case .packed(let weight): F.conv2d(x, weight, bias?.value)
    }
  }
}

/// A transposed convolution, which enlarges: `[B, in, H, W] -> [B, out, H', W']`.
///
/// Source: PyTorch `nn.ConvTranspose2d`, its keys and its initialisation.
public final class ConvTranspose2d: UnaryLayer {
  /// `[in, out / groups, kernel, kernel]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter?
  private let stride: Int
  private let padding: Int
  private let outputPadding: Int
  private let groups: Int

  /// Makes a layer with a square kernel, initialised as in PyTorch.
  ///
  /// - Precondition: `groups` divides both channel counts.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    outputPadding: Int = 0, groups: Int = 1, bias: Bool = true, using random: RandomSource
  ) {
    checkGroups(groups, inChannels, outChannels)
    let shape = [inChannels, outChannels / groups, kernel, kernel]
    weight = Parameter(shape, .layerDefault, using: random)
    self.bias = bias ? Parameter([outChannels], .bias(ofWeight: shape), using: random) : nil
    self.stride = stride
    self.padding = padding
    self.outputPadding = outputPadding
    self.groups = groups
  }

  /// Applies the transpose; `H' = (H - 1) stride - 2 padding + kernel + outputPadding`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    F.convTranspose2d(
      x, weight.value, bias?.value, stride: stride, padding: padding,
      outputPadding: outputPadding, groups: groups)
  }
}

private func checkGroups(_ groups: Int, _ inChannels: Int, _ outChannels: Int) {
  precondition(
    groups > 0 && inChannels % groups == 0 && outChannels % groups == 0,
    "\(groups) groups do not divide \(inChannels) and \(outChannels) channels")
}
