import Foundation
import Testing
import Torch
import TorchNN

@Suite struct StateDictTests {
  private let layer = Linear(2, 3, using: RandomSource(seed: 1))
  private let state = ["weight": Tensor.ones([3, 2]), "bias": Tensor.zeros([3])]

  private func message(_ state: [String: Tensor], ignoring: Set<String> = []) -> String {
    do {
      try layer.load(state, file: URL(filePath: "/m/model.safetensors"), ignoring: ignoring)
      return "loaded"
    } catch {
      return error.description
    }
  }

  @Test func roundTrips() throws {
    let other = Linear(2, 3, using: RandomSource(seed: 2))
    try other.load(layer.stateDict())
    #expect(other.weight.value.array(of: Float.self) == layer.weight.value.array(of: Float.self))
    other.weight.initialize(.zeros, using: RandomSource(seed: 0))
    #expect(layer.weight.value.array(of: Float.self).contains { $0 != 0 }, "storage is apart")
    #expect(other.weight.value.requiresGrad)
  }

  @Test func convertsToTheModulesType() throws {
    try layer.load(state.mapValues { $0.to(.bfloat16) }, sharing: true)
    #expect(layer.weight.value.dtype == .float32)
    #expect(layer.weight.value.array(of: Float.self) == [1, 1, 1, 1, 1, 1])
  }

  @Test func sharesStorageWhenAsked() throws {
    let weight = Tensor.ones([3, 2])
    try layer.load(["weight": weight, "bias": Tensor.zeros([3])], sharing: true)
    layer.weight.initialize(.constant(4), using: RandomSource(seed: 0))
    #expect(weight.array(of: Float.self) == [4, 4, 4, 4, 4, 4])
    #expect(layer.weight.value.requiresGrad)
  }

  @Test func refusesMissingSurplusAndMisshapen() {
    let before = layer.weight.value.array(of: Float.self)
    let text = message(["weight": Tensor.ones([2, 3]), "extra": Tensor.ones([1])])
    #expect(text.contains("model.safetensors"), "\(text)")
    #expect(text.contains("bias") && text.contains("extra"), "\(text)")
    #expect(text.contains("weight is [2, 3], not [3, 2]"), "\(text)")
    #expect(layer.weight.value.array(of: Float.self) == before)
  }

  @Test func refusesIntegersForWeights() {
    let text = message(["weight": Tensor.ones([3, 2], dtype: .int64), "bias": Tensor.zeros([3])])
    #expect(text.contains("weight is int64, not float32"), "\(text)")
  }

  @Test func listsAtMostFiveAndTheCount() {
    var many = state
    for index in 0..<9 { many["junk\(index)"] = Tensor.zeros([1]) }
    let text = message(many)
    #expect(text.contains("junk4") && !text.contains("junk5") && text.contains("9"), "\(text)")
  }

  @Test func ignoresKnownJunk() {
    #expect(
      message(
        state.merging(["position_ids": Tensor.zeros([1])]) { a, _ in a },
        ignoring: ["position_ids"]) == "loaded")
  }

  @Test func checkpointFillsAModuleThatWasNotDrawn() throws {
    let random = RandomSource(seed: 3)
    let before = random.state.array(of: UInt8.self)
    let empty = withoutInitialization { Linear(2, 3, using: random) }
    #expect(random.state.array(of: UInt8.self) == before)
    try empty.load(state)
    #expect(empty.weight.value.array(of: Float.self) == [1, 1, 1, 1, 1, 1])
  }
}
