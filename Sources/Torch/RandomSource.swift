import CTorch

/// A stream of random numbers with its own state: LibTorch's CPU generator.
///
/// The numbers are bit for bit those of a PyTorch generator with the same seed and the same calls.
/// Those for another device are sampled on the CPU and moved, so they do not depend on it.
public final class RandomSource {
  private let raw: OpaquePointer

  /// Makes a stream from a seed.
  public init(seed: UInt64) {
    var raw: OpaquePointer?
    guard ct_generator_new(seed, &raw) == 0, let raw else { Tensor.fail("generator", []) }
    self.raw = raw
  }

  deinit { ct_generator_free(raw) }

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
    draw("randn", device) { ct_randn($0, shape, shape.count, dtype.rawValue, $1) }
  }

  /// Samples uniformly from a range, without its end.
  public func uniform(
    _ shape: [Int], in range: Range<Double> = 0..<1, dtype: DType = .float32,
    device: Device = .cpu
  ) -> Tensor {
    draw("rand", device) {
      ct_rand(
        $0, range.lowerBound, range.upperBound, shape, shape.count, dtype.rawValue, $1)
    }
  }

  /// Samples integers uniformly from a range, as int64.
  ///
  /// - Precondition: the range is not empty.
  public func integers(
    in range: Range<Int>, _ shape: [Int], device: Device = .cpu
  ) -> Tensor {
    draw("randint", device) {
      ct_randint(
        $0, Int64(range.lowerBound), Int64(range.upperBound), shape, shape.count, $1)
    }
  }

  /// Samples a permutation of 0 to `count` - 1, as int64.
  public func permutation(_ count: Int, device: Device = .cpu) -> Tensor {
    draw("randperm", device) { ct_randperm($0, count, $1) }
  }

  /// Samples 1 with probability `p`, else 0.
  public func bernoulli(
    _ p: Double, _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) -> Tensor {
    draw("bernoulli", device) { ct_bernoulli($0, p, shape, shape.count, dtype.rawValue, $1) }
  }

  /// Samples indices by weights that need not add up to one, as int64.
  ///
  /// Shapes: `[n]` -> `[count]`, or `[B, n]` -> `[B, count]`.
  public func multinomial(_ weights: Tensor, _ count: Int, replacement: Bool = true) -> Tensor {
    let plain = weights.to(.cpu)
    return withExtendedLifetime(plain) {
      draw("multinomial", weights.device) {
        ct_multinomial($0, plain.handle.raw, count, replacement, $1)
      }
    }
  }

  private func draw(
    _ op: StaticString, _ device: Device, _ body: (OpaquePointer, Out) -> Int32
  ) -> Tensor {
    let drawn = withExtendedLifetime(self) { Tensor(op, []) { body(raw, $0) } }
    return device == .cpu ? drawn : drawn.to(device)
  }
}
