import TestSupport
import Testing
import Torch
import TorchNN

@testable import Classics

/// The VAE against PyTorch, whose densities come from `torch.distributions`.
@Suite struct VAETests {
  private func model(
    _ likelihood: Likelihood, beta: Double = 0.5, freeBits: Double = 0.3
  ) -> VAE {
    VAE(
      VAEConfig(
        imageSize: 8, channels: 3, widths: [4, 6], latentDim: 5, likelihood: likelihood,
        beta: beta, freeBits: freeBits), using: RandomSource(seed: 0))
  }

  @Test(arguments: Likelihood.allCases)
  func matchesPyTorch(likelihood: Likelihood) throws {
    let golden = Golden("classics/vae-\(likelihood.rawValue)")
    let model = model(likelihood)
    try model.load(golden.tensors("weights"))
    let x = try golden.tensor("x")
    let (mean, logVariance) = model.posterior(x)
    expectClose(mean, try golden.tensor("mean"), .network(.float32), "mean")
    expectClose(
      logVariance, try golden.tensor("log_variance"), .network(.float32), "log variance")
    let (loss, elbo) = model.loss(x, using: RandomSource(seed: 7))
    expectClose(
      elbo.divergence, try golden.tensor("divergence"), .network(.float32), "divergence")
    expectClose(
      elbo.reconstruction, try golden.tensor("reconstruction"), .network(.float32),
      "reconstruction")
    expectClose(loss, try golden.tensor("loss"), .network(.float32), "loss")
    loss.backward()
    try expectGradients(of: model, golden)
    let tighter = model.importanceWeightedBound(x, draws: 4, using: RandomSource(seed: 7))
    expectClose(tighter, try golden.tensor("iwae"), .network(.float32), "iwae")
  }

  /// The closed form is the mean of `log q(z) − log p(z)` over samples from q.
  @Test func divergenceIsTheMeanOfItsIntegrand() {
    let mean = Tensor([0.0, 1.5, -0.7] as [Float]), logVariance = Tensor([0.0, -1, 0.8] as [Float])
    let noise = RandomSource(seed: 1).normal([200_000, 3])
    let z = mean + (logVariance * 0.5).exp() * noise
    let integrand = (z.square() - noise.square() - logVariance) * 0.5
    let divergence = VAE.divergence(mean: mean, logVariance: logVariance)
    #expect(divergence[0].item() == 0)
    #expect((integrand.mean(over: 0) - divergence).abs().max().item() < 0.02)
  }

  /// More samples never loosen the bound in the mean, and one sample gives the lower bound itself.
  @Test func moreSamplesTightenTheBound() {
    let model = model(.bernoulli)
    let x = RandomSource(seed: 2).uniform([256, 3, 8, 8], in: -1..<1)
    let bounds = [1, 8, 64].map { draws in
      noGrad { model.importanceWeightedBound(x, draws: draws, using: RandomSource(seed: 3)) }
        .mean().item()
    }
    let elbo = noGrad { model.elbo(x, using: RandomSource(seed: 3)) }.bound.mean().item()
    #expect(bounds[0] < bounds[1] && bounds[1] < bounds[2], "\(bounds)")
    #expect(abs(bounds[0] - elbo) < 0.3, "\(bounds[0]) \(elbo)")
  }

  @Test func logisticMassesAddUpToOne() {
    let levels = Tensor.arange(0, 256).reshaped(256, 1, 1, 1) * (1 / 127.5) - 1
    for (centre, scale) in [(0.3, -3.0), (-1.2, -1.0), (0.999, -5.0)] {
      let mass = Likelihood.discretizedLogistic.logProbability(
        levels, output: Tensor.full([256, 1, 1, 1], centre),
        logScale: Tensor([Float(scale)])
      ).exp().sum().item()
      #expect(abs(mass - 1) < 1e-3, "\(centre) \(scale): \(mass)")
    }
  }

  /// Black or white, with the grey level as the probability.
  @Test func binarizedTargetsKeepTheMean() {
    let x = RandomSource(seed: 5).uniform([1, 1, 8, 8], in: -1..<1)
    let many = x.expanded([20_000, 1, 8, 8])
    let target = Likelihood.bernoulliBinarized.target(many, using: RandomSource(seed: 6))
    #expect((target.abs() - 1).abs().max().item() == 0)
    #expect((target.mean(over: 0) - x[0]).abs().max().item() < 0.04)
  }

  /// Below the free bits the divergence has no gradient; above them it has.
  @Test func freeBitsAreNotPenalised() throws {
    let x = RandomSource(seed: 2).uniform([4, 3, 8, 8], in: -1..<1)
    func divergenceGradient(_ freeBits: Double) throws -> Double {
      let model = model(.bernoulli, beta: 1, freeBits: freeBits)
      let (total, elbo) = model.loss(x, using: RandomSource(seed: 3))
      (total - elbo.reconstruction.mean()).backward()
      return try #require(model.toMean.weight.gradient).abs().sum().item()
    }
    #expect(try divergenceGradient(100) == 0)
    #expect(try divergenceGradient(0) > 0)
  }

  /// Sampling needs the decoder alone.
  @Test func samplesWithoutTheEncoder() {
    let model = model(.bernoulli)
    let before = model.sample(3, using: RandomSource(seed: 9))
    #expect(before.shape == [3, 3, 8, 8])
    #expect(before.abs().max().item() <= 1)
    for parameter in model.encoder.parameters() {
      parameter.initialize(.constant(.nan), using: RandomSource(seed: 0))
    }
    expectClose(
      model.sample(3, using: RandomSource(seed: 9)), before, .exact, "without an encoder")
  }
}
