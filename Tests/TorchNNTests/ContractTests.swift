import TestSupport
import Testing
import Torch
import TorchNN

/// Each contract that a caller can breach ends the process with the values in the message.
@Suite struct ContractTests {
  @Test func dropoutProbability() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Dropout(1.5) }
    expectTrap("a dropout probability lies in 0 ... 1, not 1.5", result)
  }

  @Test func convolutionGroups() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Conv2d(4, 6, kernel: 1, groups: 4, using: RandomSource(seed: 0)) }
    expectTrap("4 groups do not divide 4 and 6 channels", result)
  }

  @Test func conversionToIntegers() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { LayerNorm(2).to(dtype: .int64) }
    expectTrap("a module converts to a floating point type, not to int64", result)
  }

  @Test func decayOfAnAverage() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = ExponentialMovingAverage(of: LayerNorm(2), decay: 1) }
    expectTrap("the decay of an average lies in 0 ..< 1, not 1.0", result)
  }

  @Test func maximumOfANorm() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { clipGradientNorm([], maximum: 0) }
    expectTrap("the maximum of a gradient norm is positive, not 0.0", result)
  }

  @Test func oneNameForTwoParameters() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let groups = [LayerNorm(2), LayerNorm(2)].map { ParameterGroup($0.namedParameters()) }
      _ = Adam(groups, learningRate: 1)
    }
    expectTrap("two parameters of one optimiser are named weight", result)
  }

  @Test func frozenParameterInAnOptimizer() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let layer = LayerNorm(2)
      layer.freeze()
      _ = Adam([ParameterGroup(layer.namedParameters())], learningRate: 1)
    }
    expectTrap("weight is frozen, so an optimiser cannot hold it", result)
  }
}
