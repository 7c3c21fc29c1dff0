import Files
import Foundation
import TestSupport
import Testing

@testable import Torch
@testable import TorchNN

/// Layers of each kind that packs its weight.
private final class Layers: ConfiguredModule {
  let config: Int
  let linear: Linear
  let conv: Conv2d
  let wide: Conv2d
  let norm: LayerNorm

  init(_ config: Int, using random: RandomSource) {
    self.config = config
    linear = Linear(config, 2 * config, using: random)
    conv = Conv2d(config, config, kernel: 1, using: random)
    wide = Conv2d(config, config, kernel: 3, padding: 1, using: random)
    norm = LayerNorm(2 * config)
  }

  static func blockCount(of config: Int) -> Int { 1 }

  /// `[1, config, 16, 16] -> [256, 2 config]`, then of one row alone.
  func outputs(_ x: Tensor) -> [Tensor] {
    noGrad {
      let rows = wide(conv(x)).flattened(from: 2).transposed(1, 2)[0]
      return [norm(linear(rows)), norm(linear(rows[0..<1]))]
    }
  }
}

@Suite struct WeightBudgetTests {
  private let width = 64
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Layers from a file of a type, of whose packed weights so much may stay.
  private func layers(stored: DType, as dtype: DType, _ budget: WeightBudget?) throws -> Layers {
    let url = folder.url.appending(path: "model.safetensors")
    let made = Layers(width, using: RandomSource(seed: 3))
    made.to(dtype: stored)
    try Safetensors.write(made.stateDict(), to: url)
    let state = try Safetensors.read(url).tensors
    let layers = try Layers.load(
      width, from: state, file: url, dtype: dtype, checksValues: true)
    layers.prepareForInference(within: budget)
    return layers
  }

  @Test(
    arguments: [DType.float16, .bfloat16, .float32], [DType.float32, .bfloat16])
  func theBudgetChangesNoBit(stored: DType, dtype: DType) throws {
    let x = RandomSource(seed: 4).normal([1, width, 16, 16]).to(dtype)
    let whole = try layers(stored: stored, as: dtype, nil)
    let expected = whole.outputs(x)
    #expect(whole.linear.weight.isPacked && whole.wide.weight.isPacked)
    let linear = 2 * width * width * dtype.size
    for limit in [0, linear, 3 * linear / 2, 100 * linear] {
      let budget = WeightBudget(limit)
      let layers = try layers(stored: stored, as: dtype, budget)
      for _ in 0..<2 {
        for (own, wanted) in zip(layers.outputs(x), expected) { expectClose(own, wanted, .exact) }
      }
      let packed = [layers.linear.weight, layers.conv.weight, layers.wide.weight]
        .filter(\.isPacked)
      #expect(packed.isEmpty == (limit == 0), "\(limit)")
      // A weight that is not kept has its values still.
      if limit == 0 {
        #expect(layers.linear.weight.dtype == dtype)
        let file = try Safetensors.read(folder.url.appending(path: "model.safetensors"))
        let wanted = try #require(file.tensors["linear.weight"]).to(dtype)
        expectClose(layers.linear.weight.value, wanted, .exact)
      }
      #expect(budget.left >= 0 && budget.left <= limit)
    }
  }

  @Test func weightsStayInTheirFileUntilTheyAreUsed() throws {
    let layers = try layers(stored: .float16, as: .float32, nil)
    let weight = layers.linear.weight
    #expect(weight.dtype == .float32 && weight.isFrozen && weight.shape == [128, 64])
    guard case .stored(let stored) = weight.storage else {
      Issue.record("the weight was loaded")
      return
    }
    #expect(stored.tensor.dtype == .float16 && stored.tensor.isMapped)
    // The first use by another than the layer converts it for good.
    let value = weight.value
    #expect(value.dtype == .float32 && !value.isMapped)
    expectClose(value, stored.tensor.to(.float32), .exact)
    // Training of what a file holds begins there.
    let trained = try Layers.load(
      width, from: try Safetensors.read(folder.url.appending(path: "model.safetensors")).tensors,
      file: folder.url, dtype: .float32, checksValues: false)
    #expect(!trained.linear.weight.isFrozen && trained.linear.weight.value.requiresGrad)
  }

  @Test func releasedLayoutsAreMadeAgain() throws {
    let x = RandomSource(seed: 4).normal([1, width, 16, 16])
    let layers = try layers(stored: .float16, as: .float32, nil)
    let expected = layers.outputs(x)
    layers.releasePackedWeights()
    #expect(!layers.linear.weight.isPacked && !layers.conv.weight.isPacked)
    for (own, wanted) in zip(layers.outputs(x), expected) { expectClose(own, wanted, .exact) }
    #expect(layers.linear.weight.isPacked)
    // What has no file keeps its layouts.
    let linear = Linear(16, 24, using: RandomSource(seed: 3))
    linear.freeze()
    linear.pack()
    _ = linear(Tensor.ones([1, 16]))
    linear.releasePackedWeights()
    #expect(linear.weight.isPacked)
  }

  @Test func aTableInAFileIsReadByRows() throws {
    let table = Embedding(50, 8, using: RandomSource(seed: 6))
    let values = table.weight.value.to(.float16)
    table.freeze()
    table.weight.store(values, as: .float32)
    let ids = Tensor([3, 49, 3] as [Int64])
    expectClose(table(ids), F.embedding(values.to(.float32), ids), .exact)
    guard case .stored = table.weight.storage else {
      Issue.record("the whole table was loaded")
      return
    }
    #expect(table(ids).dtype == .float32)
  }

  @Test func forgottenPagesAreReadAgain() throws {
    let url = folder.url.appending(path: "large.safetensors")
    let made = RandomSource(seed: 5).normal([3, 5000])
    try Safetensors.write(["a": made, "b": made * 2], to: url)
    let state = try Safetensors.read(url).tensors
    for (key, factor) in [("a", 1.0), ("b", 2.0)] {
      let tensor = try #require(state[key])
      #expect(tensor.isMapped && !made.isMapped)
      tensor.forgetPages()
      made.forgetPages()
      expectClose(tensor, made * factor, .exact)
    }
  }
}
