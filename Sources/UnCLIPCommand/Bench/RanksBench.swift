import Diffusion
import Distribution
import Foundation
import Torch
import TorchNN
import Training

/// Times training steps on noise that several processes share, and the sums between them.
struct RanksBench {
  private let unet: UNet
  /// Of the first process alone, and of all.
  private let own, shared: PartOptimizer
  private let side: Int
  private let steps: Int
  private let ranks: Ranks

  /// Makes the network, which every process has alike.
  init(
    _ config: UNetConfig, side: Int, steps: Int, ranks: Ranks, shardsOptimizer: Bool
  ) throws {
    let unet = UNet(config, using: RandomSource(seed: 0))
    func optimizer(_ ranks: Ranks) -> PartOptimizer {
      PartOptimizer(
        ParameterGroup.split(unet, weightDecay: 0), betas: (0.9, 0.999), epsilon: 1e-8,
        ranks: ranks, isSharded: shardsOptimizer)
    }
    self.unet = unet
    shared = optimizer(ranks)
    own = ranks.count > 1 ? optimizer(.one) : shared
    self.side = side
    self.steps = steps
    self.ranks = ranks
  }

  /// Seconds of the parts of a step.
  struct Parts: Encodable, Equatable {
    /// Forward and backward pass, and what is summed meanwhile.
    var computing: Double
    /// What is left of the sums of the gradients, and their norm.
    var summing: Double
    /// The optimiser.
    var updating: Double

    var all: Double { computing + summing + updating }
  }

  /// Who takes a step.
  private enum Way {
    /// The first process, while the others wait.
    case alone
    /// All, summing gradients during the backward pass.
    case shared
    /// All, summing gradients after it.
    case sharedAfter
  }

  /// Measures all; every process must call it.
  ///
  /// - Parameters:
  ///   - batch: Images of a batch.
  ///   - rows: This process's share of them.
  /// - Throws: `DistributionError`.
  func report(batch: Int, rows: Int) throws -> RanksReport {
    // The most that a process has is what the others wait for.
    let most = (batch + ranks.count - 1) / ranks.count
    let alone = try step(of: batch, .alone)
    let share = try step(of: most, .alone)
    guard ranks.count > 1 else {
      return RanksReport(
        processes: 1, threads: threadCount, batch: batch, weights: weights, alone: alone)
    }
    let strong = try step(of: rows, .shared)
    let strongAfter = try step(of: rows, .sharedAfter)
    let weak = try step(of: batch, .shared)
    let sums = try [1 << 12, 1 << 16, 1 << 20, 1 << 22, 1 << 24, 1 << 25].map { bytes in
      RanksReport.Sum(bytes: bytes, seconds: try seconds(ofSum: bytes))
    }
    return RanksReport(
      processes: ranks.count, threads: threadCount, batch: batch, weights: weights, alone: alone,
      share: share, strong: strong, strongAfter: strongAfter, weak: weak, sums: sums,
      memory: try memory())
  }

  private var weights: Int { unet.parameterCount }

  /// The bytes of each process.
  private func memory() throws -> [RanksReport.Memory] {
    let own = RanksReport.Memory(
      moments: shared.momentBytes.own, peak: peakMemory())
    return try ranks.gathered(JSONEncoder().encode(own)).map {
      try JSONDecoder().decode(RanksReport.Memory.self, from: $0)
    }
  }

  /// The median of the steps; shared by all, or of the first process while the others wait.
  private func step(of rows: Int, _ how: Way) throws -> Parts {
    let random = RandomSource(seed: UInt64(ranks.rank))
    let channels = unet.config.sampleChannels
    let x = random.normal([rows, channels, side, side]).channelsLast()
    let timesteps = Tensor([Int64](repeating: 500, count: rows), shape: [rows])
    var all: [Parts] = []
    let count = how != .alone || ranks.isRoot ? steps + 1 : 0
    for index in 0..<count {
      if how != .alone { try ranks.barrier() }
      let parts = try step(x, timesteps, how)
      // The first one allocates.
      if index > 0 { all.append(parts) }
    }
    try ranks.barrier()
    return Self.median(all)
  }

  private func step(_ x: Tensor, _ timesteps: Tensor, _ how: Way) throws -> Parts {
    let clock = ContinuousClock()
    let optimizer = how == .alone ? own : shared
    let begin = clock.now
    optimizer.backward(
      unet(x, timesteps: timesteps).square().mean(), completing: how == .shared)
    let computed = clock.now
    _ = try optimizer.finishGradients(maximum: 1)
    let summed = clock.now
    try optimizer.step(learningRate: 1e-4)
    let updated = clock.now
    return Parts(
      computing: (computed - begin) / .seconds(1), summing: (summed - computed) / .seconds(1),
      updating: (updated - summed) / .seconds(1))
  }

  /// The median time of the sum of a tensor over the processes.
  private func seconds(ofSum bytes: Int) throws -> Double {
    let tensor = Tensor.zeros([bytes / 4])
    let clock = ContinuousClock()
    var times: [Double] = []
    for index in 0...max(steps, 5) {
      try ranks.barrier()
      let begin = clock.now
      try ranks.sum([tensor])
      if index > 0 { times.append((clock.now - begin) / .seconds(1)) }
    }
    return times.sorted()[times.count / 2]
  }

  private static func median(_ parts: [Parts]) -> Parts {
    let sorted = parts.sorted { $0.all < $1.all }
    return sorted.isEmpty
      ? Parts(computing: 0, summing: 0, updating: 0) : sorted[sorted.count / 2]
  }
}
