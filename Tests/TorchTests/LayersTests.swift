import TestSupport
import Testing
import Torch

@Suite struct LayersTests {
  @Test func matchPyTorch() throws {
    let operations: [String: (Operands) -> Tensor] = [
      "linear": { F.linear($0["seq"], $0["lw"], $0["lb"]) },
      "linearNoBias": { F.linear($0["seq"], $0["lw"]) },
      "conv": { F.conv2d($0["pic"], $0["cw"], $0["cb"], padding: 1) },
      "convStride": { F.conv2d($0["pic"], $0["cw"], $0["cb"], stride: 2, padding: 1) },
      "convPair": {
        F.conv2d($0["pic"], $0["cw"], stride: (2, 1), padding: (0, 2), dilation: (1, 2))
      },
      "convGroups": { F.conv2d($0["pic"], $0["cg"], $0["cb"], groups: 2) },
      "convTransposed": {
        F.convTranspose2d(
          $0["pic"], $0["tw"], $0["cb"], stride: 2, padding: 1, outputPadding: 1)
      },
      "groupNorm": { F.groupNorm($0["pic"], groups: 3, $0["gw"], $0["gb"], epsilon: 1e-6) },
      "groupNormPlain": { F.groupNorm($0["pic"], groups: 2) },
      "layerNorm": { F.layerNorm($0["seq"], normalizedShape: [8], $0["nw"], $0["nb"]) },
      "layerNormPlain": { F.layerNorm($0["seq"], normalizedShape: [5, 8]) },
      "batchNorm": {
        F.batchNorm(
          $0["pic"], runningMean: $0["rm"], runningVariance: $0["rv"], $0["gw"], $0["gb"],
          training: false)
      },
      "batchNormTraining": { batchNormTraining($0).result },
      "runningMean": { batchNormTraining($0).mean },
      "runningVariance": { batchNormTraining($0).variance },
      "embedding": { F.embedding($0["table"], $0["ids"]) },
      "attention": { F.scaledDotProductAttention($0["q"], $0["k"], $0["v"]) },
      "attentionKeep": {
        F.scaledDotProductAttention($0["q"], $0["k"], $0["v"], mask: $0["keep"])
      },
      "attentionAdd": {
        F.scaledDotProductAttention($0["q"], $0["k"], $0["v"], mask: $0["add"], scale: 0.2)
      },
      "attentionCausal": {
        F.scaledDotProductAttention($0["q"], $0["q"], $0["q"], isCausal: true)
      },
      "averagePool": { F.averagePool2d($0["pic"], kernel: 2) },
      "maxPool": { F.maxPool2d($0["pic"], kernel: 3, stride: 2, padding: 1) },
      "adaptivePool": { F.adaptiveAveragePool2d($0["pic"], size: (3, 2)) },
      "pixelShuffle": { _ in F.pixelShuffle(Tensor.arange(144).reshaped(2, 8, 3, 3), 2) },
      "unfold": { F.unfold($0["pic"], kernel: 3, stride: 2, padding: 1) },
      "matmul": { $0["a"].matmul($0["b"]) }, "batched": { $0["a"].matmul($0["e"]) },
      "einsum": { Tensor.einsum("bij,bjk->ik", $0["a"], $0["e"]) },
      "dot": { $0["gw"].dot($0["gb"]) },
      "distances": { $0["a"][0].distances(to: $0["a"][1]) },
      "eigenvalues": { ($0["sym"] + $0["sym"].transposed()).symmetricEigen().values },
      "singular": { $0["a"][0].singularValues().s },
    ]
    try expectFamily("torch/layers", .products, operations)
  }

  private func batchNormTraining(
    _ operands: Operands
  ) -> (result: Tensor, mean: Tensor, variance: Tensor) {
    let mean = operands["rm"].cloned()
    let variance = operands["rv"].cloned()
    let result = F.batchNorm(
      operands["pic"], runningMean: mean, runningVariance: variance, training: true,
      momentum: 0.2)
    return (result, mean, variance)
  }

