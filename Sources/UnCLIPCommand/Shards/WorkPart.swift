import ArgumentParser
import Distribution
import Foundation

/// The part of the work that one process does: the shards whose number leaves the remainder `number`
/// when divided by `count`.
struct WorkPart: Equatable, ExpressibleByArgument {
  /// From 0.
  let number: Int
  let count: Int
  /// Whether shards of other parts are made too, once those of this one are finished.
  let helps: Bool

  /// All of it, or the part of a process that a launcher started with others.
  ///
  /// Launched processes end together, so that the exit status of none ends the work of another.
  init(_ launch: Launch? = Launch()) {
    (number, count, helps) = (launch?.rank ?? 0, launch?.count ?? 1, true)
  }

  /// Reads `R/N`, R from 0 to N − 1; nil for anything else.
  init?(argument: String) {
    let numbers = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let number = numbers[0], let count = numbers[1], count <= 1_000_000,
      (0..<max(count, 1)).contains(number), count >= 1
    else { return nil }
    (self.number, self.count, helps) = (number, count, false)
  }

  /// Whether this process speaks for those that were launched with it.
  var isFirst: Bool { !helps || number == 0 }

  /// Whether a shard is one of this part's own.
  func owns(_ shard: Int) -> Bool { shard % count == number }

  /// The shards to make, in order: the own ones, then where this part helps those of the next part
  /// and so on.
  func order(of shards: Int) -> [Int] {
    (0..<(helps ? count : 1)).flatMap { step in
      Array(stride(from: (number + step) % count, to: shards, by: count))
    }
  }
}

/// `--shards`, `--shard-count` and `--part`.
struct ShardedWorkOptions: ParsableArguments {
  private static let countRange = OptionRange("--shard-count", 1...1_000_000)

  @Option(
    help: ArgumentHelp(
      "Write tar shards into a folder, by one process or many; what an earlier run finished there "
        + "is kept.", valueName: "folder"))
  var shards: String?

  @Option(
    help: countRange.help(
      "Number of shards", note: "one for about 1000 items, but at least 64, if not given"))
  var shardCount: Int?

  @Option(
    help: ArgumentHelp(
      "Do part R of N, R from 0 to N - 1, as in 0/8: for job arrays, not under mpirun or srun.",
      valueName: "R/N"))
  var part: WorkPart?

  func validate() throws {
    try Self.countRange.check(shardCount)
    if shards == nil, shardCount != nil || part != nil {
      throw ValidationError("--shard-count and --part need --shards, which names the folder.")
    }
  }

  /// The folder; nil without `--shards`.
  var folder: URL? {
    shards.map { URL(fileURLWithPath: $0, isDirectory: true).resolvingSymlinksInPath() }
  }

  /// Refuses options that mean something else than shards.
  /// - Throws: `ValidationError`.
  func refuse(_ options: [(name: String, isGiven: Bool)]) throws {
    guard shards != nil, let option = options.first(where: \.isGiven) else { return }
    throw ValidationError("\(option.name) and --shards cannot be given together; leave one out.")
  }

  /// The part of this process.
  /// - Throws: `CommandError.usage` for a part of a process that a launcher counts already.
  func resolvedPart(_ launch: Launch? = Launch()) throws(CommandError) -> WorkPart {
    guard let part else { return WorkPart(launch) }
    if let launch, launch.count > 1 {
      throw .usage(
        "--part is \(part.number)/\(part.count), but this process is one of \(launch.count) that a "
          + "launcher started, which share the work without it; leave --part out.")
    }
    return part
  }
}
