import TestSupport
import Testing
import Torch

/// The gradient of `sum(weights * f(inputs))` by central differences, compared with autograd.
private func expectGradient(
  _ name: String, _ inputs: [Tensor], _ function: ([Tensor]) -> Tensor,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let leaves = inputs.map { $0.cloned().requiringGrad() }
  let output = function(leaves)
  let weights = RandomSource(seed: 77).normal(output.shape, dtype: .float64)
  let analytic = gradients(of: (output * weights).sum(), withRespectTo: leaves)
  func value(_ inputs: [Tensor]) -> Double {
    noGrad { (function(inputs) * weights).sum().item() }
  }
  let step = 1e-6
  for (index, input) in inputs.enumerated() {
    let start = input.array(of: Double.self)
    var numeric: [Double] = []
    for element in start.indices {
      func moved(_ distance: Double) -> Double {
        var values = start
        values[element] += distance
        var changed = inputs
        changed[index] = Tensor(values, shape: input.shape)
        return value(changed)
      }
      numeric.append((moved(step) - moved(-step)) / (2 * step))
    }
    expectClose(
      analytic[index].array(of: Double.self), numeric, .gradient, "\(name) input \(index)",
      shape: input.shape, sourceLocation: sourceLocation)
  }
}

@Suite struct AutogradTests {
  private func random(_ seed: UInt64, _ shape: Int...) -> Tensor {
    RandomSource(seed: seed).normal(shape, dtype: .float64)
  }

  @Test func aLinearMapOfTheCallersHasTheGradientOfItsTranspose() {
    let matrix = random(1, 4, 3)
    let map = { (x: Tensor) in
      x.mapped(by: { matrix.matmul($0) }, transpose: { matrix.transposed().matmul($0) })
    }
    expectGradient("mapped", [random(2, 3, 2)]) { map($0[0]) }
    expectGradient("mapped twice", [random(2, 3, 2)]) { inputs in
      let x = withGrad { inputs[0].requiresGrad ? inputs[0] : inputs[0].cloned().requiringGrad() }
      return withGrad {
        gradients(of: map(x).pow(3).sum(), withRespectTo: [x], createGraph: true)[0]
      }
    }
    #expect(noGrad { !map(random(2, 3, 2)).requiresGrad })
  }

  @Test func elementFunctions() {
    let x = random(1, 3, 4)
    let p = x.square() + 0.5
    let functions: [(String, (Tensor) -> Tensor)] = [
      ("exp", { $0.exp() }), ("expm1", { $0.expm1() }), ("sin", { $0.sin() }),
      ("cos", { $0.cos() }), ("tanh", { $0.tanh() }), ("sigmoid", { $0.sigmoid() }),
      ("erf", { $0.erf() }), ("abs", { $0.abs() }), ("square", { $0.square() }),
      ("relu", { $0.relu() }), ("gelu", { $0.gelu() }), ("geluTanh", { $0.geluTanh() }),
      ("quickGELU", { $0.quickGELU() }), ("silu", { $0.silu() }), ("mish", { $0.mish() }),
      ("softplus", { $0.softplus() }), ("leakyReLU", { $0.leakyReLU(0.1) }),
      ("elu", { $0.elu() }), ("softmax", { $0.softmax(over: 1) }),
      ("logSoftmax", { $0.logSoftmax(over: 0) }), ("clamped", { $0.clamped(to: -0.5...0.5) }),
      ("logSigmoid", { $0.logSigmoid() }), ("scalar", { 3 - 2 * $0 / 4 + 1 }),
    ]
    for (name, function) in functions { expectGradient(name, [x]) { function($0[0]) } }
    let positive: [(String, (Tensor) -> Tensor)] = [
      ("sqrt", { $0.sqrt() }), ("rsqrt", { $0.rsqrt() }), ("log", { $0.log() }),
      ("log1p", { $0.log1p() }), ("reciprocal", { $0.reciprocal() }),
      ("pow", { $0.pow(1.7) }), ("scalarDivide", { 2 / $0 }),
      ("powBase", { Tensor.pow(1.3, $0) }),
    ]
    for (name, function) in positive { expectGradient(name, [p]) { function($0[0]) } }
  }

  @Test func functionsOfTwoAndBroadcasting() {
    let a = random(1, 3, 4)
    let b = random(2, 4)
    expectGradient("add", [a, b]) { $0[0] + $0[1] }
    expectGradient("subtract", [a, b]) { $0[0] - $0[1] }
    expectGradient("multiply", [a, b]) { $0[0] * $0[1] }
    expectGradient("divide", [a, b.square() + 1]) { $0[0] / $0[1] }
    expectGradient("minimum", [a, b]) { Tensor.minimum($0[0], $0[1]) }
    expectGradient("maximum", [a, b]) { Tensor.maximum($0[0], $0[1]) }
    expectGradient("where", [a, b]) { Tensor.where(a .> 0, $0[0], $0[1]) }
    expectGradient("masked", [a]) { $0[0].masked(fill: a .> 0, 3) }
    expectGradient("lerp", [a, b.expanded(3, 4)]) { $0[0].interpolated(to: $0[1], 0.3) }
    expectGradient("addcmul", [a, b, b * 2]) { $0[0].addingProduct($0[1], $0[2], scale: 2) }
  }

