import Distribution
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct RanksTests {
  @Test func launchersSayHowManyProcessesThereAre() {
    let none: [[String: String]] = [
      [:], ["OMPI_COMM_WORLD_RANK": "1"], ["PMI_RANK": "2", "PMI_SIZE": "2"],
      ["PMI_RANK": "x", "PMI_SIZE": "2"],
      // A batch script of Slurm, which is no step.
      ["SLURM_PROCID": "0", "SLURM_NTASKS": "8"],
    ]
    for environment in none { #expect(Launch(environment: environment) == nil, "\(environment)") }
    for (environment, rank, count, local) in [
      (
        [
          "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4",
          "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
        ], 1, 4, 2 as Int?
      ),
      (["PMI_RANK": "0", "PMI_SIZE": "3"], 0, 3, nil),
      (
        [
          "SLURM_PROCID": "7", "SLURM_STEP_NUM_TASKS": "8", "SLURM_NTASKS": "8",
          "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
        ], 7, 8, 4
      ),
    ] {
      let launch = Launch(environment: environment)
      #expect(launch?.rank == rank && launch?.count == count && launch?.local == local)
    }
  }

  @Test func aProcessThatWorksAloneHasAllRowsAndItsOwnErrors() throws {
    let ranks = try Ranks.join(nil)
    #expect(ranks == .one && ranks.isRoot)
    #expect(try Ranks.join(Launch(environment: ["PMI_RANK": "0", "PMI_SIZE": "1"])) == .one)
    #expect(try ranks.rows(of: 5) == .all(5))
    let x = RandomSource(seed: 1).normal([3, 2])
    expectClose(ranks.concatenated(x), x, .exact)
    let copy = x.cloned()
    try ranks.sum([copy])
    try ranks.broadcast([copy])
    expectClose(copy, x, .exact)
    #expect(try ranks.gathered(Data([1, 2])) == [Data([1, 2])])
    #expect(throws: CocoaError.self) { try ranks.agreeing { throw CocoaError(.fileNoSuchFile) } }
    #expect(try ranks.onRoot { 3 } == 3)
    try ranks.barrier()
    ranks.leave()
  }

  @Test func rowsAreDividedEvenlyAndNoneIsLeftOut() throws {
    for (count, total) in [(2, 8), (3, 8), (4, 4), (7, 50)] {
      let shares = try (0..<count).map { try Ranks(rank: $0, count: count).rows(of: total) }
      #expect(shares.flatMap { Array($0.range) } == Array(0..<total))
      let sizes = shares.map(\.range.count)
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
      #expect(abs(shares.map(\.fraction).reduce(0, +) - 1) < 1e-12)
    }
    #expect(throws: DistributionError.tooMany(count: 5, rows: 4)) {
      try Ranks(rank: 0, count: 5).rows(of: 4)
    }
  }

  @Test func errorsSayWhatToDo() {
    for (error, part) in [
      (DistributionError.notBuilt(rank: 1, count: 4), "make build MPI=1"),
      (.notStarted, "mpirun -np 2 true"), (.otherLauncher(started: 4, joined: 1), "linked with"),
      (.lost(reason: "broken pipe"), "--resume"), (.differs(rank: 2, what: "data"), "process 2"),
      (.tooMany(count: 5, rows: 4), "training.batch_size"),
    ] {
      #expect(error.description.contains(part) && error.description.hasSuffix("."))
      #expect(error.errorDescription == error.description)
    }
    let failure = RankFailure.here(DistributionError.notStarted, onlyOn: 3)
    #expect("\(failure)".hasPrefix("process 3: MPI cannot start"))
  }
}
