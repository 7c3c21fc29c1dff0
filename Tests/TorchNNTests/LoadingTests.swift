import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

/// A network of linear layers, with a buffer.
private final class Tower: ConfiguredModule {
  struct Config {
    var width: Int
    var depth: Int
  }

  let config: Config
  let layers: [Linear]
  let norm: BatchNorm2d

  init(_ config: Config, using random: RandomSource) {
    self.config = config
    layers = (0..<config.depth).map { _ in Linear(config.width, config.width, using: random) }
    norm = BatchNorm2d(config.width)
  }

  static func blockCount(of config: Config) -> Int { config.depth }
}

@Suite struct LoadingTests {
  private let file = URL(fileURLWithPath: "/folder/model.safetensors")
  private let config = Tower.Config(width: 3, depth: 2)
  private var state: [String: Tensor] {
    Tower(config, using: RandomSource(seed: 1)).stateDict()
  }

  @Test(arguments: [DType.float32, .bfloat16])
  func takesTheValuesOfAFile(dtype: DType) throws {
    let state = state
    let tower = try Tower.load(config, from: state, file: file, dtype: dtype, checksValues: true)
    let found = tower.stateDict()
    #expect(found.keys.sorted() == state.keys.sorted())
    for (key, value) in state {
      let wanted = value.dtype.isFloatingPoint ? value.to(dtype) : value
      expectClose(try #require(found[key]), wanted, .exact, key)
      #expect(found[key]?.dtype == wanted.dtype)
    }
    #expect(tower.norm.numBatchesTracked.value.item() == 0)
  }

  /// What is loaded twice from one state does not share its storage.
  @Test func aCopyIsItsOwn() throws {
    let state = state
    let tower = withoutInitialization { Tower(config, using: RandomSource(seed: 0)) }
    try tower.load(state)
    let weight = try #require(state["layers.0.weight"])
    noGrad { weight.copy(from: Tensor.zeros([3, 3])) }
    #expect(tower.layers[0].weight.value.abs().max().item() > 0)
  }

  @Test func aPlaceholderTakesNoMemory() throws {
    let wide = Tower.Config(width: 1 << 24, depth: 2)  // 2 PB
    let text = sentence { try Tower.checkFit(wide, to: state, file: file) }
    #expect(text.contains("layers.0.weight is [3, 3], not [16777216, 16777216]"), "\(text)")
    let deep = Tower.Config(width: 3, depth: 1 << 40)
    let layers = sentence {
      try Tower.load(deep, from: state, file: file, checksValues: false)
    }
    #expect(layers.contains("weights of 1099511627776 blocks, where it holds 9 tensors"))
  }

  @Test func valuesAreCheckedWhereAsked() throws {
    var state = state
    state["norm.bias"] = Tensor([1, .infinity, 2] as [Float])
    _ = try Tower.load(config, from: state, file: file, checksValues: false)
    let text = sentence { try Tower.load(config, from: state, file: file, checksValues: true) }
    #expect(text.contains("norm.bias") && text.contains("an infinite element"), "\(text)")
  }

  @Test func readyForInferenceIsFrozenAndInEvaluationMode() throws {
    let tower = Tower(config, using: RandomSource(seed: 1))
    tower.prepareForInference(dtype: .bfloat16)
    #expect(!tower.norm.isTraining)
    #expect(tower.parameters().allSatisfy { $0.isFrozen })
    #expect(tower.parameters().allSatisfy { $0.dtype == .bfloat16 })
  }
}