  @Test func reductions() {
    let x = random(1, 3, 4, 2)
    expectGradient("sum", [x]) { $0[0].sum(over: 1) }
    expectGradient("mean", [x]) { $0[0].mean(over: 0, 2, keepingDims: true) }
    expectGradient("variance", [x]) { $0[0].variance(over: 1) }
    expectGradient("deviation", [x]) { $0[0].standardDeviation(over: 1, unbiased: false) }
    expectGradient("max", [x]) { $0[0].max(over: 1) }
    expectGradient("min", [x]) { $0[0].min(over: 2) }
    expectGradient("norm", [x]) { $0[0].norm(over: -1) }
    expectGradient("normalized", [x]) { $0[0].normalized(over: 1) }
    expectGradient("logSumExp", [x]) { $0[0].logSumExp(over: 1) }
    expectGradient("product", [x]) { $0[0].product(over: 1) }
    expectGradient("cumulativeSum", [x]) { $0[0].cumulativeSum(over: 1) }
    expectGradient("cumulativeProduct", [x]) { $0[0].cumulativeProduct(over: 1) }
    expectGradient("topK", [x]) { $0[0].topK(2, over: 1).values }
    expectGradient("sorted", [x]) { $0[0].sorted(over: 1).values }
  }

  @Test func shapes() {
    let x = random(1, 2, 3, 4)
    let ids = Tensor([1, 0, 1] as [Int])
    expectGradient("reshaped", [x]) { $0[0].reshaped(6, 4) }
    expectGradient("permuted", [x]) { $0[0].permuted(2, 0, 1) }
    expectGradient("expanded", [x[0..<1]]) { $0[0].expanded(3, 3, 4) }
    expectGradient("narrowed", [x]) { $0[0].narrowed(2, start: 1, count: 2) }
    expectGradient("strided", [x]) { $0[0].strided(2, from: 0, to: 4, by: 2) }
    expectGradient("split", [x]) { $0[0].split(sizes: [1, 2], over: 1)[1] }
    expectGradient("concatenated", [x, x * 2]) { Tensor.concatenated($0, over: 1) }
    expectGradient("stacked", [x, x * 2]) { Tensor.stacked($0, over: 1) }
    expectGradient("flipped", [x]) { $0[0].flipped(1) }
    expectGradient("rolled", [x]) { $0[0].rolled(by: 1, over: 2) }
    expectGradient("repeated", [x]) { $0[0].repeated([1, 2, 1]) }
    expectGradient("repeatInterleaved", [x]) { $0[0].repeatInterleaved(2, over: 1) }
    expectGradient("padded", [x]) { $0[0].padded([1, 2]) }
    expectGradient("reflected", [x]) { $0[0].padded([1, 2], mode: .reflect) }
    expectGradient("triangle", [x]) { $0[0].lowerTriangle() }
    expectGradient("indexed", [x]) { $0[0].indexed(by: ids) }
    expectGradient("gathered", [x]) { $0[0].gathered(2, ids.reshaped(1, 3, 1).expanded(2, 3, 1)) }
    expectGradient("indexAdded", [x, random(3, 3, 3, 4)]) { $0[0].indexAdded(0, ids, $0[1]) }
  }

  @Test func layers() {
    let pic = random(1, 2, 4, 5, 5)
    let weight = random(2, 6, 4, 3, 3)
    let bias = random(3, 6)
    expectGradient("linear", [random(4, 2, 3, 4), random(5, 6, 4), bias]) {
      F.linear($0[0], $0[1], $0[2])
    }
    expectGradient("matmul", [random(4, 2, 3, 4), random(5, 4, 2)]) { $0[0].matmul($0[1]) }
    expectGradient("conv2d", [pic, weight, bias]) {
      F.conv2d($0[0], $0[1], $0[2], stride: 2, padding: 1)
    }
    expectGradient("convTranspose2d", [pic, random(2, 4, 3, 2, 2)]) {
      F.convTranspose2d($0[0], $0[1], stride: 2)
    }
    expectGradient("groupNorm", [pic, random(6, 4), random(7, 4)]) {
      F.groupNorm($0[0], groups: 2, $0[1], $0[2])
    }
    expectGradient("layerNorm", [random(4, 3, 4), random(6, 4), random(7, 4)]) {
      F.layerNorm($0[0], normalizedShape: [4], $0[1], $0[2])
    }
    expectGradient("batchNorm", [pic, random(6, 4), random(7, 4)]) {
      F.batchNorm(
        $0[0], runningMean: nil, runningVariance: nil, $0[1], $0[2], training: true)
    }
    expectGradient("embedding", [random(4, 5, 3)]) {
      F.embedding($0[0], Tensor([4, 1, 1] as [Int]))
    }
    expectGradient(
      "attention", [random(1, 1, 2, 3, 4), random(2, 1, 2, 5, 4), random(3, 1, 2, 5, 4)]
    ) {
      F.scaledDotProductAttention($0[0], $0[1], $0[2])
    }
    expectGradient("averagePool", [pic]) { F.averagePool2d($0[0], kernel: 2) }
    expectGradient("maxPool", [pic]) { F.maxPool2d($0[0], kernel: 2) }
    expectGradient("nearest", [pic]) { F.interpolate($0[0], size: (7, 3)) }
    expectGradient("bilinear", [pic]) { F.interpolate($0[0], size: (7, 3), mode: .bilinear) }
    expectGradient("bicubic", [pic]) {
      F.interpolate($0[0], size: (3, 4), mode: .bicubic, antialias: true)
    }
    expectGradient("pixelShuffle", [pic]) { F.pixelShuffle($0[0], 2) }
  }

