import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@testable import ImageMetrics

@Suite struct InceptionTests {
  private static let golden = Golden("metrics/inception")

  /// The weights of `rule` in Scripts/golden/metrics.py.
  static func state() -> [String: Tensor] {
    let network = withoutInitialization { InceptionV3(using: RandomSource(seed: 0)) }
    return network.stateDict().reduce(into: [:]) { state, item in
      let (key, value) = item
      guard value.dtype.isFloatingPoint else {
        state[key] = Tensor.zeros(value.shape, dtype: .int64)
        return
      }
      let place = Tensor.arange(0, Double(value.count), dtype: .float64).remainder(4099)
      var wave = (place * place * 0.7).sin().reshaped(value.shape)
      if key.hasSuffix("running_var") {
        wave = wave * 0.5 + 1
      } else if key.hasSuffix("bn.weight") {
        wave = wave * 0.1 + 1
      } else if value.rank == 1 {
        wave = wave * 0.1
      } else {
        wave = wave * (6 / Double(value.count / value.dim(0))).squareRoot()
      }
      state[key] = wave.to(.float32)
    }
  }

  /// torch-fidelity's features, of an image that is enlarged and one that is reduced.
  @Test func matchesTorchFidelity() throws {
    let state = Self.state()
    let bytes = try Self.golden.tensor("keys").array(of: UInt8.self)
    let keys = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(state.keys.sorted() == keys.sorted())
    // Weights of 2017 do not count batches.
    let network = try InceptionV3.load(
      state.filter { !$0.key.hasSuffix("num_batches_tracked") }, file: "weights")
    for name in ["small", "large"] {
      let features = network(try Self.golden.tensor("\(name).image"))
      let expected = try Self.golden.tensor("\(name).features")
      #expect(features.shape == [1, 2048])
      let largest = expected.abs().max().item()
      expectClose(
        features.reshaped(2048) / largest, expected / largest, Tolerance(1e-4), name)
    }
  }

  @Test func otherWeightsAreRefused() {
    #expect(throws: FeatureError.otherNetwork(file: "w.pth")) {
      _ = try InceptionV3.load(["fc.weight": Tensor.zeros([10, 10])], file: "w.pth")
    }
    #expect(
      FeatureError.otherNetwork(file: "w.pth").description.hasPrefix(
        "w.pth does not hold the Inception network"))
  }
}
