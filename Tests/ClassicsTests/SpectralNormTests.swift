import Classics
import TestSupport
import Testing
import Torch
import TorchNN

/// Spectrally normalised layers against `torch.nn.utils.spectral_norm`, and their laws.
@Suite struct SpectralNormTests {
  private let golden = Golden("classics/spectral")

  private func make(_ name: String) -> any UnaryLayer {
    let random = RandomSource(seed: 0)
    return switch name {
    case "conv": SpectralConv2d(3, 5, kernel: 4, stride: 2, padding: 1, using: random)
    default: SpectralLinear(7, 4, using: random)
    }
  }

  @Test(arguments: ["conv", "linear"])
  func matchesPyTorch(name: String) throws {
    let layer = make(name)
    try layer.load(golden.tensors("\(name).weights"))
    let x = try golden.tensor("\(name).x").cloned().requiringGrad()
    // One gradient goes through three calls, between which u and v are updated.
    let outputs = Tensor.stacked((0..<3).map { _ in layer(x) })
    expectClose(
      outputs, try golden.tensor("\(name).outputs"), .network(.float32), "\(name) outputs")
    let weights = try golden.tensor("\(name).output_weights")
    (outputs * weights).sum().backward()
    let ofX = try #require(x.grad)
    expectClose(ofX, try golden.tensor("\(name).x_gradient"), .network(.float32), "\(name) x")
    for (key, parameter) in layer.namedParameters() {
      let gradient = try #require(parameter.gradient)
      let expected = try golden.tensor("\(name).gradients.\(key)")
      expectClose(gradient, expected, .network(.float32), "gradient of \(name).\(key)")
    }
    layer.eval()
    let inUse = noGrad { layer(x) }
    expectClose(inUse, try golden.tensor("\(name).in_use"), .network(.float32), "\(name) in use")
    // Three calls in training updated u and v, that in evaluation did not.
    for (key, value) in layer.stateDict() {
      let expected = try golden.tensor("\(name).after.\(key)")
      expectClose(value, expected, .network(.float32), "\(name).\(key) after three calls")
    }
  }

  @Test(arguments: ["conv", "linear"])
  func keysAreThePeers(name: String) throws {
    let layer = make(name)
    let state = layer.stateDict()
    #expect(state.keys.sorted() == ["bias", "weight_orig", "weight_u", "weight_v"])
    #expect(layer.namedParameters().map(\.name).sorted() == ["bias", "weight_orig"])
    for key in ["weight_u", "weight_v"] {
      let vector = try #require(state[key])
      let length = vector.norm().item()
      #expect(abs(length - 1) < 1e-6, "\(key)")
    }
  }

  @Test func theLargestSingularValueBecomesOne() {
    let random = RandomSource(seed: 1)
    let linear = SpectralLinear(6, 4, using: random)
    let conv = SpectralConv2d(2, 5, kernel: 3, using: random)
    // The outputs of unit vectors are the columns of the weight; the bias is 0.
    let layers: [(layer: any UnaryLayer, units: Tensor)] = [
      (linear, Tensor.eye(6)), (conv, Tensor.eye(18).reshaped(18, 2, 3, 3)),
    ]
    for (layer, units) in layers {
      func value() -> Double {
        layer.eval()
        let columns = noGrad { layer(units) }
        return largestSingularValue(columns.reshaped(units.dim(0), -1))
      }
      let before = value()
      #expect(before > 1.1, "u and v are not yet singular vectors")
      layer.train()
      for _ in 0..<300 { _ = noGrad { layer(units) } }
      let after = value()
      #expect(abs(after - 1) < 1e-4)
    }
  }

  private func largestSingularValue(_ matrix: Tensor) -> Double {
    var v = RandomSource(seed: 2).normal([matrix.dim(1)])
    for _ in 0..<500 { v = matrix.transposed().matmul(matrix.matmul(v)).normalized() }
    return matrix.matmul(v).norm().item()
  }

  @Test func theSizeOfTheWeightDoesNotMatter() throws {
    let layer = make("linear")
    let x = RandomSource(seed: 3).normal([5, 7])
    let before = layer.stateDict().mapValues { $0.cloned() }
    let y = noGrad { layer(x) }
    var state = before
    state["weight_orig"] = try #require(before["weight_orig"]) * 30
    try layer.load(state)
    let scaled = noGrad { layer(x) }
    expectClose(scaled, y, .products, "thirty times the weight")
  }
}