  @Test func resamplingMatchesPyTorch() throws {
    var operations: [String: (Operands) -> Tensor] = [
      "step.plain": { F.interpolate($0["step"], size: (16, 16), mode: .bicubic) },
      "step.antialiased": {
        F.interpolate($0["step"], size: (16, 16), mode: .bicubic, antialias: true)
      },
    ]
    let sizes = ["up": (13, 8), "double": (14, 10), "down": (3, 2), "mixed": (9, 3)]
    for (label, size) in sizes {
      for mode in [F.Interpolation.nearest, .nearestExact] {
        operations["\(mode).\(label)"] = { F.interpolate($0["x"], size: size, mode: mode) }
      }
      for mode in [F.Interpolation.bilinear, .bicubic] {
        operations["\(mode).\(label)"] = { F.interpolate($0["x"], size: size, mode: mode) }
        operations["\(mode)Aligned.\(label)"] = {
          F.interpolate($0["x"], size: size, mode: mode, alignCorners: true)
        }
        operations["\(mode)Antialiased.\(label)"] = {
          F.interpolate($0["x"], size: size, mode: mode, antialias: true)
        }
      }
    }
    try expectFamily("torch/resampling", .products, operations)
    let step = try Golden("torch/resampling").tensor("in.step")
    let row = F.interpolate(step, size: (16, 16), mode: .bicubic, antialias: true)[0][0][0]
    expectClose(
      row[0..<3].array(of: Double.self), [-0.622355, -0.529238, -0.329276], .elements)
  }

  @Test func lossesMatchPyTorch() throws {
    var operations: [String: (Operands) -> Tensor] = [:]
    for (name, reduction) in [("mean", F.Reduction.mean), ("sum", .sum), ("none", .none)] {
      operations["mse.\(name)"] = { F.mseLoss($0["x"], $0["t"], reduction: reduction) }
      operations["l1.\(name)"] = { F.l1Loss($0["x"], $0["t"], reduction: reduction) }
      operations["smoothL1.\(name)"] = {
        F.smoothL1Loss($0["x"], $0["t"], beta: 0.6, reduction: reduction)
      }
      operations["huber.\(name)"] = {
        F.huberLoss($0["x"], $0["t"], delta: 0.7, reduction: reduction)
      }
      operations["crossEntropy.\(name)"] = {
        F.crossEntropy($0["x"], $0["classes"], labelSmoothing: 0.1, reduction: reduction)
      }
      operations["crossEntropySoft.\(name)"] = {
        F.crossEntropy($0["x"], $0["soft"], reduction: reduction)
      }
      operations["nll.\(name)"] = {
        F.nllLoss($0["x"].logSoftmax(over: 1), $0["classes"], reduction: reduction)
      }
      operations["bce.\(name)"] = {
        F.binaryCrossEntropyWithLogits($0["x"], $0["chances"], reduction: reduction)
      }
      operations["kl.\(name)"] = {
        F.klDivergence($0["x"].logSoftmax(over: 1), $0["soft"], reduction: reduction)
      }
    }
    try expectFamily("torch/losses", .elements, operations)
  }

  @Test func dropoutKeepsTheMeanAndCanBeDrawnAgain() {
    let x = Tensor.ones([100, 100])
    let random = RandomSource(seed: 5)
    let state = random.state
    let first = F.dropout(x, 0.25, training: true, using: random)
    random.state = state
    expectClose(F.dropout(x, 0.25, training: true, using: random), first, .exact)
    let kept = (first .> 0).to(.float64).mean().item()
    #expect(abs(kept - 0.75) < 0.02)
    expectClose(first.max(), Tensor(scalar: 4.0 / 3), .elements)
    expectClose(F.dropout(x, 0.25, training: false, using: random), x, .exact)
    #expect(F.dropout(x, 1, training: true, using: random).sum().item() == 0)
    let plain = F.dropout(x, 0.5, training: true)
    #expect(Set(plain.array(of: Float.self)) == [0, 2])
  }

