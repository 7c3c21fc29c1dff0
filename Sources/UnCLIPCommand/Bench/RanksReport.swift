import Foundation
import Training

/// What `unclip bench ranks` prints.
struct RanksReport: Encodable {
  /// The time of a sum over the processes.
  struct Sum: Encodable {
    var bytes: Int
    var seconds: Double
  }

  /// The memory of a process, in bytes.
  struct Memory: Codable {
    /// The optimiser's moments, of which it keeps all or a share.
    var moments: Int
    /// The most that the process has taken, for the measurements of one process too.
    var peak: Int
  }

  /// What several processes gain.
  struct Scaling: Encodable {
    /// A step in which they share the batch.
    var strong: RanksBench.Parts
    /// The same, with gradients summed after the backward pass.
    var strongAfter: RanksBench.Parts
    /// A step in which each has a batch of its own.
    var weak: RanksBench.Parts
    var strongSeconds, strongAfterSeconds, weakSeconds: Double
    /// One process's time for a batch by theirs, for each process.
    var strongEfficiency: Double
    /// One process's time for a batch by theirs for as many batches as there are processes.
    var weakEfficiency: Double
    var sums: [Sum]
    /// Seconds that a sum takes however small it is.
    var latencySeconds: Double
    /// Bytes of gradients summed in a second, beyond the latency.
    var bandwidth: Double
    /// The shared step as it follows from the passes of one process and the fit of the sums.
    var predictedSeconds: Double
    /// Of each process.
    var memory: [Memory]
  }

  var processes: Int
  /// Threads of each.
  var threads: Int
  var batch: Int
  var weights: Int
  /// Bytes of gradients that are summed in a step.
  var gradientBytes: Int
  /// A step of the whole batch in one process, while the others wait.
  var alone: RanksBench.Parts
  var aloneSeconds: Double
  /// Nil for one process.
  var scaling: Scaling?

  /// Of one process.
  init(processes: Int, threads: Int, batch: Int, weights: Int, alone: RanksBench.Parts) {
    self.processes = processes
    self.threads = threads
    self.batch = batch
    self.weights = weights
    gradientBytes = 4 * weights
    self.alone = alone
    aloneSeconds = alone.all
  }

  /// Of several processes; `share` is a step of one process with its share of the batch.
  init(
    processes: Int, threads: Int, batch: Int, weights: Int, alone: RanksBench.Parts,
    share: RanksBench.Parts, strong: RanksBench.Parts, strongAfter: RanksBench.Parts,
    weak: RanksBench.Parts, sums: [Sum], memory: [Memory]
  ) {
    self.init(
      processes: processes, threads: threads, batch: batch, weights: weights, alone: alone)
    let fit = Self.fit(sums)
    let buckets = SharedCost.buckets(of: weights)
    let summing = buckets * fit.latency + Double(gradientBytes) * fit.secondsOfByte
    let left = SharedCost.left(of: summing, computation: share.computing, buckets: buckets)
    scaling = Scaling(
      strong: strong, strongAfter: strongAfter, weak: weak, strongSeconds: strong.all,
      strongAfterSeconds: strongAfter.all, weakSeconds: weak.all,
      strongEfficiency: alone.all / (Double(processes) * strong.all),
      weakEfficiency: alone.all / weak.all, sums: sums, latencySeconds: fit.latency,
      bandwidth: 1 / max(fit.secondsOfByte, 1e-15),
      predictedSeconds: share.all + left * summing, memory: memory)
  }

  /// Fits seconds = latency + bytes · secondsOfByte, each sum weighing by its relative error.
  static func fit(_ sums: [Sum]) -> (latency: Double, secondsOfByte: Double) {
    var (w, wx, wxx, wy, wxy) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for sum in sums where sum.seconds > 0 {
      let weight = 1 / (sum.seconds * sum.seconds)
      let x = Double(sum.bytes)
      w += weight
      wx += weight * x
      wxx += weight * x * x
      wy += weight * sum.seconds
      wxy += weight * x * sum.seconds
    }
    let determinant = w * wxx - wx * wx
    guard determinant > 0 else { return (0, 0) }
    return (
      max(0, (wxx * wy - wx * wxy) / determinant), max(0, (w * wxy - wx * wy) / determinant)
    )
  }

  /// The report as text.
  var lines: [String] {
    func ms(_ seconds: Double) -> String { String(format: "%.1f ms", 1000 * seconds) }
    func percent(_ value: Double) -> String { String(format: "%.0f %%", 100 * value) }
    func parts(_ parts: RanksBench.Parts) -> String {
      "\(ms(parts.all)): \(ms(parts.computing)) computing, \(ms(parts.summing)) summing gradients, "
        + "\(ms(parts.updating)) updating"
    }
    let megabytes = String(format: "%.1f MB", Double(gradientBytes) / 1e6)
    var lines = [
      "processes: \(processes), threads of each: \(threads); \(weights) weights, \(megabytes) of "
        + "gradients",
      "a batch of \(batch) in one process: \(parts(alone))",
    ]
    guard let scaling else { return lines }
    lines += [
      "shared by \(processes): \(parts(scaling.strong))",
      "with gradients summed after the backward pass: \(parts(scaling.strongAfter))",
      "a batch of \(batch) in each of \(processes): \(parts(scaling.weak))",
      "efficiency: \(percent(scaling.strongEfficiency)) strong, "
        + "\(percent(scaling.weakEfficiency)) weak",
    ]
    for sum in scaling.sums {
      lines.append("sum of \(sum.bytes) bytes: \(ms(sum.seconds))")
    }
    lines += [
      "sums take \(ms(scaling.latencySeconds)) and "
        + String(format: "%.2f GB/s", scaling.bandwidth / 1e9),
      "predicted from that: \(ms(scaling.predictedSeconds)) for the shared step; measured "
        + "\(ms(scaling.strongSeconds)), "
        + String(format: "%.2f", scaling.predictedSeconds / scaling.strongSeconds)
        + " of it predicted",
    ]
    for (rank, memory) in scaling.memory.enumerated() {
      lines.append(
        "process \(rank): \(memory.moments >> 20) MiB of moments, \(memory.peak >> 20) MiB at most")
    }
    return lines
  }
}
