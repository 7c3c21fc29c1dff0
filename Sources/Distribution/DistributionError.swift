public import Foundation

/// Why the processes of a run cannot work together.
public enum DistributionError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The process is one of several, but this build is without MPI.
  case notBuilt(rank: Int, count: Int)
  /// MPI cannot start.
  case notStarted
  /// The launcher is of another MPI than this build.
  case otherLauncher(started: Int, joined: Int)
  /// MPI could not pass data on.
  case lost(reason: String)
  /// A process was given something else than the first.
  case differs(rank: Int, what: String)
  /// A batch has fewer rows than there are processes.
  case tooMany(count: Int, rows: Int)

  /// The same sentence, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence: what, where, what to do.
  public var description: String {
    switch self {
    case .notBuilt(let rank, let count):
      return
        "this is process \(rank) of \(count) that work together, but this build has no MPI; build "
        + "it with 'make build MPI=1', or start it without mpirun or srun."
    case .notStarted:
      return "MPI cannot start; try 'mpirun -np 2 true', and see to what it reports."
    case .otherLauncher(let started, let joined):
      return
        "\(started) processes were started, but MPI joins \(joined); start them by the mpirun of the "
        + "MPI that this build is linked with."
    case .lost(let reason):
      return
        "MPI lost another process (\(reason)); run again with --resume to go on from the newest "
        + "checkpoint."
    case .differs(let rank, let what):
      return
        "the \(what) of process \(rank) is not that of process 0; give every process the same."
    case .tooMany(let count, let rows):
      return
        "\(count) processes cannot share a batch of \(rows); start at most \(rows), or raise "
        + "training.batch_size."
    }
  }
}

/// An error that every process of a run knows of, so that all end.
public enum RankFailure: LocalizedError, CustomStringConvertible {
  /// The error of this process, which reports it; the rank where others have none.
  case here(any Error, onlyOn: Int?)
  /// Another process reports an error; this one's own, if it has one too.
  case elsewhere(rank: Int, own: (any Error)?)

  /// The same sentence, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence.
  public var description: String {
    switch self {
    case .here(let error, let rank?): "process \(rank): \(error)"
    case .here(let error, nil): "\(error)"
    case .elsewhere(let rank, _): "process \(rank) has ended the run."
    }
  }
}