  @Test func losses() {
    let x = random(1, 3, 4)
    let t = random(2, 3, 4)
    let classes = Tensor([1, 3, 0] as [Int])
    expectGradient("mse", [x, t]) { F.mseLoss($0[0], $0[1]) }
    expectGradient("l1", [x, t]) { F.l1Loss($0[0], $0[1]) }
    expectGradient("smoothL1", [x, t]) { F.smoothL1Loss($0[0], $0[1]) }
    expectGradient("huber", [x, t]) { F.huberLoss($0[0], $0[1], delta: 0.5) }
    expectGradient("crossEntropy", [x]) { F.crossEntropy($0[0], classes, labelSmoothing: 0.1) }
    expectGradient("bce", [x]) { F.binaryCrossEntropyWithLogits($0[0], t.sigmoid()) }
    expectGradient("kl", [x]) {
      F.klDivergence($0[0].logSoftmax(over: 1), t.softmax(over: 1), reduction: .sum)
    }
  }

  @Test func backwardAddsUp() {
    let x = Tensor([2] as [Double]).requiringGrad()
    #expect(x.grad == nil)
    x.square().sum().backward()
    x.square().sum().backward()
    #expect(x.grad?.item() == 8)
    x.setGrad(nil)
    #expect(x.grad == nil)
    x.setGrad(Tensor([5] as [Double]))
    #expect(x.grad?.item() == 5)
    let y = x * 3
    y.backward(gradient: Tensor([2] as [Double]), retainingGraph: true)
    y.backward(gradient: Tensor([1] as [Double]))
    #expect(x.grad?.item() == 14)
  }

  @Test func gradientsOfGradients() {
    let x = Tensor([3] as [Double]).requiringGrad()
    let unused = Tensor([1, 2] as [Double]).requiringGrad()
    let first = gradients(of: x.pow(3).sum(), withRespectTo: [x, unused], createGraph: true)
    #expect(first[0].item() == 27)
    #expect(first[1].array(of: Double.self) == [0, 0])
    #expect(gradients(of: first[0].sum(), withRespectTo: [x])[0].item() == 18)
    #expect(x.grad == nil)
  }

  @Test func scopesEndWithTheirClosure() throws {
    struct Stop: Error {}
    let x = Tensor.ones([1]).requiringGrad()
    #expect(isGradEnabled && (x * 2).requiresGrad)
    noGrad {
      #expect(!isGradEnabled && !(x * 2).requiresGrad)
      withGrad { #expect((x * 2).requiresGrad) }
      #expect(!isGradEnabled)
    }
    #expect(throws: Stop.self) { try noGrad { () throws(Stop) in throw Stop() } }
    #expect(isGradEnabled)
    #expect(!x.detached().requiresGrad && x.cloned().requiresGrad)
    #expect(!Tensor.ones([1]).requiringGrad().requiringGrad(false).requiresGrad)
  }

  /// The gradient is there when the hook is called, once a pass however often a tensor is used.
  @Test func aHookSeesEachGradientAsItComes() {
    let x = Tensor([2.0]).requiringGrad()
    let y = Tensor([3.0]).requiringGrad()
    var seen: [(name: String, gradient: Double?)] = []
    x.whenGradientIsAdded { seen.append(("x", x.grad?.item())) }
    y.whenGradientIsAdded { seen.append(("y", y.grad?.item())) }
    (x * x * y).sum().backward()
    #expect(seen.map(\.name).sorted() == ["x", "y"])
    #expect(seen.first { $0.name == "x" }?.gradient == 12)
    #expect(seen.first { $0.name == "y" }?.gradient == 4)
    y.whenGradientIsAdded(nil)
    x.whenGradientIsAdded {
      seen.append(("x again", x.grad?.item()))
      x.setGrad(nil)
    }
    (x * y).sum().backward()
    #expect(seen.count == 3 && seen[2].name == "x again" && seen[2].gradient == 15)
    #expect(x.grad == nil && y.grad?.item() == 6)
    x.whenGradientIsAdded(nil)
  }
}
