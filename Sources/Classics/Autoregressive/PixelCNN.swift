public import Config
public import Torch
import TorchNN

/// The shape of a ``PixelCNN``.
public struct PixelCNNConfig: CodePriorConfig {
  /// The grid of codes.
  public var codes: CodeGrid
  /// Channels of both stacks.
  public var width: Int
  /// Gated layers.
  public var layers: Int
  /// Side of a layer's kernel, odd.
  public var kernel: Int
  /// Channels between the last layer and the logits.
  public var outputWidth: Int

  enum CodingKeys: String, CodingKey {
    case codes, width, layers, kernel
    case outputWidth = "output_width"
  }

  /// Groups the values.
  public init(codes: CodeGrid, width: Int, layers: Int, kernel: Int, outputWidth: Int) {
    self.codes = codes
    self.width = width
    self.layers = layers
    self.kernel = kernel
    self.outputWidth = outputWidth
  }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    try codes.validate(file: file)
    let check = ConfigCheck(model: file)
    try check.count("width", width)
    try check.count("layers", layers, in: 1...ConfigLimit.layers)
    try check.count("output_width", outputWidth)
    try check.require(
      (3...255).contains(kernel) && kernel % 2 == 1, "kernel", kernel,
      "it must be an odd number of 3 to 255")
    let (w, k) = (Double(width), Double(kernel))
    try check.weights(
      Double(layers) * w * w * (k * k + k + 12) + codes.weightEstimate(width: width), "width",
      width)
    try check.weights(
      Double(outputWidth) * Double(width + codes.codebookSize), "output_width", outputWidth)
  }
}

/// One layer of both stacks: `y = tanh(W_f ∗ x + V_f c) ⊙ σ(W_g ∗ x + V_g c)` (equations 2 and 4).
///
/// The vertical stack sees all rows above, the horizontal one the same row to the left. Only the
/// vertical stack feeds the other, so a position sees every code before it and none after it
/// (figure 1, right: no blind spot).
///
/// Half of a masked convolution's kernel is zeros. Here the kernels are the other half alone:
/// `(k+1)/2` rows in the vertical stack, `(k+1)/2` columns in the horizontal one. The maps are
/// padded above and on the left so that the last row or column is the position itself.
final class GatedLayer: Module {
  let vertical: Parameter
  let verticalBias: Parameter
  let horizontal: Parameter
  let horizontalBias: Parameter
  let verticalToHorizontal: Conv2d
  let toResidual: Conv2d
  let condition: Linear
  private let width: Int
  private let reach: Int
  private let isFirst: Bool

  /// Makes a layer; only the first excludes the position itself, since the inputs of the others
  /// hold nothing but codes before it.
  init(width: Int, kernel: Int, isFirst: Bool, using random: RandomSource) {
    self.width = width
    self.isFirst = isFirst
    reach = kernel / 2
    let above = [2 * width, width, reach + 1, kernel]
    let left = [2 * width, width, 1, isFirst ? reach : reach + 1]
    vertical = Parameter(above, .layerDefault, using: random)
    verticalBias = Parameter([2 * width], .bias(ofWeight: above), using: random)
    horizontal = Parameter(left, .layerDefault, using: random)
    horizontalBias = Parameter([2 * width], .bias(ofWeight: left), using: random)
    verticalToHorizontal = Conv2d(2 * width, 2 * width, kernel: 1, using: random)
    toResidual = Conv2d(width, width, kernel: 1, using: random)
    condition = Linear(width, 4 * width, bias: false, using: random)
  }

