import Torch
import TorchNN

/// The configuration of a stack of transformer blocks.
struct Stack {
  /// How the weights are initialised.
  enum Initialization {
    /// Gaussians whose deviation shrinks with width and depth (OpenAI's text tower).
    case scaled
    /// PyTorch's defaults (OpenAI's vision tower).
    case plain
  }

  /// Width of an encoding.
  let width: Int
  /// Width of the feed-forward layer.
  let innerWidth: Int
  /// Transformer blocks.
  let depth: Int
  /// Attention heads, among which the width is divided.
  let heads: Int
  /// Whether a token attends only to itself and those before it.
  let isCausal: Bool
  /// The activation of the feed-forward layer.
  let activation: Activation
  /// Added to the variance in every layer norm.
  let epsilon: Double
  /// How the weights are initialised.
  let initialization: Initialization
}

/// Self-attention over a sequence: `[B, L, D] -> [B, L, D]`.
///
/// Source: transformers `CLIPAttention`, its keys.
final class CLIPAttention: Module {
  let qProj: Linear
  let kProj: Linear
  let vProj: Linear
  let outProj: Linear
  private let stack: Stack

  init(_ stack: Stack, using random: RandomSource) {
    let width = stack.width
    qProj = Linear(width, width, using: random)
    kProj = Linear(width, width, using: random)
    vProj = Linear(width, width, using: random)
    outProj = Linear(width, width, using: random)
    self.stack = stack
    let scale = 1 / Double(width).squareRoot()
    for projection in [qProj, kProj, vProj] {
      switch stack.initialization {
      case .scaled: projection.weight.initialize(.normal(deviation: scale), using: random)
      // Xavier for the three as one matrix of 3 width rows.
      case .plain:
        projection.weight.initialize(.uniform(bound: scale * 1.5.squareRoot()), using: random)
      }
      projection.bias?.initialize(.zeros, using: random)
    }
    if case .scaled = stack.initialization {
      let deviation = scale / (2 * Double(stack.depth)).squareRoot()
      outProj.weight.initialize(.normal(deviation: deviation), using: random)
    }
    outProj.bias?.initialize(.zeros, using: random)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let attended = F.scaledDotProductAttention(
      qProj(x).splitHeads(stack.heads), kProj(x).splitHeads(stack.heads),
      vProj(x).splitHeads(stack.heads), isCausal: stack.isCausal)
    return outProj(attended.mergedHeads())  // [B, L, D]
  }
}

/// The feed-forward layer, two linear maps with an activation between: `[B, L, D] -> [B, L, D]`.
///
/// Source: transformers `CLIPMLP`, its keys.
final class CLIPFeedForward: Module {
  let fc1: Linear
  let fc2: Linear
  private let activation: Activation

  init(_ stack: Stack, using random: RandomSource) {
    fc1 = Linear(stack.width, stack.innerWidth, using: random)
    fc2 = Linear(stack.innerWidth, stack.width, using: random)
    activation = stack.activation
    if case .scaled = stack.initialization {
      let width = Double(stack.width)
      fc1.weight.initialize(.normal(deviation: 1 / (2 * width).squareRoot()), using: random)
      fc2.weight.initialize(
        .normal(deviation: 1 / (2 * width * Double(stack.depth)).squareRoot()), using: random)
    }
  }

  func callAsFunction(_ x: Tensor) -> Tensor { fc2(activation(fc1(x))) }
}

/// A pre-norm block: `[B, L, D] -> [B, L, D]`.
///
/// Source: transformers `CLIPEncoderLayer`, its keys.
final class CLIPEncoderLayer: Module {
  let selfAttn: CLIPAttention
  let layerNorm1: LayerNorm
  let mlp: CLIPFeedForward
  let layerNorm2: LayerNorm

  init(_ stack: Stack, using random: RandomSource) {
    selfAttn = CLIPAttention(stack, using: random)
    layerNorm1 = LayerNorm(stack.width, epsilon: stack.epsilon)
    mlp = CLIPFeedForward(stack, using: random)
    layerNorm2 = LayerNorm(stack.width, epsilon: stack.epsilon)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let h = x + selfAttn(layerNorm1(x))
    return h + mlp(layerNorm2(h))
  }
}

/// The blocks of a stack, one after the other: `[B, L, D] -> [B, L, D]`.
///
/// Source: transformers `CLIPEncoder`, its keys.
final class CLIPEncoder: Module {
  let layers: [CLIPEncoderLayer]

  init(_ stack: Stack, using random: RandomSource) {
    layers = (0..<stack.depth).map { _ in CLIPEncoderLayer(stack, using: random) }
  }

  func callAsFunction(_ x: Tensor) -> Tensor { layers.reduce(x) { $1($0) } }
}
