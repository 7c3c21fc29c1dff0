public import Foundation

/// What a launcher such as `mpirun` or `srun` says of the processes it started.
public struct Launch: Sendable, Equatable {
  /// The number of this process, from 0.
  public let rank: Int
  /// How many processes work together.
  public let count: Int
  /// How many of them are on this machine; nil where the launcher does not say.
  public let local: Int?

  /// Reads what a launcher left in the environment; nil for a process that was started alone.
  ///
  /// Source: Open MPI, MPICH's Hydra (PMI), and Slurm, whose batch script is no step and runs alone.
  public init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
    for (rank, count, local) in [
      ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
      ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
      ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE"),
    ] {
      guard let rank = number(rank), let count = number(count), rank >= 0, count > rank else {
        continue
      }
      self.rank = rank
      self.count = count
      // Slurm writes 4(x2) for two machines with four each.
      let digits = environment[local]?.prefix { $0.isASCII && $0.isNumber }
      self.local = digits.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
      return
    }
    return nil
  }
}
