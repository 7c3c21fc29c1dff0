import TestSupport
import Testing
import TorchNN
import Training

@Suite struct SharedCostTests {
  /// A billion weights, 1,000 images of 1e12 operations.
  private let cost = TrainingCost(
    stage: "decoder", parameters: 1_000_000_000, image: NetworkCost(), frozen: 1e12,
    budget: .init(steps: 86_400, images: 1000, passImages: 1))

  private func shared(
    _ ranks: Int, speed: Double = 1e15, bandwidth: Double = 1e10, latency: Double = 1e-6,
    memory: Double = 1e11
  ) throws -> SharedCost {
    try #require(
      SharedCost(
        of: cost, ranks: ranks,
        machine: .init(
          speed: speed, bandwidth: bandwidth, latency: latency, memoryBandwidth: memory)))
  }

  @Test func oneProcessSumsNothing() throws {
    let one = try shared(1)
    #expect(one.efficiency == 1 && one.images == 1000)
    #expect(one.seconds[.bandwidth] == 0 && one.seconds[.latency] == 0)
    #expect(abs(one.stepSeconds - (1 + 0.36 + 0.12)) < 1e-9)
    #expect(abs(one.days - one.stepSeconds) < 1e-9)
  }

  /// Each process sends and receives twice all of the gradients but its own share.
  @Test func severalProcessesSumTheGradients() throws {
    let ten = try shared(10)
    #expect(ten.images == 100)
    #expect(abs((ten.seconds[.computation] ?? 0) - 0.1) < 1e-9)
    // 120 buckets of 2^23 elements, each once to and once from all; two thirds of the passes hide a part.
    let (bandwidth, latency) = (2 * 0.9 * 4e9 / 1e10, 9 * 240 * 1e-6)
    let left = 1 - (0.2 / 3) / (bandwidth + latency)
    #expect(abs((ten.seconds[.bandwidth] ?? 0) - left * bandwidth) < 1e-9)
    // Ten small messages are not hidden.
    #expect(abs((ten.seconds[.latency] ?? 0) - left * latency - 9 * 10 * 1e-6) < 1e-9)
    #expect(ten.efficiency < 1 && ten.efficiency > 0.05)
    // Weights, a tenth of three times as much, and an average in the first.
    #expect(abs(ten.shardedBytes - 5.2e9) < 1 && abs(ten.shardedBytesOfFirst - 9.2e9) < 1)
    #expect(try shared(3).images == 334)
  }

  /// What the backward pass cannot hide is the last bucket, and what it is too short for.
  @Test func theBackwardPassHidesMessages() throws {
    let long = try shared(10, speed: 1e13)
    #expect(abs((long.seconds[.bandwidth] ?? 0) - 2 * 0.9 * 4e9 / 1e10 / 120) < 1e-9)
    #expect(abs(SharedCost.left(of: 3, computation: 3, buckets: 10) - 1.0 / 3) < 1e-12)
    #expect(SharedCost.left(of: 3, computation: 0, buckets: 10) == 1)
    #expect(SharedCost.left(of: 0, computation: 1, buckets: 1) == 0)
  }

  @Test func namesWhatTakesLongest() throws {
    #expect(try shared(10, speed: 1e12).bottleneck == .computation)
    #expect(try shared(10, memory: 1e10).bottleneck == .memory)
    #expect(try shared(10, bandwidth: 1e8).bottleneck == .bandwidth)
    #expect(try shared(10, latency: 1).bottleneck == .latency)
  }

  @Test func aBatchHasAnImageForEachProcess() throws {
    let machine = SharedCost.Machine(
      speed: 1, bandwidth: 1, latency: 1, memoryBandwidth: 1)
    #expect(SharedCost(of: cost, ranks: 1001, machine: machine) == nil)
    #expect(SharedCost(of: cost, ranks: 1000, machine: machine)?.images == 1)
    let unknown = TrainingCost(stage: "clip", parameters: 1, image: cost.image)
    #expect(SharedCost(of: unknown, ranks: 1, machine: machine) == nil)
  }
}