  @Test func pixelUnshuffleUndoesPixelShuffle() {
    let x = RandomSource(seed: 1).normal([2, 8, 3, 5])
    expectClose(F.pixelUnshuffle(F.pixelShuffle(x, 2), 2), x, .exact)
  }

  @Test func decompositionsMultiplyBack() {
    let x = RandomSource(seed: 1).normal([5, 5], dtype: .float64)
    let symmetric = x + x.transposed()
    let (values, vectors) = symmetric.symmetricEigen()
    expectClose(
      (vectors * values).matmul(vectors.transposed()), symmetric, Tolerance(1e-11))
    let (u, s, vh) = x.singularValues()
    expectClose((u * s).matmul(vh), x, Tolerance(1e-11))
  }

  /// The one pass over a channels-last map against LibTorch's operators in double precision.
  @Test(arguments: [DType.float32, .bfloat16], [(8, 5, 7), (96, 16, 16), (32, 1, 1)])
  func fusedGroupNorm(dtype: DType, map: (channels: Int, height: Int, width: Int)) {
    let random = RandomSource(seed: 3)
    let c = map.channels
    // A mean far from zero: sums of squares would lose what they are to tell.
    let x = (random.normal([2, c, map.height, map.width]) * 2 + 20).to(dtype)
    let weight = random.normal([c]).to(dtype)
    let bias = random.normal([c]).to(dtype)
    let modulation = random.normal([2, 2 * c]).to(dtype)
    let offset = (random.normal([2, c]) * 3).to(dtype)
    func norm(_ type: DType, channelsLast: Bool, modulated: Bool, silu: Bool) -> Tensor {
      let typed = x.to(type)
      return F.groupNorm(
        channelsLast ? typed.channelsLast() : typed, groups: 4, weight.to(type), bias.to(type),
        offset: modulated ? offset.to(type) : nil,
        modulation: modulated ? modulation.to(type) : nil, silu: silu)
    }
    for (modulated, silu) in [(false, false), (false, true), (true, false), (true, true)] {
      let fused = norm(dtype, channelsLast: true, modulated: modulated, silu: silu)
      let expected = norm(.float64, channelsLast: false, modulated: modulated, silu: silu)
      #expect(fused.dtype == dtype)
      expectClose(fused.to(.float64), expected, .network(dtype))
    }
  }

  @Test func fusedGroupNormKeepsExtremes() {
    let x = Tensor([Float](stride(from: -200, through: 200, by: 6.25))).reshaped(1, 1, 5, 13)
    let scale = Tensor([Float(200)])
    let fused = F.groupNorm(x.channelsLast(), groups: 1, scale, Tensor([Float(0)]), silu: true)
    let expected = F.groupNorm(
      x.to(.float64), groups: 1, scale.to(.float64), Tensor([0.0]), silu: true)
    expectClose(fused.to(.float64), expected, .network(.float32))
    let broken = Tensor.where(x .> 190, x * .nan, x).channelsLast()
    #expect(F.groupNorm(broken, groups: 1, silu: true).isFinite().any().item() == 0)
  }

  @Test func groupNormWithGradientIsTheSame() {
    let random = RandomSource(seed: 4)
    let x = random.normal([2, 8, 6, 6]).channelsLast()
    let modulation = random.normal([2, 16])
    let plain = F.groupNorm(x, groups: 2, modulation: modulation, silu: true)
    let input = x.detached().requiringGrad()
    let traced = F.groupNorm(input, groups: 2, modulation: modulation, silu: true)
    traced.sum().backward()
    #expect(input.grad != nil)
    expectClose(traced.detached(), plain, .network(.float32))
  }
}
