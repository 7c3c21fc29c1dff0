public import Torch

/// Dropout: in training it zeroes elements with probability `p` and divides the rest by `1 - p`.
///
/// The mask comes from the stream of `Module.seedDropout`; before that, from LibTorch's own
/// generator, and no two runs are equal.
public final class Dropout: UnaryLayer, TrainingSwitch {
  private let p: Double
  /// Whether elements are dropped.
  public var isTraining = true
  fileprivate var random: RandomSource?

  /// Makes the layer.
  ///
  /// Range: `p` in 0 ... 1.
  public init(_ p: Double) {
    precondition((0...1).contains(p), "a dropout probability lies in 0 ... 1, not \(p)")
    self.p = p
  }

  /// Drops elements of `x`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    F.dropout(x, p, training: isTraining, using: random)
  }
}

extension Module {
  /// Gives every dropout below a stream of its own, seeded by `seed` and its position.
  ///
  /// A trainer that seeds by the step's number samples the same masks when it resumes there.
  ///
  /// - Parameters:
  ///   - seed: The seed.
  ///   - rows: The rows of the batch that the layers are given; nil for all.
  public func seedDropout(_ seed: UInt64, rows: BatchRows? = nil) {
    let layers = namedModules().compactMap { $0.module as? Dropout }
    for (index, layer) in layers.enumerated() {
      let seed = seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15
      layer.random = rows.map { RandomSource(seed: seed, rows: $0) } ?? RandomSource(seed: seed)
    }
  }
}
