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

/// Whether what a process wrote to its standard error holds the sentence. Optimised builds drop
/// the text of preconditions, so there only the exit counts.
func tells(_ result: ExitTest.Result?, _ part: String) -> Bool {
  #if DEBUG
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).contains(part)
  #else
    result != nil
  #endif
}

@Suite struct ModuleTrapTests {
  @Test func bareTensor() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = BareTensor().parameters() }
    #expect(tells(result, "BareTensor.table is a bare Tensor"))
    #expect(tells(result, "store a Parameter if it is trained, else a Buffer"))
  }

  @Test func absentTensor() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = NoTensor().parameters() }
    #expect(tells(result, "NoTensor.table is a bare Tensor"))
  }

  @Test func arrayOfTensors() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = TensorArray().parameters() }
    #expect(tells(result, "TensorArray.tables is a bare Tensor"))
  }

  @Test func dictionary() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Keyed().parameters() }
    #expect(tells(result, "Keyed.layers is a dictionary or set of parts"))
  }

  @Test func tuple() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Paired().parameters() }
    #expect(tells(result, "Paired.pair is a tuple of parts"))
  }

  @Test func structOfParts() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Wrapped().parameters() }
    #expect(tells(result, "Wrapped.box is a Box that holds parts"))
  }

  @Test func keyWithoutProperty() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Misspelt().parameters() }
    #expect(tells(result, "Misspelt.keys names no stored property with wieght"))
  }

  @Test func oneKeyForTwo() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Doubled().parameters() }
    #expect(tells(result, "second: two members of Doubled have this key"))
  }

  @Test func moduleInsideItself() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let loop = Looped()
      loop.inside = [loop]
      _ = loop.parameters()
    }
    #expect(tells(result, "inside.0: Looped holds a module that it lies inside of"))
  }

  @Test func inheritance() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Derived().parameters() }
    #expect(tells(result, "inherits from another class"))
  }

  @Test func integerParameter() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Parameter(Tensor.zeros([1], dtype: .int64)) }
    #expect(tells(result, "needs a floating point type, not int64; store a Buffer instead"))
  }

  @Test func groupsThatDoNotDivide() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = GroupNorm(3, 8) }
    #expect(tells(result, "3 groups do not divide 8 channels"))
  }

  @Test func parameterTwiceInAnOptimizer() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let layer = Linear(1, 1, using: RandomSource(seed: 0))
      let groups = [ParameterGroup(layer.namedParameters()), ParameterGroup([("x", layer.weight)])]
      _ = Adam(groups, learningRate: 0.1)
    }
    #expect(tells(result, "x is in an optimiser twice"))
  }

  @Test func nothingToTrain() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let layer = Linear(1, 1, using: RandomSource(seed: 0))
      layer.freeze()
      _ = Adam(layer, learningRate: 0.1)
    }
    #expect(tells(result, "needs at least one trainable parameter"))
  }
}
