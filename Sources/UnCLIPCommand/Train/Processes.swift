import ArgumentParser
import Datasets
import Distribution
import Foundation
import Torch

/// A command that several processes run together, which `mpirun` or `srun` starts.
enum Processes {
  /// Joins the others that the launcher started, and leaves warnings to the first.
  ///
  /// Processes on one machine divide its cores, or keep to those that the launcher has bound them to.
  /// - Throws: `DistributionError`; all but the first are silent.
  static func join(_ launch: Launch? = Launch()) throws -> Ranks {
    let ranks: Ranks
    do {
      ranks = try Ranks.join(launch)
    } catch {
      guard launch?.rank ?? 0 == 0 else { throw RankFailure.elsewhere(rank: 0, own: error) }
      throw error
    }
    guard ranks.count > 1 else { return ranks }
    if !ranks.isRoot { DataWarnings.report { _ in } }
    let machine = ProcessInfo.processInfo
    setThreadCount(
      max(1, min(machine.activeProcessorCount, machine.processorCount / (launch?.local ?? 1))))
    return ranks
  }

  /// Whether what is wrong with the arguments is for the first process to say, since all have them.
  static func leaveToFirst(_ arguments: [String], _ launch: Launch? = Launch()) -> Bool {
    let isShared =
      [["train"], ["bench", "ranks"], ["evaluate"]].contains { arguments.starts(with: $0) }
      || arguments.contains { $0 == "--shards" || $0.hasPrefix("--shards=") }
    return isShared && launch?.rank ?? 0 > 0
  }

  /// Runs `body`, then leaves the others. An error that the others do not know of ends them.
  static func ending(_ ranks: Ranks, _ body: () throws -> Void) throws {
    do {
      try ranks.agreeing(body)
    } catch {
      guard ranks.count > 1, !(error is RankFailure) else {
        ranks.leave()
        throw error
      }
      Output.fail(CommandEntry.sentence(for: error))
      ranks.end(status: ExitStatus(of: error).rawValue)
    }
    ranks.leave()
  }
}
