public import Config
public import Torch
import TorchNN

/// The losses of two adversarial networks; D is the discriminator's score.
public enum AdversarialLoss: String, ConfigChoice {
  /// D: `−log σ(D(x)) − log(1 − σ(D(G(z))))`; G: `−log σ(D(G(z)))`, whose gradient does not vanish
  /// where D is sure (Goodfellow et al. 2014, equation 1 and section 3).
  case nonSaturating = "non_saturating"
  /// D: `D(G(z)) − D(x)`; G: `−D(G(z))`. D's slope must be bounded, as by
  /// ``gradientPenalty(_:real:fake:using:)`` (Arjovsky et al. 2017, equation 2).
  case wasserstein
  /// D: `max(0, 1 − D(x)) + max(0, 1 + D(G(z)))`; G: `−D(G(z))` (Miyato et al. 2018, equations 16
  /// and 17).
  case hinge

  /// Returns the discriminator's loss from scores `[B]` of real and of generated images.
  public func discriminator(real: Tensor, fake: Tensor) -> Tensor {
    switch self {
    case .nonSaturating: (-real).softplus().mean() + fake.softplus().mean()
    case .wasserstein: fake.mean() - real.mean()
    case .hinge: (1 - real).relu().mean() + (1 + fake).relu().mean()
    }
  }

  /// Returns the generator's loss from scores `[B]` of generated images.
  public func generator(fake: Tensor) -> Tensor {
    switch self {
    case .nonSaturating: (-fake).softplus().mean()
    case .wasserstein, .hinge: -fake.mean()
    }
  }

  /// Computes `E[(‖∇D(x̂)‖₂ − 1)²]` at points x̂ between real and generated images.
  ///
  /// Source: Gulrajani et al. 2017, equation 3.
  public static func gradientPenalty(
    _ discriminator: (Tensor) -> Tensor, real: Tensor, fake: Tensor, using random: RandomSource
  ) -> Tensor {
    let fraction = random.uniform([real.dim(0), 1, 1, 1], in: 0..<1, device: real.device)
    let between = (fake + (real - fake) * fraction).detached().requiringGrad()
    let slope = gradients(
      of: discriminator(between).sum(), withRespectTo: [between], createGraph: true)[0]
    let length = (slope.square().flattened(from: 1).sum(over: 1) + 1e-12).sqrt()
    return (length - 1).square().mean()
  }
}

/// Returns the diversity of generated images relative to real ones: the ratio of the mean squared
/// distances within each set.
///
/// It is near 1 for a good generator, near 0 for a collapsed one, which makes one image for all z.
/// The mean squared distance of two vectors is twice their variance, summed over dimensions.
/// Shapes: `[N, …]` and `[M, …]` -> `[]`.
public func diversity(of images: Tensor, comparedTo real: Tensor) -> Tensor {
  func spread(_ x: Tensor) -> Tensor {
    x.flattened(from: 1).variance(over: 0).sum()
  }
  return spread(images) / spread(real).clamped(min: 1e-12)
}