  /// Runs the layer on the maps of both stacks `[B, width, h, w]` and the condition `[B, width]`.
  func callAsFunction(_ v: Tensor, _ h: Tensor, _ c: Tensor) -> (v: Tensor, h: Tensor) {
    let (rows, columns) = (v.dim(2), v.dim(3))
    let bias = condition(c).unsqueezed(2).unsqueezed(3).chunked(2, over: 1)
    // Row r of the vertical stack sees rows up to r; shifted down by one, it feeds the horizontal
    // stack with rows above only.
    let above = F.conv2d(
      v.padded([reach, reach, reach, 0]), vertical.value, verticalBias.value)
    let shifted = above.padded([0, 0, 1, 0]).narrowed(2, start: 0, count: rows)
    // In the first layer, with one column less, the kernel ends left of the position.
    let left = F.conv2d(
      h.padded([reach, 0, 0, 0]), horizontal.value, horizontalBias.value
    ).narrowed(3, start: 0, count: columns)
    let gated = gate(left + verticalToHorizontal(shifted) + bias[1])
    let next = toResidual(gated)
    return (gate(above + bias[0]), isFirst ? next : h + next)
  }

  private func gate(_ x: Tensor) -> Tensor {
    let halves = x.chunked(2, over: 1)
    return halves[0].tanh() * halves[1].sigmoid()
  }
}

/// A gated PixelCNN over codes: convolutions that see only the codes before.
///
/// Source: van den Oord et al. 2016b, "Conditional Image Generation with PixelCNN Decoders",
/// equations 1, 2 and 4, figure 2.
public final class PixelCNN: CodePrior {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("pixelcnn")
  /// Returns the number of gated layers.
  public static func blockCount(of config: PixelCNNConfig) -> Int { config.layers }
  /// Its shape.
  public let config: PixelCNNConfig
  let embedding: Embedding
  let condition: ConditionEmbedding
  let layers: [GatedLayer]
  let output1: Conv2d
  let output2: Conv2d

  /// Makes a model with new weights.
  public init(_ config: PixelCNNConfig, using random: RandomSource) {
    self.config = config
    embedding = Embedding(config.codes.codebookSize, config.width, using: random)
    condition = ConditionEmbedding(config.codes.condition, width: config.width, using: random)
    layers = (0..<config.layers).map { index in
      GatedLayer(width: config.width, kernel: config.kernel, isFirst: index == 0, using: random)
    }
    output1 = Conv2d(config.width, config.outputWidth, kernel: 1, using: random)
    output2 = Conv2d(config.outputWidth, config.codes.codebookSize, kernel: 1, using: random)
  }

  /// `log p` up to a constant of each code given those before it: `[B, h, w]` to `[B, h, w, K]`.
  public func logits(_ codes: Tensor, condition given: Tensor?) -> Tensor {
    let c = condition(given, count: codes.dim(0), width: config.width, device: codes.device)
    let x = embedding(codes).permuted(0, 3, 1, 2)
    var (v, h) = (x, x)
    for layer in layers { (v, h) = layer(v, h, c) }
    return output2(output1(h.relu()).relu()).permuted(0, 2, 3, 1)
  }

  /// Starts to write codes: each position runs the network over all rows so far.
  public func writer(_ count: Int, condition given: Tensor?) -> any CodeWriter {
    Writer(self, count, given)
  }

  private final class Writer: CodeWriter {
    private let model: PixelCNN
    private let count: Int
    private let condition: Tensor?
    private let device: Device
    private var written: [Tensor] = []

    init(_ model: PixelCNN, _ count: Int, _ condition: Tensor?) {
      (self.model, self.count, self.condition) = (model, count, condition)
      device = model.embedding.weight.value.device
    }

    func next(after last: Tensor?) -> Tensor {
      if let last { written.append(last) }
      let width = model.config.codes.width
      let (row, column) = written.count.quotientAndRemainder(dividingBy: width)
      let free = Tensor.zeros([count], dtype: .int64, device: device)
      let length = (row + 1) * width
      let codes = Tensor.stacked(
        written + Array(repeating: free, count: length - written.count), over: 1)
      let logits = model.logits(codes.reshaped(count, row + 1, width), condition: condition)
      return logits.selected(1, row).selected(1, column)
    }
  }
}
