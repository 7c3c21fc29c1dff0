public import Config
public import Torch
import TorchNN

/// The shape of a ``CodeRNN``.
public struct CodeRNNConfig: CodePriorConfig {
  /// The grid of codes.
  public var codes: CodeGrid
  /// Width of a layer's state.
  public var width: Int
  /// LSTM layers.
  public var depth: Int

  /// Groups the values.
  public init(codes: CodeGrid, width: Int, depth: Int) {
    self.codes = codes
    self.width = width
    self.depth = depth
  }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    try codes.validate(file: file)
    let check = ConfigCheck(model: file)
    try check.count("width", width)
    try check.count("depth", depth, in: 1...ConfigLimit.layers)
    let square = Double(width) * Double(width)
    try check.weights(
      Double(depth) * 8 * square + codes.weightEstimate(width: width), "width", width)
  }
}

/// A recurrent prior over codes: an LSTM's state holds all codes so far.
///
/// `hᵢ = LSTM(e(zᵢ₋₁) + c + pᵢ, hᵢ₋₁)`, `p(zᵢ | z before i) = softmax(W hᵢ + b)` with the condition
/// c and the position embedding pᵢ.
/// Source: van den Oord et al. 2016a, but with one LSTM in raster order for their rows of LSTMs.
public final class CodeRNN: CodePrior {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("rnn")
  /// Returns the number of LSTM layers.
  public static func blockCount(of config: CodeRNNConfig) -> Int { config.depth }
  /// Its shape.
  public let config: CodeRNNConfig
  /// One row per code, and one for the start.
  let embedding: Embedding
  let position: Parameter
  let condition: ConditionEmbedding
  let lstm: LSTM
  let toLogits: Linear

  /// Makes a model with new weights.
  public init(_ config: CodeRNNConfig, using random: RandomSource) {
    self.config = config
    embedding = Embedding(config.codes.codebookSize + 1, config.width, using: random)
    position = Parameter(
      [config.codes.count, config.width], .normal(deviation: 0.02), using: random)
    condition = ConditionEmbedding(config.codes.condition, width: config.width, using: random)
    lstm = LSTM(config.width, config.width, layers: config.depth, using: random)
    toLogits = Linear(config.width, config.codes.codebookSize, using: random)
  }

  /// `log p` up to a constant of each code given those before it: `[B, h, w]` to `[B, h, w, K]`.
  public func logits(_ codes: Tensor, condition given: Tensor?) -> Tensor {
    let (grid, count) = (config.codes, codes.dim(0))
    let c = condition(given, count: count, width: config.width, device: codes.device)
    let inputs = embedding(grid.shifted(codes)) + position.value + c.unsqueezed(1)
    return toLogits(lstm(inputs).output)
      .reshaped(count, grid.height, grid.width, grid.codebookSize)
  }

  /// Starts to write codes: it keeps the state, so each position costs one step.
  public func writer(_ count: Int, condition given: Tensor?) -> any CodeWriter {
    Writer(self, count, given)
  }

  private final class Writer: CodeWriter {
    private let model: CodeRNN
    private let c: Tensor
    private var index = 0
    private var state: LSTM.State?

    init(_ model: CodeRNN, _ count: Int, _ given: Tensor?) {
      self.model = model
      c = model.condition(
        given, count: count, width: model.config.width, device: model.position.value.device)
    }

    func next(after last: Tensor?) -> Tensor {
      let code = last ?? model.config.codes.start(c.dim(0), device: c.device)
      let input = model.embedding(code) + model.position.value[index] + c
      let (output, state) = model.lstm(input.unsqueezed(1), state: state)
      self.state = state
      index += 1
      return model.toLogits(output.squeezed(1))
    }
  }
}

extension CodeGrid {
  /// The start code, after the last of the codebook.
  func start(_ count: Int, device: Device) -> Tensor {
    Tensor.full([count], Double(codebookSize), dtype: .int64, device: device)
  }

  /// Flattens codes `[B, h, w]` to `[B, h·w]`, shifted by one: the start code first, the last
  /// dropped.
  func shifted(_ codes: Tensor) -> Tensor {
    let row = codes.reshaped(codes.dim(0), count)
    let start = start(codes.dim(0), device: codes.device).unsqueezed(1)
    return Tensor.concatenated([start, row.narrowed(1, start: 0, count: count - 1)], over: 1)
  }
}
