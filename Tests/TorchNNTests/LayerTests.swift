import TestSupport
import Testing
import Torch
import TorchNN

/// Each layer against PyTorch's of the same seed: first values, output, gradients.
@Suite struct LayerTests {
  private let golden = Golden("torch_nn/layers")

  private func make(_ name: String, _ random: RandomSource) -> any UnaryLayer {
    switch name {
    case "linear": Linear(8, 6, using: random)
    case "linear_no_bias": Linear(8, 6, bias: false, using: random)
    case "conv": Conv2d(4, 6, kernel: 3, stride: 2, padding: 1, using: random)
    case "conv_groups":
      Conv2d(4, 6, kernel: 3, padding: 2, dilation: 2, groups: 2, using: random)
    case "conv_transpose":
      ConvTranspose2d(4, 6, kernel: 4, stride: 2, padding: 1, outputPadding: 1, using: random)
    case "group_norm": GroupNorm(2, 4, epsilon: 1e-3)
    case "layer_norm": LayerNorm(8)
    case "batch_norm": BatchNorm2d(4)
    case "embedding": Embedding(11, 6, using: random)
    default:
      Sequential([
        Linear(8, 5, using: random), ActivationLayer(.gelu), Linear(5, 3, using: random),
      ])
    }
  }

  @Test(arguments: [
    "linear", "linear_no_bias", "conv", "conv_groups", "conv_transpose", "group_norm",
    "layer_norm", "batch_norm", "embedding", "sequential",
  ])
  func matchesPyTorch(name: String) throws {
    let layer = make(name, RandomSource(seed: 7))
    let all = try golden.tensors()
    let state = layer.stateDict()
    let start = try golden.tensors("\(name).init")
    #expect(state.keys.sorted() == start.keys.sorted())
    for (key, value) in start {
      let drawn = try #require(state[key])
      expectClose(drawn, value, .exact, "\(name).\(key) as drawn")
    }

    try layer.load(golden.tensors("\(name).weights"))
    let isTable = all["\(name).x_gradient"] == nil
    let x = try #require(all["\(name).x"]).cloned()
    if !isTable { x.requiringGrad() }
    let y = layer(x)
    expectClose(y, try #require(all["\(name).y"]), .products, "\(name) output")
    y.backward(gradient: all["\(name).y_gradient"])
    if !isTable {
      let gradient = try #require(x.grad)
      expectClose(gradient, try #require(all["\(name).x_gradient"]), .products, "\(name) input")
    }
    for (key, parameter) in layer.namedParameters() {
      let gradient = try #require(parameter.gradient)
      expectClose(
        gradient, try #require(all["\(name).gradients.\(key)"]), .products, "\(name).\(key)")
    }
    for (key, buffer) in layer.namedBuffers() {
      expectClose(buffer.value, try #require(all["\(name).after.\(key)"]), .elements, key)
    }
  }

  /// Halves of a batch that gather their statistics are normalised as the whole batch is.
  @Test(arguments: [1, 2]) func batchNormOfSharedRowsIsThatOfTheBatch(_ processes: Int) throws {
    let batch = RandomSource(seed: 4).normal([6, 3, 2, 5]) * 2 + 5
    let weights = RandomSource(seed: 5).normal(batch.shape)
    func layer() -> BatchNorm2d {
      let layer = BatchNorm2d(3)
      layer.weight.initialize(.normal(mean: 1, deviation: 0.5), using: RandomSource(seed: 6))
      return layer
    }
    let (whole, shared) = (layer(), layer())
    // The other process has the same rows, so its statistics are these.
    shared.gather = { Tensor.concatenated([Tensor](repeating: $0, count: processes), over: 0) }
    let inputs = [batch.cloned().requiringGrad(), batch.cloned().requiringGrad()]
    let all = Tensor.concatenated([Tensor](repeating: inputs[0], count: processes), over: 0)
    let outputs = [whole(all)[0..<6], shared(inputs[1])]
    for output in outputs { (output * weights).sum().backward() }
    expectClose(outputs[1], outputs[0], .products)
    if processes == 1 {
      expectClose(try #require(inputs[1].grad), try #require(inputs[0].grad), .products)
      expectClose(
        try #require(shared.weight.gradient), try #require(whole.weight.gradient), .products)
    }
    for (a, b) in zip(shared.namedBuffers(), whole.namedBuffers()) {
      expectClose(a.buffer.value, b.buffer.value, .elements, a.name)
    }
  }

  @Test func batchNormInUseTakesTheAverages() throws {
    let layer = BatchNorm2d(1, epsilon: 0)
    try layer.load([
      "weight": Tensor([Float(3)]), "bias": Tensor([Float(1)]),
      "running_mean": Tensor([Float(2)]), "running_var": Tensor([Float(4)]),
      "num_batches_tracked": Tensor(scalar: 5, dtype: .int64),
    ])
    layer.eval()
    let y = layer(Tensor([Float(2), 4], shape: [1, 1, 1, 2]))
    #expect(y.array(of: Double.self) == [1, 4])
    #expect(layer.numBatchesTracked.value.itemInt() == 5)
  }

  @Test func activationsMatchTheirFormulas() {
    let x = Tensor([Float(-2), -0.5, 0, 0.5, 2])
    expectClose(Activation.quickGELU(x), x * (x * 1.702).sigmoid())
    expectClose(Activation.silu(x), x * x.sigmoid())
    expectClose(Activation.gelu(x), x * ((x / 2.0.squareRoot()).erf() + 1) * 0.5)
    expectClose(Activation.relu(x).array(of: Double.self), [0, 0, 0, 0.5, 2])
    expectClose(Activation.tanh(x), x.tanh())
    expectClose(Activation.sigmoid(x), 1 / ((-x).exp() + 1))
    #expect(Activation(rawValue: "quick_gelu") == .quickGELU)
  }

  @Test func dropoutKeepsTheMean() {
    let layer = Dropout(0.25)
    layer.seedDropout(1)
    let y = layer(Tensor.ones([20_000]))
    let kept = y.array(of: Double.self).filter { $0 != 0 }
    #expect(kept.allSatisfy { abs($0 - 4.0 / 3) < 1e-6 })
    #expect(abs(Double(kept.count) / 20_000 - 0.75) < 0.02)
    layer.eval()
    #expect(layer(Tensor.ones([9])).array(of: Double.self) == [1, 1, 1, 1, 1, 1, 1, 1, 1])
  }

  @Test func seededDropoutRepeatsAndDiffersByLayer() {
    let pair = Sequential([Dropout(0.5), Dropout(0.5)])
    func masks(_ seed: UInt64) -> [[Double]] {
      pair.seedDropout(seed)
      return pair.layers.map { $0(Tensor.ones([64])).array(of: Double.self) }
    }
    #expect(masks(1) == masks(1))
    #expect(masks(1) != masks(2))
    #expect(masks(1)[0] != masks(1)[1])
  }

  @Test func mixedPrecisionKeepsFloat32Weights() throws {
    let layer = Linear(16, 16, using: RandomSource(seed: 1))
    let x = RandomSource(seed: 2).normal([4, 16])
    let loss = autocast(to: .bfloat16) {
      let y = layer(x)
      #expect(y.dtype == .bfloat16)
      return (y.to(.float32) * x).sum()
    }
    loss.backward()
    let mixed = try #require(layer.weight.gradient)
    #expect(mixed.dtype == .float32)
    layer.zeroGradients()
    (layer(x) * x).sum().backward()
    expectClose(mixed, try #require(layer.weight.gradient), Tolerance(3e-2))
  }
}
