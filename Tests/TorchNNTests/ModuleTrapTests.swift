import TestSupport
import Testing
import Torch
import TorchNN

private final class BareTensor: Module { let table = Tensor.zeros([1]) }
private final class NoTensor: Module { let table: Tensor? = nil }
private final class TensorArray: Module { let tables = [Tensor.zeros([1])] }
private final class Keyed: Module {
  let layers = ["a": Parameter([1], filledWith: 0)]
}
private final class Paired: Module {
  let pair = (Parameter([1], filledWith: 0), Parameter([1], filledWith: 0))
}
private final class Wrapped: Module {
  struct Box { let part = Parameter([1], filledWith: 0) }
  let box = Box()
}
private final class Misspelt: Module {
  static let keys = ["wieght": "w"]
  let weight = Parameter([1], filledWith: 0)
}
private final class Doubled: Module {
  static let keys = ["first": "second"]
  let first = Parameter([1], filledWith: 0)
  let second = Parameter([1], filledWith: 0)
}
private final class Looped: Module { var inside: [any Module] = [] }
private class Base: Module { let weight = Parameter([1], filledWith: 0) }
private final class Derived: Base {}

@Suite struct ModuleTrapTests {
  @Test func bareTensor() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = BareTensor().parameters() }
    expectTrap("BareTensor.table is a bare Tensor", result)
    expectTrap("store a Parameter if it is trained, else a Buffer", result)
  }

  @Test func absentTensor() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = NoTensor().parameters() }
    expectTrap("NoTensor.table is a bare Tensor", result)
  }

  @Test func arrayOfTensors() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = TensorArray().parameters() }
    expectTrap("TensorArray.tables is a bare Tensor", result)
  }

  @Test func dictionary() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Keyed().parameters() }
    expectTrap("Keyed.layers is a dictionary or set of parts", result)
  }

  @Test func tuple() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Paired().parameters() }
    expectTrap("Paired.pair is a tuple of parts", result)
  }

  @Test func structOfParts() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Wrapped().parameters() }
    expectTrap("Wrapped.box is a Box that holds parts", result)
  }

  @Test func keyWithoutProperty() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Misspelt().parameters() }
    expectTrap("Misspelt.keys names no stored property with wieght", result)
  }

  @Test func oneKeyForTwo() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Doubled().parameters() }
    expectTrap("second: two members of Doubled have this key", result)
  }

  @Test func moduleInsideItself() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let loop = Looped()
      loop.inside = [loop]
      _ = loop.parameters()
    }
    expectTrap("inside.0: Looped holds a module that contains it", result)
  }

  @Test func inheritance() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Derived().parameters() }
    expectTrap("inherits from another class", result)
  }

  @Test func integerParameter() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Parameter(Tensor.zeros([1], dtype: .int64)) }
    expectTrap("needs a floating point type, not int64; store a Buffer instead", result)
  }

  @Test func groupsThatDoNotDivide() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = GroupNorm(3, 8) }
    expectTrap("3 groups do not divide 8 channels", result)
  }

  @Test func parameterTwiceInAnOptimizer() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let layer = Linear(1, 1, using: RandomSource(seed: 0))
      let groups = [ParameterGroup(layer.namedParameters()), ParameterGroup([("x", layer.weight)])]
      _ = Adam(groups, learningRate: 0.1)
    }
    expectTrap("x is in an optimiser twice", result)
  }

  @Test func nothingToTrain() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let layer = Linear(1, 1, using: RandomSource(seed: 0))
      layer.freeze()
      _ = Adam(layer, learningRate: 0.1)
    }
    expectTrap("needs at least one trainable parameter", result)
  }
}
