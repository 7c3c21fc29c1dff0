import TestSupport
import Testing
import Torch

@Suite struct RandomSourceTests {
  @Test(arguments: [DType.float32, .float64, .float16, .bfloat16])
  func samplesPyTorchsNumbersBitForBit(_ dtype: DType) throws {
    let golden = try Golden("torch/random").tensors("out")
    let normal = RandomSource(seed: 1234)
    for size in [1, 2, 7, 15, 16, 17, 31, 33, 64, 100] {
      let expected = try #require(golden["normal.\(dtype).\(size)"])
      expectClose(normal.normal([size], dtype: dtype), expected, .exact, "normal \(size)")
    }
    let uniform = RandomSource(seed: 99)
    for size in [1, 3, 16, 33] {
      let expected = try #require(golden["uniform.\(dtype).\(size)"])
      expectClose(uniform.uniform([size], dtype: dtype), expected, .exact, "uniform \(size)")
    }
  }

  @Test func samplesAllKindsFromOneStream() throws {
    let golden = Operands(tensors: try Golden("torch/random").tensors("out"))
    let random = RandomSource(seed: 7)
    expectClose(random.normal([2, 3, 5]), golden["shaped"], .exact)
    expectClose(random.uniform([20], in: -3..<5), golden["range"], .exact)
    expectClose(random.integers(in: -4..<11, [3, 7]), golden["integers"], .exact)
    expectClose(random.integers(in: 0..<(1 << 40), [9]), golden["integersWide"], .exact)
    expectClose(random.permutation(23), golden["permutation"], .exact)
    expectClose(random.bernoulli(0.3, [40]), golden["bernoulli"], .exact)
    expectClose(random.multinomial(Tensor.arange(1, 7), 12), golden["multinomial"], .exact)
    expectClose(random.normal([5]), golden["after"], .exact)
    expectClose(random.state, golden["state"], .exact)
    expectClose(RandomSource(seed: .max - 2).normal([4]), golden["bigSeed"], .exact)
  }

  /// However a batch is split, a row is given the same numbers.
  @Test(arguments: [[0, 1, 3, 7], [0, 4, 7], [0, 7]]) func rowsHaveTheNumbersOfTheWholeBatch(
    _ bounds: [Int]
  ) {
    func draws(_ random: RandomSource, _ count: Int) -> [Tensor] {
      [
        random.normal([count, 3]), random.uniform([2 * count, 2], in: -1..<1),
        random.integers(in: 0..<1000, [count]), random.bernoulli(0.4, [count, 1, 5]),
        random.whole.permutation(5), random.normal([count, 20]),
      ]
    }
    let whole = draws(RandomSource(seed: 3), 7)
    let parts = zip(bounds, bounds.dropFirst()).map { start, end in
      draws(RandomSource(seed: 3, rows: BatchRows(start..<end, of: 7)), end - start)
    }
    for index in whole.indices where index != 4 {
      expectClose(
        Tensor.concatenated(parts.map { $0[index] }, over: 0), whole[index], .exact, "\(index)")
    }
    for part in parts { expectClose(part[4], whole[4], .exact) }
  }

  @Test(arguments: [3, 16, 17]) func goesOnFromASavedState(_ size: Int) {
    let random = RandomSource(seed: 11)
    _ = random.normal([size])
    let state = random.state
    #expect(state.dtype == .uint8)
    let first = random.normal([size])
    random.state = state
    expectClose(random.normal([size]), first, .exact)
    let other = RandomSource(seed: 0)
    other.state = state
    expectClose(other.normal([size]), first, .exact)
  }

  @Test func sourcesDoNotDisturbEachOther() {
    let a = RandomSource(seed: 1)
    let b = RandomSource(seed: 1)
    _ = RandomSource(seed: 2).normal([100])
    let first = a.normal([8])
    _ = F.dropout(Tensor.ones([100]), 0.5, training: true)
    expectClose(b.normal([8]), first, .exact)
  }

  @Test func numbersHaveTheirDistribution() {
    let random = RandomSource(seed: 3)
    let normal = random.normal([100_000], dtype: .float64)
    #expect(abs(normal.mean().item()) < 0.02)
    #expect(abs(normal.standardDeviation().item() - 1) < 0.02)
    let uniform = random.uniform([100_000], in: 2..<4)
    #expect(uniform.min().item() >= 2 && uniform.max().item() < 4)
    #expect(abs(uniform.mean().item() - 3) < 0.02)
  }
}
