import CTorch

/// A stream of random numbers with its own state: LibTorch's CPU generator.
///
/// The numbers are bit for bit those of a PyTorch generator with the same seed and the same calls.
/// Those for another device are sampled on the CPU and moved, so they do not depend on it.
///
/// A source for some rows of a batch draws for all of the batch and keeps the rows, so that what a row
/// is given does not depend on how a batch is split between processes.
public final class RandomSource {
  private final class Generator {
    let raw: OpaquePointer
    init(_ raw: OpaquePointer) { self.raw = raw }
    deinit { ct_generator_free(raw) }
  }

  private let generator: Generator
  private let rows: BatchRows?
  private var raw: OpaquePointer { generator.raw }

  /// Makes a stream from a seed.
  public convenience init(seed: UInt64) { self.init(Self.generator(seed), nil) }

  /// Makes a stream for some rows of a batch: the first axis of every shape is their number, or a
  /// multiple of it, and the values are those of these rows in the stream for the whole batch.
  public convenience init(seed: UInt64, rows: BatchRows) {
    self.init(Self.generator(seed), rows.isWhole ? nil : rows)
  }

  private init(_ generator: Generator, _ rows: BatchRows?) {
    self.generator = generator
    self.rows = rows
  }

  /// The same stream for what all of a batch shares.
  public var whole: RandomSource { rows == nil ? self : RandomSource(generator, nil) }

  private static func generator(_ seed: UInt64) -> Generator {
    var raw: OpaquePointer?
    guard ct_generator_new(seed, &raw) == 0, let raw else { Tensor.fail("generator", []) }
    return Generator(raw)
  }

  /// The state of the generator; setting it continues from there.
  ///
  /// Shapes: `[5056]` uint8, as of PyTorch's `get_state`.
  ///
  /// - Precondition: a new state is one of a CPU generator.
  public var state: Tensor {
    get { withExtendedLifetime(self) { Tensor("get_state", []) { ct_generator_state(raw, $0) } } }
    set {
      withExtendedLifetime((self, newValue)) {
        Tensor.check("set_state", [newValue], ct_generator_set_state(raw, newValue.handle.raw))
      }
    }
  }

  /// Samples the standard normal distribution.
  public func normal(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    draw("randn", shape, device) { ct_randn($0, $1, $1.count, dtype.rawValue, $2) }
  }

  /// Samples uniformly from a range, without its end.
  public func uniform(
    _ shape: [Int], in range: Range<Double> = 0..<1, dtype: DType = .float32,
    device: Device = .cpu
  ) -> Tensor {
    draw("rand", shape, device) {
      ct_rand($0, range.lowerBound, range.upperBound, $1, $1.count, dtype.rawValue, $2)
    }
  }

  /// Samples integers uniformly from a range, as int64.
  ///
  /// - Precondition: the range is not empty.
  public func integers(
    in range: Range<Int>, _ shape: [Int], device: Device = .cpu
  ) -> Tensor {
    draw("randint", shape, device) {
      ct_randint($0, Int64(range.lowerBound), Int64(range.upperBound), $1, $1.count, $2)
    }
  }

  /// Samples a permutation of 0 to `count` - 1, as int64.
  public func permutation(_ count: Int, device: Device = .cpu) -> Tensor {
    requireWhole("a permutation")
    return draw("randperm", device) { ct_randperm($0, count, $1) }
  }

  /// Samples 1 with probability `p`, else 0.
  public func bernoulli(
    _ p: Double, _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    draw("bernoulli", shape, device) { ct_bernoulli($0, p, $1, $1.count, dtype.rawValue, $2) }
  }

  /// Samples indices by weights that need not add up to one, as int64.
  ///
  /// Shapes: `[n]` -> `[count]`, or `[B, n]` -> `[B, count]`.
  public func multinomial(_ weights: Tensor, _ count: Int, replacement: Bool = true) -> Tensor {
    requireWhole("a choice by weights")
    let plain = weights.to(.cpu)
    return withExtendedLifetime(plain) {
      draw("multinomial", weights.device) {
        ct_multinomial($0, plain.handle.raw, count, replacement, $1)
      }
    }
  }

  /// Draws for the whole batch and keeps the source's rows.
  private func draw(
    _ op: StaticString, _ shape: [Int], _ device: Device,
    _ body: (OpaquePointer, [Int], Out) -> Int32
  ) -> Tensor {
    guard let rows else { return draw(op, device) { body($0, shape, $1) } }
    let first = shape.first ?? 0
    precondition(
      first > 0 && first.isMultiple(of: rows.range.count),
      "numbers of shape \(shape) are not of \(rows.range.count) rows")
    let scale = first / rows.range.count
    let all = draw(op, .cpu) { body($0, [rows.total * scale] + shape.dropFirst(), $1) }
    let own = all[rows.range.lowerBound * scale..<rows.range.upperBound * scale]
    return device == .cpu ? own : own.to(device)
  }

  private func requireWhole(_ what: String) {
    precondition(rows == nil, "\(what) is not of rows: use the whole source")
  }

  private func draw(
    _ op: StaticString, _ device: Device, _ body: (OpaquePointer, Out) -> Int32
  ) -> Tensor {
    let drawn = withExtendedLifetime(self) { Tensor(op, []) { body(raw, $0) } }
    return device == .cpu ? drawn : drawn.to(device)
  }
}
