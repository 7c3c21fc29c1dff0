import TestSupport
import Testing
import Torch

@testable import TorchNN

private final class One: Module {
  let weight: Parameter
  let seen = Buffer(Tensor.zeros([], dtype: .int64))

  init(_ weight: Tensor) { self.weight = Parameter(weight.cloned()) }

  func set(_ tensor: Tensor) throws {
    try load(["weight": tensor, "seen": seen.value + 1])
  }
}

@Suite struct ExponentialMovingAverageTests {
  private let golden: [String: Tensor]

  init() throws { golden = try Golden("torch_nn/averages").tensors() }

  @Test(arguments: ["ratio", "power"], [0.6, 0.9999])
  func matchesPyTorch(name: String, decay: Double) throws {
    let weights = try #require(golden["weights"])
    let module = One(weights[0])
    let average = ExponentialMovingAverage(
      of: module, decay: decay, warmUp: name == "ratio" ? .ratio : .power(2.0 / 3))
    let decays = try #require(golden["\(name).\(decay).decays"]).array(of: Double.self)
    let averages = try #require(golden["\(name).\(decay).averages"])
    expectClose((1...12).map(average.decay(at:)), decays, .schedule)
    for step in 1...12 {
      try module.set(weights[step])
      average.update(step: step)
      let state = try #require(average.stateDict()["weight"])
      expectClose(state, averages[step - 1], .elements, "step \(step)")
    }
    #expect(average.stateDict()["seen"]?.itemInt() == 12, "buffers are the module's")
  }

  @Test func constantDecayHasItsClosedForm() throws {
    let module = One(Tensor.zeros([1]))
    let average = ExponentialMovingAverage(of: module, decay: 0.5, warmUp: .none)
    try module.set(Tensor.ones([1]))
    for step in 1...4 { average.update(step: step) }
    #expect(average.stateDict()["weight"]?.item() == 1 - 0.0625)
  }

  /// The average of -0 and -0 would be +0, and the hash of a frozen tower another one.
  @Test func leavesFrozenWeightsAlone() throws {
    let module = One(Tensor([-0.0, 0.1, 0.3] as [Float]))
    module.freeze()
    let average = ExponentialMovingAverage(of: module, decay: 0.9, warmUp: .none)
    for step in 1...3 { average.update(step: step) }
    func bits(_ tensor: Tensor?) -> [UInt32]? { tensor?.array(of: Float.self).map(\.bitPattern) }
    let expected = ([-0.0, 0.1, 0.3] as [Float]).map(\.bitPattern)
    #expect(bits(average.stateDict()["weight"]) == expected)
    let other = One(Tensor.zeros([3]))
    try average.copy(to: other)
    #expect(bits(other.weight.value) == expected)
    average.withAveragedWeights { #expect(bits(module.weight.value) == expected) }
  }

  @Test func reachesTheStatedDecays() {
    let average = ExponentialMovingAverage(of: One(Tensor.zeros([1])), decay: 0.99999)
    #expect(abs(average.decay(at: 31_600) - 0.999) < 1e-5)
    #expect(abs(average.decay(at: 1_000_000) - 0.9999) < 1e-6)
  }

  @Test func lendsItsWeightsAndPutsThemBack() throws {
    struct Stop: Error {}
    let module = One(Tensor.zeros([2]))
    module.to(dtype: .bfloat16)
    let average = ExponentialMovingAverage(of: module, decay: 0.5, warmUp: .none)
    try module.set(Tensor.ones([2]))
    average.update(step: 1)
    let seen = average.withAveragedWeights { module.weight.value.array(of: Double.self) }
    #expect(seen == [0.5, 0.5])
    #expect(throws: Stop.self) {
      try average.withAveragedWeights { () throws(Stop) in
        #expect(module.weight.value.dtype == .bfloat16)
        throw Stop()
      }
    }
    #expect(module.weight.value.array(of: Double.self) == [1, 1])
    #expect(module.weight.value.requiresGrad)
    #expect(average.stateDict()["weight"]?.dtype == .float32)
  }

  @Test func resumesAndShips() throws {
    let module = One(Tensor.zeros([2]))
    let average = ExponentialMovingAverage(of: module, decay: 0.5, warmUp: .none)
    try module.set(Tensor.ones([2]))
    average.update(step: 1)
    let saved = average.stateDict().mapValues { $0.cloned() }
    average.update(step: 2)
    try average.load(saved)
    #expect(average.stateDict()["weight"]?.array(of: Double.self) == [0.5, 0.5])
    #expect(module.weight.value.array(of: Double.self) == [1, 1])
    let other = One(Tensor.zeros([2]))
    try average.copy(to: other)
    #expect(other.weight.value.array(of: Double.self) == [0.5, 0.5])
    let partial = ["weight": try #require(saved["weight"])]
    let error = #expect(throws: CheckpointError.self) { try average.load(partial) }
    #expect(error?.description.contains("seen") == true)
  }
}
