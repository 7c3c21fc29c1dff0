public import Config
public import Torch
import TorchNN

/// How a decoder's output `[B, C, S, S]` gives the probability of images.
public enum Likelihood: String, ConfigChoice {
  /// Each element is the fraction of white: a cross-entropy whose targets are grey levels.
  ///
  /// For images with grey levels it is no normalised density: bounds compare only with each other.
  case bernoulli
  /// Each pixel is black or white, sampled each time with its grey level as probability.
  ///
  /// Source: Salakhutdinov and Murray 2008.
  case bernoulliBinarized = "bernoulli_binarized"
  /// 256 levels, each with the mass of a logistic distribution around the output.
  ///
  /// Source: Kingma et al. 2016, section 4.
  case discretizedLogistic = "discretized_logistic"

  /// Returns the image to score: x in [-1, 1], or black and white sampled from it.
  public func target(_ x: Tensor, using random: RandomSource) -> Tensor {
    guard self == .bernoulliBinarized else { return x }
    let luck = random.uniform(x.shape, in: 0..<1, device: x.device)
    return (luck .< (x * 0.5 + 0.5)).to(x.dtype) * 2 - 1
  }

  /// Computes `log p(x | z)` of each element, nats.
  ///
  /// - Parameters:
  ///   - x: in [-1, 1].
  ///   - output: the decoder's, of x's shape.
  ///   - logScale: of the logistic distribution, one a channel.
  public func logProbability(_ x: Tensor, output: Tensor, logScale: Tensor?) -> Tensor {
    switch self {
    case .bernoulli, .bernoulliBinarized:
      // x log σ(a) + (1 − x) log(1 − σ(a)) with x in 0 to 1 is x a − log(1 + eᵃ).
      return (x * 0.5 + 0.5) * output - output.softplus()
    case .discretizedLogistic:
      guard let logScale else { preconditionFailure("a logistic distribution needs its scale") }
      let scale = logScale.reshaped(1, logScale.dim(0), 1, 1)
      let half = 1.0 / 255
      let upper = (x + half - output) * (-scale).exp()
      let lower = (x - half - output) * (-scale).exp()
      // σ(u) − σ(l) = σ(u) σ(−l) (1 − e^{l − u}), whose log is exact where both are near 1.
      // The lowest and the highest level include the tails.
      let width = (-scale).exp() * (2 * half)
      let inside = upper.logSigmoid() + (-lower).logSigmoid() + (-(-width).expm1()).log()
      return Tensor.where(
        x .< -1 + half, upper.logSigmoid(),
        Tensor.where(x .> 1 - half, (-lower).logSigmoid(), inside))
    }
  }

  /// Returns the mean image of an output, in [-1, 1].
  public func mean(_ output: Tensor) -> Tensor {
    switch self {
    case .bernoulli, .bernoulliBinarized: output.sigmoid() * 2 - 1
    case .discretizedLogistic: output.clamped(min: -1, max: 1)
    }
  }
}
