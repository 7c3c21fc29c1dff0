import Testing
import Torch
import TorchNN

private final class Inner: Module {
  static let keys = ["proj": "net.0.proj"]
  let proj: Linear
  let scale: Parameter
  let table = Buffer(Tensor.zeros([3]), persistent: false)
  let count = Buffer(Tensor.zeros([], dtype: .int64))

  init(using random: RandomSource) {
    proj = Linear(2, 3, using: random)
    scale = Parameter([3], filledWith: 1)
  }
}

private final class Outer: Module {
  let downBlocks: [Inner]
  let toQ: Linear
  let none: Linear?
  let some: Linear?
  let gaps: [Linear?]
  let tied: Parameter
  let drop = Dropout(0.5)
  let name = "outer"
  let sizes = [1, 2, 3]
  let table = ["a": 1]

  init(using random: RandomSource) {
    let inner = Inner(using: random)
    downBlocks = [inner, Inner(using: random)]
    toQ = Linear(3, 3, bias: false, using: random)
    none = nil
    some = Linear(1, 1, bias: false, using: random)
    gaps = [nil, Linear(1, 2, bias: false, using: random)]
    tied = inner.scale
  }
}

@Suite struct ModuleTests {
  private let random = RandomSource(seed: 1)

  @Test func namesEveryPartInOrder() {
    let names = Outer(using: random).namedParameters().map(\.name)
    #expect(
      names == [
        "down_blocks.0.net.0.proj.weight", "down_blocks.0.net.0.proj.bias", "down_blocks.0.scale",
        "down_blocks.1.net.0.proj.weight", "down_blocks.1.net.0.proj.bias", "down_blocks.1.scale",
        "to_q.weight", "some.weight", "gaps.1.weight",
      ])
  }

  @Test func sharedParameterIsOne() {
    let outer = Outer(using: random)
    #expect(outer.tied === outer.downBlocks[0].scale)
    #expect(outer.stateDict()["tied"] == nil)
    #expect(outer.parameterCount == 2 * (6 + 3 + 3) + 9 + 1 + 2)
  }

  @Test func stateHoldsPersistentBuffersOnly() {
    let outer = Outer(using: random)
    #expect(
      outer.namedBuffers().map(\.name) == [
        "down_blocks.0.table", "down_blocks.0.count", "down_blocks.1.table", "down_blocks.1.count",
      ])
    #expect(outer.stateDict()["down_blocks.0.count"] != nil)
    #expect(outer.stateDict()["down_blocks.0.table"] == nil)
  }

  @Test func trainingReachesEveryDropout() {
    let outer = Outer(using: random)
    #expect(outer.drop.isTraining)
    outer.eval()
    #expect(!outer.drop.isTraining)
    outer.train()
    #expect(outer.drop.isTraining)
  }

  @Test func frozenParametersGetNoGradient() {
    let layer = Linear(2, 2, using: random)
    let x = Tensor.ones([1, 2])
    layer(x).sum().backward()
    #expect(layer.weight.gradient != nil)
    layer.zeroGradients()
    #expect(layer.weight.gradient == nil && layer.bias?.gradient == nil)
    layer.freeze()
    #expect(layer.weight.isFrozen && !layer(x).requiresGrad)
    layer.unfreeze()
    #expect(!layer.weight.isFrozen && layer(x).requiresGrad)
  }

  @Test func conversionKeepsIntegersAndSharing() {
    let outer = Outer(using: random)
    outer.freeze()
    outer.to(dtype: .bfloat16)
    #expect(outer.parameters().allSatisfy { $0.value.dtype == .bfloat16 && $0.isFrozen })
    #expect(outer.downBlocks[0].count.value.dtype == .int64)
    #expect(outer.downBlocks[0].table.value.dtype == .bfloat16)
    #expect(outer.tied === outer.downBlocks[0].scale)
    outer.unfreeze()
    outer.to(dtype: .float32)
    #expect(outer.parameters().allSatisfy { $0.value.requiresGrad })
  }

  @Test func describesItselfAsATree() {
    #expect(
      Inner(using: random).description == """
        Inner(scale [3], table [3], count [])
              proj: Linear(weight [3, 2], bias [3])
        """)
    #expect(
      Sequential([Linear(1, 2, using: random), ActivationLayer(.silu)]).description == """
        Sequential
          0: Linear(weight [2, 1], bias [2])
          1: ActivationLayer
        """)
  }

  @Test func sequentialUsesIndices() {
    let chain = Sequential([
      Linear(2, 3, using: random), ActivationLayer(.relu), Linear(3, 1, bias: false, using: random),
    ])
    #expect(chain.namedParameters().map(\.name) == ["0.weight", "0.bias", "2.weight"])
    #expect(chain.namedModules().map(\.name) == ["", "0", "1", "2"])
  }

  @Test(arguments: [
    ("weight", "weight"), ("downBlocks", "down_blocks"), ("conv1", "conv1"), ("toQ", "to_q"),
    ("addKProj", "add_k_proj"), ("time2Emb", "time2_emb"), ("embedURL", "embed_url"),
    ("URLPath", "url_path"), ("clip_mean", "clip_mean"), ("layerNorm10", "layer_norm10"),
  ])
  func keysAreSnakeCase(name: String, key: String) {
    final class Named: Module {
      let name: String
      let part = Parameter([1], filledWith: 0)
      init(_ name: String) { self.name = name }
      func forEachMember(_ body: (String, Any) -> Void) { body(name, part) }
    }
    #expect(Named(name).namedParameters().map(\.name) == [key])
  }
}
