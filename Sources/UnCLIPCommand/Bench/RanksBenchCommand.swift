import ArgumentParser
import Diffusion
import Distribution
import Foundation
import Torch
import TorchNN
import Training
import UnCLIP

/// `unclip bench ranks`.
struct RanksBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ranks",
    abstract: "Measure what several processes gain over one in a training step.",
    discussion: """
      Started by mpirun or srun, it trains an upsampler's network on noise: the whole batch in the \
      first process alone, then shared by all (strong scaling), with gradients summed during the \
      backward pass and after it, then a batch in each (weak scaling). \
      It also times sums over the processes by their size, fits seconds = a + b * bytes, and \
      compares the step that follows from the fit and from passes in one process with the shared one \
      it has measured. An efficiency of 100 % means that N processes take an Nth of the time.

      EXAMPLES:
        mpirun -np 2 unclip bench ranks
        mpirun -np 4 unclip bench ranks --config Configs/small-upsampler.yaml --batch 32 --json
        mpirun -np 2 unclip bench ranks --shard-optimizer
        unclip bench ranks --threads 2
      """)

  private static let batchRange = OptionRange("--batch", 1...65_536)
  private static let stepRange = OptionRange("--steps", 1...10_000)
  private static let threadRange = OptionRange("--threads", 1...1024)

  @Option(
    help: ArgumentHelp(
      "A training configuration of an upsampler, whose network and crops are taken; those of the "
        + "preset small if not given.", valueName: "file"))
  var config: String?

  @Option(help: batchRange.help("Images of a batch, at least one for each process"))
  var batch = 8

  @Option(help: stepRange.help("Steps to time"))
  var steps = 7

  @Option(help: threadRange.help("Threads of each process; its share of the cores if not given"))
  var threads: Int?

  @Flag(help: "Let each process keep the optimiser's moments of its share of the weights alone.")
  var shardOptimizer = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    try Self.batchRange.check(batch)
    try Self.stepRange.check(steps)
    try Self.threadRange.check(threads)
  }

  func run() throws {
    let ranks = try Processes.join()
    try Processes.ending(ranks) {
      if let threads { setThreadCount(threads) }
      let (unet, side) = try network()
      let rows = try ranks.rows(of: batch)
      let report = try RanksBench(
        unet, side: side, steps: steps, ranks: ranks, shardsOptimizer: shardOptimizer
      )
      .report(batch: batch, rows: rows.range.count)
      guard ranks.isRoot else { return }
      if output.json { return try Output.json(report) }
      for line in report.lines { try Output.line(line) }
    }
  }

  /// The U-Net and the side of its crops.
  private func network() throws -> (unet: UNetConfig, side: Int) {
    guard let config else {
      let unet = UnCLIPPreset.small.upsampler
      return (unet, max(unet.downsampling, (unet.sampleSize ?? 64) / 4))
    }
    let url = URL(fileURLWithPath: config)
    let content = try ConfigDocument.json(at: url)
    guard case .upsampler(let own) = try StageConfiguration(content, file: url.path) else {
      throw CommandError.usage(
        "\(url.path): is of another stage; give the training configuration of an upsampler.")
    }
    return (own.model.unet, own.objective.cropSize)
  }
}
