public import Torch

/// A rule that initialises a weight.
///
/// The fans of a weight `[out, in, k…]` are `in · k…` and `out · k…`, also for a transposed
/// convolution's `[in, out, k…]`, as in PyTorch.
/// Source: PyTorch `torch.nn.init`; the same generator gives the same bits.
public enum Initialization: Sendable, Equatable {
  /// All elements 0.
  case zeros
  /// All elements 1.
  case ones
  /// All elements equal.
  case constant(Double)
  /// Gaussian.
  case normal(mean: Double = 0, deviation: Double)
  /// Uniform in `[-bound, bound)`.
  case uniform(bound: Double)
  /// Uniform with variance `2 gain² / (fanIn + fanOut)`.
  case xavierUniform(gain: Double = 1)
  /// Gaussian with variance `2 gain² / (fanIn + fanOut)`.
  case xavierNormal(gain: Double = 1)
  /// Uniform with variance `2 / ((1 + slope²) fanIn)`, for a leaky ReLU of that slope.
  case kaimingUniform(slope: Double = 0)
  /// Gaussian with variance `2 / ((1 + slope²) fanIn)`, for a leaky ReLU of that slope.
  case kaimingNormal(slope: Double = 0)

  /// The default of `nn.Linear` and `nn.Conv2d`: uniform in `±1/√fanIn`.
  public static let layerDefault = Initialization.kaimingUniform(slope: 5.0.squareRoot())

  /// Makes a float32 tensor on the CPU.
  ///
  /// - Precondition: A rule that needs fans gets a shape of at least two axes.
  public func tensor(_ shape: [Int], using random: RandomSource) -> Tensor {
    switch self {
    case .zeros: return Tensor.zeros(shape)
    case .ones: return Tensor.ones(shape)
    case .constant(let value): return Tensor.full(shape, value)
    case .normal(let mean, let deviation):
      let scaled = random.normal(shape) * deviation
      return mean == 0 ? scaled : scaled + mean
    case .uniform(let bound):
      return bound == 0 ? Tensor.zeros(shape) : random.uniform(shape, in: -bound..<bound)
    case .xavierUniform(let gain):
      let deviation = gain * (2 / Double(Fans(shape).input + Fans(shape).output)).squareRoot()
      return Self.uniform(bound: 3.0.squareRoot() * deviation).tensor(shape, using: random)
    case .xavierNormal(let gain):
      let deviation = gain * (2 / Double(Fans(shape).input + Fans(shape).output)).squareRoot()
      return Self.normal(deviation: deviation).tensor(shape, using: random)
    case .kaimingUniform(let slope):
      let deviation = Self.gain(slope) / Double(Fans(shape).input).squareRoot()
      return Self.uniform(bound: 3.0.squareRoot() * deviation).tensor(shape, using: random)
    case .kaimingNormal(let slope):
      let deviation = Self.gain(slope) / Double(Fans(shape).input).squareRoot()
      return Self.normal(deviation: deviation).tensor(shape, using: random)
    }
  }

  /// Returns the rule for the bias of a layer whose weight has `shape`: uniform in `±1/√fanIn`.
  package static func bias(ofWeight shape: [Int]) -> Initialization {
    let fan = Fans(shape).input
    return fan == 0 ? .zeros : .uniform(bound: 1 / Double(fan).squareRoot())
  }

  /// The gain that keeps the variance through a leaky ReLU of this slope.
  private static func gain(_ slope: Double) -> Double { (2 / (1 + slope * slope)).squareRoot() }
}

/// The number of inputs of one output, and of outputs of one input.
private struct Fans {
  let input: Int
  let output: Int

  init(_ shape: [Int]) {
    precondition(shape.count >= 2, "a fan needs a weight of at least two axes, not \(shape)")
    let field = shape.dropFirst(2).reduce(1, *)
    input = shape[1] * field
    output = shape[0] * field
  }
}

/// Whether new parameters get no values.
enum InitializationScope {
  @TaskLocal static var isOff = false
}

/// Makes modules without values, for a checkpoint to fill: weights and persistent buffers have
/// shapes but take no memory.
///
/// Initialising a billion weights only to overwrite them costs many seconds and all their memory; a
/// wrong configuration could need any amount. Such a module can only be filled, or compared with a
/// file. Random sources do not advance.
public func withoutInitialization<Result, Failure: Error>(
  _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  try InitializationScope.$isOff.withValue(true) {
    Swift.Result { () throws(Failure) in try body() }
  }.get()
}
