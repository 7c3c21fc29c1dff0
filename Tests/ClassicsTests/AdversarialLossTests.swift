import Classics
import TestSupport
import Testing
import Torch
import TorchNN

/// The losses of two networks against PyTorch, and their laws.
@Suite struct AdversarialLossTests {
  private let golden = GANPeer.golden

  @Test(arguments: GANConfig.Norm.allCases, AdversarialLoss.allCases)
  func matchesPyTorch(norm: GANConfig.Norm, loss: AdversarialLoss) throws {
    let group = "\(norm.rawValue).\(loss.rawValue)"
    let real = try golden.tensor("real")
    let fake = try golden.tensor("fake")
    let discriminator = try GANPeer.model(norm).discriminator
    let first = loss.discriminator(real: discriminator(real), fake: discriminator(fake))
    let expected = try golden.tensor("\(group).discriminator")
    expectClose(first, expected, .network(.float32), "\(group) of D")
    try expectGradients(of: first, in: discriminator, "\(group).discriminator_gradients")

    let gan = try GANPeer.model(norm)
    let z = try golden.tensor("z")
    let second = loss.generator(fake: gan.discriminator(gan.generator(z)))
    let expectedOfG = try golden.tensor("\(group).generator")
    expectClose(second, expectedOfG, .network(.float32), "\(group) of G")
    try expectGradients(of: second, in: gan.generator, "\(group).generator_gradients")
  }

  @Test(arguments: [GANConfig.Norm.none, .spectral])
  func penaltyMatchesPyTorch(norm: GANConfig.Norm) throws {
    let discriminator = try GANPeer.model(norm).discriminator
    let real = try golden.tensor("real")
    let fake = try golden.tensor("fake")
    let penalty = AdversarialLoss.gradientPenalty(
      { discriminator($0) }, real: real, fake: fake, using: RandomSource(seed: 7))
    let expected = try golden.tensor("\(norm.rawValue).penalty")
    expectClose(penalty, expected, .network(.float32), "penalty")
    try expectGradients(
      of: penalty, in: discriminator, "\(norm.rawValue).penalty_gradients")
  }

  private func expectGradients(
    of total: Tensor, in module: any Module, _ group: String
  ) throws {
    let expected = try golden.tensors(group)
    let named = module.namedParameters()
    #expect(expected.keys.sorted() == named.map(\.name).sorted())
    let found = gradients(of: total, withRespectTo: named.map(\.parameter.value))
    for (index, gradient) in found.enumerated() {
      let key = named[index].name
      expectClose(
        gradient, try #require(expected[key]), .network(.float32), "\(group).\(key)")
    }
  }

  @Test func nonSaturatingIsCrossEntropy() {
    let random = RandomSource(seed: 1)
    let real = random.normal([9]) * 3
    let fake = random.normal([9]) * 3
    let ofReal = F.binaryCrossEntropyWithLogits(real, real.onesLike())
    let ofFake = F.binaryCrossEntropyWithLogits(fake, fake.zerosLike())
    let loss = AdversarialLoss.nonSaturating
    expectClose(loss.discriminator(real: real, fake: fake), ofReal + ofFake, .products, "of D")
    let fooled = F.binaryCrossEntropyWithLogits(fake, fake.onesLike())
    expectClose(loss.generator(fake: fake), fooled, .products, "of G")
  }

  @Test func largeScoresDoNotOverflow() {
    let loss = AdversarialLoss.nonSaturating
    let real = Tensor([Float(-1e4)])
    let fake = Tensor([Float(1e4)])
    #expect(loss.discriminator(real: real, fake: fake).item() == 2e4)
    #expect(loss.discriminator(real: fake, fake: real).item() == 0)
    // Where D is sure that an image is generated, G learns most.
    let score = Tensor([Float(-1e4)]).requiringGrad()
    let total = loss.generator(fake: score)
    #expect(total.item() == 1e4)
    #expect(gradients(of: total, withRespectTo: [score])[0].item() == -1)
  }

  @Test func valuesByHand() {
    let real = Tensor([Float(2), 0.5, -1])
    let fake = Tensor([Float(-2), -0.5, 1.75])
    // Real: (0 + 0.5 + 2) / 3, generated: (0 + 0.5 + 2.75) / 3.
    let hinge = AdversarialLoss.hinge.discriminator(real: real, fake: fake).item()
    #expect(abs(hinge - 5.75 / 3) < 1e-6)
    let wasserstein = AdversarialLoss.wasserstein.discriminator(real: real, fake: fake).item()
    #expect(abs(wasserstein - (-0.75 - 1.5) / 3) < 1e-6)
    for loss in [AdversarialLoss.hinge, .wasserstein] {
      #expect(abs(loss.generator(fake: fake).item() - 0.25) < 1e-6)
    }
    #expect(
      AdversarialLoss.allCases.map(\.rawValue) == ["non_saturating", "wasserstein", "hinge"])
  }

