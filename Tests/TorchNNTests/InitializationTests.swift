import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct InitializationTests {
  @Test(arguments: [
    ("normal", Initialization.normal(mean: 0.5, deviation: 0.02)),
    ("uniform", .uniform(bound: 0.3)), ("xavier_uniform", .xavierUniform(gain: 1.5)),
    ("xavier_normal", .xavierNormal()), ("kaiming_uniform", .kaimingUniform(slope: 0.2)),
    ("kaiming_normal", .kaimingNormal()),
  ])
  func matchesPyTorch(name: String, rule: Initialization) throws {
    let golden = Golden("torch_nn/initializations")
    for (key, shape) in [("matrix", [6, 5]), ("kernel", [4, 3, 3, 3])] {
      let drawn = rule.tensor(shape, using: RandomSource(seed: 9))
      // The mean is added after the product is rounded, where PyTorch fuses both.
      expectClose(drawn, try golden.tensor("\(name).\(key)"), .elements, "\(name) \(key)")
    }
  }

  @Test func constantsDrawNothing() {
    let random = RandomSource(seed: 1)
    let before = random.state.array(of: UInt8.self)
    let parameter = Parameter([2, 2], .ones, using: random)
    #expect(parameter.value.array(of: Double.self) == [1, 1, 1, 1])
    parameter.initialize(.constant(2.5), using: random)
    #expect(parameter.value.array(of: Double.self) == [2.5, 2.5, 2.5, 2.5])
    parameter.initialize(.zeros, using: random)
    #expect(parameter.value.array(of: Double.self) == [0, 0, 0, 0])
    #expect(parameter.value.requiresGrad)
    #expect(random.state.array(of: UInt8.self) == before)
  }

  @Test func normalHasItsMoments() {
    let drawn = Initialization.normal(mean: 2, deviation: 3).tensor(
      [40_000], using: RandomSource(seed: 4))
    #expect(abs(drawn.mean().item() - 2) < 0.05)
    #expect(abs(drawn.standardDeviation().item() - 3) < 0.05)
  }

  @Test func fansNeedTwoAxes() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Initialization.kaimingNormal().tensor([3], using: RandomSource(seed: 0)) }
    expectTrap("a fan needs a weight of at least two axes, not [3]", result)
  }
}
