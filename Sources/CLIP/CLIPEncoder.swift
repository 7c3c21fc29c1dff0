import Torch
import TorchNN

/// A stack of pre-norm transformer blocks, `[B, L, W] -> [B, L, W]`; keys as Hugging Face
/// `CLIPEncoder`.
final class CLIPEncoder: Module {
  let layers: [CLIPEncoderLayer]

  init(
    width: Int, inner: Int, layers count: Int, heads: Int, activation: Activation,
    epsilon: Double, initialisation: CLIPInitialisation, using random: RandomSource
  ) {
    layers = (0..<count).map { _ in
      CLIPEncoderLayer(
        width: width, inner: inner, heads: heads, activation: activation, epsilon: epsilon,
        initialisation: initialisation, using: random)
    }
  }

  func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    layers.reduce(x) { h, layer in layer(h, isCausal: isCausal) }
  }
}

/// One pre-norm transformer block.
final class CLIPEncoderLayer: Module {
  static let keys = ["layerNorm1": "layer_norm1", "layerNorm2": "layer_norm2"]
  let layerNorm1: LayerNorm
  let selfAttn: CLIPAttention
  let layerNorm2: LayerNorm
  let mlp: CLIPFeedForward

  init(
    width: Int, inner: Int, heads: Int, activation: Activation, epsilon: Double,
    initialisation: CLIPInitialisation, using random: RandomSource
  ) {
    layerNorm1 = LayerNorm(width, epsilon: epsilon)
    selfAttn = CLIPAttention(
      width: width, heads: heads, initialisation: initialisation, using: random)
    layerNorm2 = LayerNorm(width, epsilon: epsilon)
    mlp = CLIPFeedForward(
      width: width, inner: inner, activation: activation, initialisation: initialisation,
      using: random)
  }

  func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    let h = x + selfAttn(layerNorm1(x), isCausal: isCausal)
    return h + mlp(layerNorm2(h))
  }
}

/// Multi-head self-attention, `[B, L, W] -> [B, L, W]`.
final class CLIPAttention: Module {
  let kProj: Linear
  let vProj: Linear
  let qProj: Linear
  let outProj: Linear
  private let heads: Int

  init(
    width: Int, heads: Int, initialisation: CLIPInitialisation, using random: RandomSource
  ) {
    self.heads = heads
    kProj = initialisation.linear(width, width, initialisation.attention, using: random)
    vProj = initialisation.linear(width, width, initialisation.attention, using: random)
    qProj = initialisation.linear(width, width, initialisation.attention, using: random)
    outProj = initialisation.linear(width, width, initialisation.projection, using: random)
  }

  func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    let (b, length, width) = x.shape3
    func split(_ y: Tensor) -> Tensor {  // [B, heads, L, d]
      y.reshaped(b, length, heads, width / heads).transposed(1, 2)
    }
    let attended = F.scaledDotProductAttention(
      split(qProj(x)), split(kProj(x)), split(vProj(x)), isCausal: isCausal)
    return outProj(attended.transposed(1, 2).reshaped(b, length, width))
  }
}

/// Linear, activation, linear.
final class CLIPFeedForward: Module {
  let fc1: Linear
  let fc2: Linear
  private let activation: Activation

  init(
    width: Int, inner: Int, activation: Activation, initialisation: CLIPInitialisation,
    using random: RandomSource
  ) {
    self.activation = activation
    fc1 = initialisation.linear(width, inner, initialisation.inner, using: random)
    fc2 = initialisation.linear(inner, width, initialisation.projection, using: random)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { fc2(activation(fc1(x))) }
}

/// OpenAI's initial deviations for a tower of a width and depth: residual branches shrink with the
/// depth so that the stack starts near the identity. Source: openai/CLIP `initialize_parameters`.
struct CLIPInitialisation {
  /// Queries, keys, values.
  let attention: Double
  /// The last layer of each residual branch.
  let projection: Double
  /// The first feed-forward layer.
  let inner: Double

  init(width: Int, layers: Int) {
    let base = 1 / Double(width).squareRoot()
    attention = base
    projection = base / Double(2 * layers).squareRoot()
    inner = 1 / Double(2 * width).squareRoot()
  }

  /// A linear layer with normal weights and zero biases.
  func linear(
    _ input: Int, _ output: Int, _ deviation: Double, using random: RandomSource
  ) -> Linear {
    let layer = Linear(input, output, using: random)
    layer.weight.initialize(.normal(deviation: deviation), using: random)
    layer.bias?.initialize(.zeros, using: random)
    return layer
  }
}
