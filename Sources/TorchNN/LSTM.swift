public import Torch

/// LSTM layers over sequences: `[B, T, in] -> [B, T, hidden]`.
///
/// With i, f, g, o the four quarters of `W x + b + U h + b'`:
/// `c ← σ(f) c + σ(i) tanh(g)` and `h ← σ(o) tanh(c)`.
/// Source: Hochreiter and Schmidhuber 1997; PyTorch `nn.LSTM`, its keys and its initialisation.
public final class LSTM: Module {
  /// The state between two calls.
  public struct State {
    /// `[layers, B, hidden]`: the last output of each layer.
    public var h: Tensor
    /// `[layers, B, hidden]`: the last cell of each layer.
    public var c: Tensor

    /// Groups the tensors.
    public init(h: Tensor, c: Tensor) {
      self.h = h
      self.c = c
    }
  }

  /// The parameters by PyTorch's names: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`,
  /// `bias_hh_l0`, then those of the next layer.
  private let named: [(name: String, parameter: Parameter)]
  private let hiddenWidth: Int
  private let layers: Int

  /// Makes layers, with all parameters uniform in `±1/√hidden`.
  public init(
    _ inputWidth: Int, _ hiddenWidth: Int, layers: Int = 1, using random: RandomSource
  ) {
    precondition(
      inputWidth > 0 && hiddenWidth > 0 && layers > 0, "an LSTM has at least one of everything")
    self.hiddenWidth = hiddenWidth
    self.layers = layers
    let bound = 1 / Double(hiddenWidth).squareRoot()
    named = (0..<layers).flatMap { layer in
      let width = layer == 0 ? inputWidth : hiddenWidth
      return [
        ("weight_ih", [4 * hiddenWidth, width]), ("weight_hh", [4 * hiddenWidth, hiddenWidth]),
        ("bias_ih", [4 * hiddenWidth]), ("bias_hh", [4 * hiddenWidth]),
      ].map { name, shape in
        ("\(name)_l\(layer)", Parameter(shape, .uniform(bound: bound), using: random))
      }
    }
  }

  /// Lists the parameters under PyTorch's names.
  public func forEachMember(_ body: (String, Any) -> Void) {
    for (name, parameter) in named { body(name, parameter) }
  }

  /// Returns the outputs of the last layer at every step, and the state after the last step.
  ///
  /// - Parameters:
  ///   - x: `[B, T, in]`.
  ///   - state: The state after an earlier call; zeros if nil.
  public func callAsFunction(
    _ x: Tensor, state: State? = nil
  ) -> (output: Tensor, state: State) {
    let shape = [layers, x.dim(0), hiddenWidth]
    let zeros = { Tensor.zeros(shape, dtype: x.dtype, device: x.device) }
    let (output, last) = F.lstm(
      x, state: (state?.h ?? zeros(), state?.c ?? zeros()),
      parameters: named.map(\.parameter.value), layers: layers)
    return (output, State(h: last.h, c: last.c))
  }
}
