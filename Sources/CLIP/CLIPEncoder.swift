import Torch
import TorchNN

/// How the weights of a transformer are drawn.
enum CLIPInitialization {
  /// Gaussians whose deviation falls with width and depth (OpenAI's text tower).
  case scaled
  /// The framework's own (OpenAI's vision tower).
  case plain
}

/// Attention of each token to all others, or to those before it: `[B, L, D] -> [B, L, D]`.
///
/// Source: transformers `CLIPAttention`, its keys.
final class CLIPAttention: Module {
  let qProj: Linear
  let kProj: Linear
  let vProj: Linear
  let outProj: Linear
  private let headCount: Int

  init(
    width: Int, headCount: Int, depth: Int, initialization: CLIPInitialization,
    using random: RandomSource
  ) {
    qProj = Linear(width, width, using: random)
    kProj = Linear(width, width, using: random)
    vProj = Linear(width, width, using: random)
    outProj = Linear(width, width, using: random)
    self.headCount = headCount
    let scale = 1 / Double(width).squareRoot()
    for projection in [qProj, kProj, vProj] {
      switch initialization {
      case .scaled: projection.weight.initialize(.normal(deviation: scale), using: random)
      // Xavier for the three as one matrix of 3 width rows.
      case .plain:
        projection.weight.initialize(.uniform(bound: scale * 1.5.squareRoot()), using: random)
      }
      projection.bias?.initialize(.zeros, using: random)
    }
    if case .scaled = initialization {
      let deviation = scale / (2 * Double(depth)).squareRoot()
      outProj.weight.initialize(.normal(deviation: deviation), using: random)
    }
    outProj.bias?.initialize(.zeros, using: random)
  }

  func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    let (b, l, d) = x.shape3
    func heads(_ x: Tensor) -> Tensor {
      x.reshaped(b, l, headCount, d / headCount).transposed(1, 2)  // [B, H, L, D/H]
    }
    let attended = F.scaledDotProductAttention(
      heads(qProj(x)), heads(kProj(x)), heads(vProj(x)), isCausal: isCausal)
    return outProj(attended.transposed(1, 2).reshaped(b, l, d))  // [B, L, D]
  }
}

/// Two linear maps with a nonlinearity between, each token alone.
///
/// Source: transformers `CLIPMLP`, its keys.
final class CLIPFeedForward: Module {
  let fc1: Linear
  let fc2: Linear
  private let activation: Activation

  init(
    width: Int, hiddenWidth: Int, depth: Int, activation: Activation,
    initialization: CLIPInitialization, using random: RandomSource
  ) {
    fc1 = Linear(width, hiddenWidth, using: random)
    fc2 = Linear(hiddenWidth, width, using: random)
    self.activation = activation
    if case .scaled = initialization {
      let w = Double(width)
      fc1.weight.initialize(.normal(deviation: 1 / (2 * w).squareRoot()), using: random)
      fc2.weight.initialize(
        .normal(deviation: 1 / (2 * w * Double(depth)).squareRoot()), using: random)
    }
  }

  func callAsFunction(_ x: Tensor) -> Tensor { fc2(activation(fc1(x))) }
}

/// A pre-norm block, `[B, L, D] -> [B, L, D]`.
///
/// Source: transformers `CLIPEncoderLayer`, its keys.
final class CLIPEncoderLayer: Module {
  let selfAttn: CLIPAttention
  let layerNorm1: LayerNorm
  let mlp: CLIPFeedForward
  let layerNorm2: LayerNorm

  init(
    width: Int, hiddenWidth: Int, headCount: Int, depth: Int, activation: Activation,
    epsilon: Double, initialization: CLIPInitialization, using random: RandomSource
  ) {
    selfAttn = CLIPAttention(
      width: width, headCount: headCount, depth: depth, initialization: initialization,
      using: random)
    layerNorm1 = LayerNorm(width, epsilon: epsilon)
    mlp = CLIPFeedForward(
      width: width, hiddenWidth: hiddenWidth, depth: depth, activation: activation,
      initialization: initialization, using: random)
    layerNorm2 = LayerNorm(width, epsilon: epsilon)
  }

  func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    let h = x + selfAttn(layerNorm1(x), isCausal: isCausal)
    return h + mlp(layerNorm2(h))
  }
}

/// A stack of blocks.
///
/// Source: transformers `CLIPEncoder`, its keys.
final class CLIPEncoder: Module {
  let layers: [CLIPEncoderLayer]

  init(
    width: Int, hiddenWidth: Int, layerCount: Int, headCount: Int, activation: Activation,
    epsilon: Double, initialization: CLIPInitialization, using random: RandomSource
  ) {
    layers = (0..<layerCount).map { _ in
      CLIPEncoderLayer(
        width: width, hiddenWidth: hiddenWidth, headCount: headCount, depth: layerCount,
        activation: activation, epsilon: epsilon, initialization: initialization, using: random)
    }
  }

  func callAsFunction(_ x: Tensor, isCausal: Bool = false) -> Tensor {
    layers.reduce(x) { x, layer in layer(x, isCausal: isCausal) }
  }
}
