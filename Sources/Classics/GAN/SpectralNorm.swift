public import Torch
public import TorchNN

/// A weight whose largest singular value is kept at 1: `W / σ(W)`, `σ(W) = uᵀ W v`.
///
/// u and v are the singular vectors of σ, tracked by one power iteration per training call:
/// `v ← Wᵀu / ‖Wᵀu‖`, `u ← W v / ‖W v‖`. This bounds a discriminator's Lipschitz constant; for a
/// convolution σ is that of the kernel as a matrix, only near the constant of the map.
/// Source: Miyato et al. 2018, algorithm 1; PyTorch's `spectral_norm`, with its keys.
public final class SpectralWeight: Module, TrainingSwitch {
  /// PyTorch's names.
  public static let keys = ["original": "weight_orig", "u": "weight_u", "v": "weight_v"]
  /// W, the trained weight.
  let original: Parameter
  /// `[out]`, a unit vector.
  let u: Buffer
  /// `[in]`, a unit vector.
  let v: Buffer
  /// Whether u and v are updated.
  public var isTraining = true

  init(_ shape: [Int], _ initialization: Initialization, using random: RandomSource) {
    original = Parameter(shape, initialization, using: random)
    let columns = shape.dropFirst().reduce(1, *)
    u = Buffer([shape[0]]) { random.normal([shape[0]]).normalized() }
    v = Buffer([columns]) { random.normal([columns]).normalized() }
  }

  /// Computes `W / σ(W)`, with W's shape.
  func callAsFunction() -> Tensor {
    let matrix = original.value.reshaped(original.shape[0], -1)
    if isTraining {
      noGrad {
        v.value.copy(from: matrix.transposed().matmul(u.value).normalized())
        u.value.copy(from: matrix.matmul(v.value).normalized())
      }
    }
    // Copies: the next call updates u and v while this call's gradient may still be needed.
    let sigma = u.value.cloned().dot(matrix.matmul(v.value.cloned()))
    return original.value / sigma
  }
}

/// A convolution whose weight has largest singular value 1: `[B, in, H, W] -> [B, out, H', W']`.
public final class SpectralConv2d: UnaryLayer {
  /// The weight's keys are the layer's own.
  public static let keys = ["weight": ""]
  let bias: Parameter
  let weight: SpectralWeight
  private let stride: Int
  private let padding: Int

  /// Makes a layer with a square kernel.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    using random: RandomSource
  ) {
    weight = SpectralWeight(
      [outChannels, inChannels, kernel, kernel], .normal(deviation: 0.02), using: random)
    bias = Parameter([outChannels], filledWith: 0)
    self.stride = stride
    self.padding = padding
  }

  /// Applies the convolution.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    F.conv2d(x, weight(), bias.value, stride: stride, padding: padding)
  }
}

/// A linear layer whose weight has largest singular value 1: `[…, in] -> […, out]`.
public final class SpectralLinear: UnaryLayer {
  /// The weight's keys are the layer's own.
  public static let keys = ["weight": ""]
  let bias: Parameter
  let weight: SpectralWeight

  /// Makes a layer.
  public init(_ inFeatures: Int, _ outFeatures: Int, using random: RandomSource) {
    weight = SpectralWeight([outFeatures, inFeatures], .normal(deviation: 0.02), using: random)
    bias = Parameter([outFeatures], filledWith: 0)
  }

  /// Applies the linear map.
  public func callAsFunction(_ x: Tensor) -> Tensor { F.linear(x, weight(), bias.value) }
}
