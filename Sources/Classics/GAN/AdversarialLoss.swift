public import Config
public import Torch
import TorchNN

/// What two networks that play against each other make small; D is the discriminator's score.
public enum AdversarialLoss: String, ConfigChoice {
  /// D: `−log σ(D(x)) − log(1 − σ(D(G(z))))`; G: `−log σ(D(G(z)))`, which has a gradient also where
  /// D is sure (Goodfellow et al. 2014, equation 1 and section 3).
  case nonSaturating = "non_saturating"
  /// D: `D(G(z)) − D(x)`; G: `−D(G(z))`. D must not be steep: see ``gradientPenalty(_:real:fake:using:)``
  /// (Arjovsky et al. 2017, equation 2).
  case wasserstein
  /// D: `max(0, 1 − D(x)) + max(0, 1 + D(G(z)))`; G: `−D(G(z))` (Miyato et al. 2018, equations 16
  /// and 17).
  case hinge

  /// Returns the discriminator's loss of scores `[B]` of real and of drawn images.
  public func discriminator(real: Tensor, fake: Tensor) -> Tensor {
    switch self {
    case .nonSaturating: (-real).softplus().mean() + fake.softplus().mean()
    case .wasserstein: fake.mean() - real.mean()
    case .hinge: (1 - real).relu().mean() + (1 + fake).relu().mean()
    }
  }

  /// Returns the generator's loss of scores `[B]` of drawn images.
  public func generator(fake: Tensor) -> Tensor {
    switch self {
    case .nonSaturating: (-fake).softplus().mean()
    case .wasserstein, .hinge: -fake.mean()
    }
  }

  /// Computes `E[(‖∇D(x̂)‖₂ − 1)²]` at points x̂ on the lines between real and drawn images.
  ///
  /// Source: Gulrajani et al. 2017, equation 3.
  public static func gradientPenalty(
    _ discriminator: (Tensor) -> Tensor, real: Tensor, fake: Tensor, using random: RandomSource
  ) -> Tensor {
    let share = random.uniform([real.dim(0), 1, 1, 1], in: 0..<1, device: real.device)
    let between = (fake + (real - fake) * share).detached().requiringGrad()
    let slope = gradients(
      of: discriminator(between).sum(), withRespectTo: [between], createGraph: true)[0]
    let length = (slope.square().flattened(from: 1).sum(over: 1) + 1e-12).sqrt()
    return (length - 1).square().mean()
  }
}

/// Returns how unlike each other drawn images are, beside how unlike real ones are: the ratio of
/// the mean squared distances within each set.
///
/// Near 1 all is well; near 0 the generator has collapsed: it draws one image whatever z is.
/// Shapes: `[N, …]` and `[M, …]` -> `[]`. Of N vectors the mean squared distance of two is twice
/// their variance, summed over the numbers.
public func diversity(of images: Tensor, comparedTo real: Tensor) -> Tensor {
  func spread(_ x: Tensor) -> Tensor {
    x.flattened(from: 1).variance(over: 0).sum()
  }
  return spread(images) / spread(real).clamped(min: 1e-12)
}