  @Test func aGradientOfLengthOneCostsNothing() {
    let random = RandomSource(seed: 2)
    let real = random.normal([4, 3, 2, 2])
    let fake = random.normal([4, 3, 2, 2])
    let direction = random.normal([12]).normalized()
    func penalty(ofSlope slope: Tensor) -> Tensor {
      AdversarialLoss.gradientPenalty(
        { ($0.flattened(from: 1) * direction).sum(over: 1) * slope },
        real: real, fake: fake, using: random)
    }
    let costs: [(slope: Double, cost: Double)] = [(1, 0), (-1, 0), (3, 4), (0, 1)]
    for (slope, cost) in costs {
      let found = penalty(ofSlope: Tensor(scalar: slope)).item()
      #expect(abs(found - cost) < 1e-5, "slope \(slope)")
    }
    // The length of a vector has no gradient at zero, which must not reach the weights.
    let flat = Tensor(scalar: 0).requiringGrad()
    let gradient = gradients(of: penalty(ofSlope: flat), withRespectTo: [flat])[0]
    #expect(gradient.item().isFinite)
    let steep = Tensor(scalar: 3).requiringGrad()
    let pull = gradients(of: penalty(ofSlope: steep), withRespectTo: [steep])[0]
    #expect(abs(pull.item() - 4) < 1e-4, "2 (3 - 1)")
  }

  @Test func theGradientIsTakenBetweenRealAndGenerated() {
    let random = RandomSource(seed: 3)
    let real = random.normal([5, 1, 2, 2])
    let fake = random.normal([5, 1, 2, 2])
    // The gradient of half the squared length is the image itself.
    let penalty = AdversarialLoss.gradientPenalty(
      { $0.flattened(from: 1).square().sum(over: 1) * 0.5 },
      real: real, fake: fake, using: RandomSource(seed: 4))
    let fraction = RandomSource(seed: 4).uniform([5, 1, 1, 1])
    let between = real * fraction + fake * (1 - fraction)
    let lengths = between.flattened(from: 1).norm(over: 1)
    expectClose(penalty, (lengths - 1).square().mean(), .products, "penalty")
  }

  /// The mean squared distance of two rows, one pair at a time.
  private func meanDistance(_ x: Tensor) -> Double {
    let rows = x.flattened(from: 1)
    var distances: [Double] = []
    for i in 0..<rows.dim(0) {
      for j in 0..<i { distances.append((rows[i] - rows[j]).square().sum().item()) }
    }
    return distances.reduce(0, +) / Double(distances.count)
  }

  @Test func diversityIsTheRatioOfDistances() {
    let random = RandomSource(seed: 5)
    let generated = random.normal([5, 1, 3, 3]) + 4
    let real = random.normal([7, 1, 3, 3]) * 2
    let ratio = meanDistance(generated) / meanDistance(real)
    let found = diversity(of: generated, comparedTo: real).item()
    #expect(abs(found / ratio - 1) < 1e-5)
  }

  @Test func diversityTellsACollapse() {
    let random = RandomSource(seed: 6)
    let real = random.normal([300, 1, 4, 4])
    let one = random.normal([1, 1, 4, 4]).expanded([200, 1, 4, 4])
    #expect(diversity(of: one, comparedTo: real).item() < 1e-10)
    // Of two images in turn only every other pair is apart.
    let two = random.normal([2, 1, 4, 4]).repeated([100, 1, 1, 1])
    #expect(diversity(of: two, comparedTo: real).item() < 0.9)
    let like = diversity(of: random.normal([200, 1, 4, 4]), comparedTo: real).item()
    #expect(abs(like - 1) < 0.1)
  }
}
