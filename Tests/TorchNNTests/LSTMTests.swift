import TestSupport
import Testing
import Torch
import TorchNN

/// The LSTM against PyTorch's of the same seed: first values, outputs, state, gradients.
@Suite struct LSTMTests {
  private let golden = Golden("torch_nn/lstm")

  @Test func matchesPyTorch() throws {
    let layer = LSTM(5, 6, layers: 2, using: RandomSource(seed: 7))
    let state = layer.stateDict()
    let start = try golden.tensors("init")
    #expect(state.keys.sorted() == start.keys.sorted())
    for (key, value) in start {
      expectClose(try #require(state[key]), value, .exact, "\(key) as drawn")
    }
    let x = try golden.tensor("x").cloned().requiringGrad()
    let (output, last) = layer(
      x, state: .init(h: try golden.tensor("h"), c: try golden.tensor("c")))
    expectClose(output, try golden.tensor("output"), .products, "output")
    expectClose(last.h, try golden.tensor("last_h"), .products, "last h")
    expectClose(last.c, try golden.tensor("last_c"), .products, "last c")
    output.backward(gradient: try golden.tensor("output_gradient"))
    expectClose(
      try #require(x.grad), try golden.tensor("x_gradient"), .products, "gradient of x")
    for (name, parameter) in layer.namedParameters() {
      expectClose(
        try #require(parameter.gradient), try golden.tensor("gradient.\(name)"), .products, name)
    }
  }

  /// Steps one by one, with the state handed on, are the sequence.
  @Test func stepsMakeTheSequence() {
    let random = RandomSource(seed: 1)
    let layer = LSTM(3, 4, layers: 2, using: random)
    let x = random.normal([2, 5, 3])
    let (whole, last) = layer(x)
    var state: LSTM.State?
    let steps = (0..<5).map { step in
      let (output, next) = layer(x.narrowed(1, start: step, count: 1), state: state)
      state = next
      return output
    }
    expectClose(Tensor.concatenated(steps, over: 1), whole, .products, "outputs")
    if let state { expectClose(state.c, last.c, .products, "cells") }
  }
}
