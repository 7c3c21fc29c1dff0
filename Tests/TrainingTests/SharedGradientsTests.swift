import Distribution
import TestSupport
import Testing
import Torch
import TorchNN
import Training

/// What several processes do is tested with `mpirun`, in the tests of the command.
@Suite struct SharedGradientsTests {
  private let network = ToyTask.Network(width: 512, using: RandomSource(seed: 0))

  /// The last layer's gradients come first, so they are the first that are summed.
  @Test func bucketsHoldEachParameterOnceFromTheEnd() {
    let groups = [
      ParameterGroup(
        [30_000, 40_000, 20_000, 50_000, 70_000, 10].enumerated().map {
          ("p\($0.offset)", Parameter(.zeros([$0.element])))
        }), ParameterGroup([("b0", Parameter(.zeros([4]))), ("b1", Parameter(.zeros([])))]),
    ]
    let buckets = SharedGradients(of: groups, ranks: Ranks(rank: 0, count: 2)).buckets
    #expect(
      buckets.map { $0.parameters.map(\.name) } == [
        ["p5"], ["p4"], ["p3"], ["p2", "p1"], ["p0"], ["b1", "b0"],
      ])
    #expect(buckets.map(\.group) == [0, 0, 0, 0, 0, 1])
    #expect(buckets.map(\.count) == [10, 70_000, 50_000, 60_000, 30_000, 5])
    #expect(SharedGradients.bucketSize(of: 1000) == 65_536)
    #expect(SharedGradients.bucketSize(of: 1 << 24) == 1 << 20)
    #expect(SharedGradients.bucketSize(of: 1 << 32) == 1 << 23)
  }

  @Test func sharesOfABucketAreEvenAndLeaveNothingOut() {
    for (count, total) in [(3, 10), (4, 2), (1024, 8_388_608)] {
      let shares = (0..<count).map { Ranks(rank: $0, count: count).share(of: total) }
      #expect(shares.first?.lowerBound == 0 && shares.last?.upperBound == total)
      #expect(zip(shares, shares.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
      let sizes = shares.map(\.count)
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }
  }

  /// One process clips and updates as Adam does, and keeps its whole state.
  @Test func oneProcessIsAdam() throws {
    func trained(_ update: (Tensor, ToyTask.Network) throws -> Void) rethrows -> [Tensor] {
      let network = ToyTask.Network(width: 16, using: RandomSource(seed: 0))
      let x = RandomSource(seed: 1).normal([4, 8])
      for _ in 0..<3 { try update(network.last(network.first(x)).square().mean(), network) }
      return network.parameters().map { $0.value.detached() }
    }
    var adam: Adam?
    let plain = trained { loss, network in
      let optimizer = adam ?? Adam(ParameterGroup.split(network, weightDecay: 0), learningRate: 0.1)
      adam = optimizer
      loss.backward()
      clipGradientNorm(optimizer.parameters, maximum: 0.5)
      optimizer.step()
      optimizer.zeroGradients()
    }
    var own: PartOptimizer?
    let shared = try trained { loss, network in
      let optimizer =
        own
        ?? PartOptimizer(
          ParameterGroup.split(network, weightDecay: 0), betas: (0.9, 0.999), epsilon: 1e-8,
          ranks: .one, isSharded: true)
      own = optimizer
      optimizer.backward(loss, completing: true)
      _ = try optimizer.finishGradients(maximum: 0.5)
      try optimizer.step(learningRate: 0.1)
      #expect(network.parameters().allSatisfy { $0.gradient == nil })
    }
    for (a, b) in zip(plain, shared) { expectClose(b, a, .exact) }
    #expect(own?.isSharded == false)
    let count = network.parameterCount
    let whole = PartOptimizer(
      ParameterGroup.split(network, weightDecay: 0), betas: (0.9, 0.999), epsilon: 1e-8,
      ranks: .one, isSharded: false)
    #expect(whole.momentBytes.own == 8 * count && whole.momentBytes.all == 8 * count)
  }
}
