import Foundation
import Training

/// The steps of each stage as several processes share them, for people and for programs.
struct SharedReport {
  let ranks: Int
  let machine: SharedCost.Machine
  let stages: [(stage: String, cost: SharedCost?)]

  /// Counts each stage.
  init(_ costs: [TrainingCost], ranks: Int, machine: SharedCost.Machine) {
    self.ranks = ranks
    self.machine = machine
    stages = costs.map { ($0.stage, SharedCost(of: $0, ranks: ranks, machine: machine)) }
  }

  // MARK: For programs

  struct Entry: Encodable {
    struct Stage: Encodable {
      let stage: String
      let images: Int?
      let computationSeconds, latencySeconds, bandwidthSeconds, memorySeconds: Double?
      let firstProcessSeconds: Double?
      let stepSeconds, efficiency, days: Double?
      let bottleneck: String?
      let shardedBytes, shardedBytesOfFirst: Double?
    }
    let ranks: Int
    let stages: [Stage]
  }

  var entry: Entry {
    Entry(
      ranks: ranks,
      stages: stages.map { stage, cost in
        .init(
          stage: stage, images: cost?.images, computationSeconds: cost?.seconds[.computation],
          latencySeconds: cost?.seconds[.latency], bandwidthSeconds: cost?.seconds[.bandwidth],
          memorySeconds: cost?.seconds[.memory], firstProcessSeconds: cost?.seconds[.first],
          stepSeconds: cost?.stepSeconds, efficiency: cost?.efficiency, days: cost?.days,
          bottleneck: cost?.bottleneck.rawValue, shardedBytes: cost?.shardedBytes,
          shardedBytesOfFirst: cost?.shardedBytesOfFirst)
      })
  }

  /// What the columns are.
  static let note = [
    "images: the most that one process has; -: the batch is not known, or has fewer images than there",
    "are processes; memory: the gradients' copies and sums, and the optimiser; first: the averages that",
    "the first process keeps; sharded: the state of each process, and of the first with its averages, with",
    "training.shard_optimizer",
  ]
}

extension CostReport {
  /// A table of the steps that several processes share.
  func rows(of report: SharedReport) -> [[String]] {
    let head = [
      "by \(grouped(report.ranks)) processes", "images", "computation s", "latency s",
      "bandwidth s", "memory s", "first s", "step s", "efficiency", "days", "most of it", "sharded",
    ]
    return [head]
      + report.stages.map { stage, cost in
        guard let cost else { return [stage] + head.dropFirst().map { _ in "-" } }
        let seconds = SharedCost.Bottleneck.allCases.map { cost.seconds[$0] ?? 0 }
        return [stage, grouped(cost.images)]
          + (seconds + [cost.stepSeconds]).map { String(format: "%.3g", $0) }
          + [
            String(format: "%.0f %%", 100 * cost.efficiency), plain(cost.days),
            cost.bottleneck.rawValue,
            bytes(cost.shardedBytes) + " / " + bytes(cost.shardedBytesOfFirst),
          ]
      }
  }
}
