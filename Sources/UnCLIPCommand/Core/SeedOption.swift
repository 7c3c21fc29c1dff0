import ArgumentParser

/// `--seed`: a number, or a random one.
enum SeedChoice: Equatable, CustomStringConvertible {
  case random
  case exact(UInt64)

  /// What `--seed` takes.
  static let range = "0 to \(UInt64.max)"

  /// Reads a number, `random`, or -1, which is random in other programs.
  /// - Throws: `ValidationError` with the range.
  init(parsing text: String) throws {
    if text == "random" || text == "-1" {
      self = .random
    } else if let seed = UInt64(text) {
      self = .exact(seed)
    } else {
      throw ValidationError("a seed is \(Self.range), or random")
    }
  }

  var description: String {
    switch self {
    case .random: "random"
    case .exact(let seed): "\(seed)"
    }
  }
}

/// `--seed` of commands that sample.
struct SeedOption: ParsableArguments {
  @Option(
    name: [.customShort("s"), .long], parsing: .unconditional,
    help: ArgumentHelp(
      "Seed of the first image, \(SeedChoice.range); random, which is the default, chooses one and prints it.",
      valueName: "n"),
    transform: SeedChoice.init(parsing:))
  var seed = SeedChoice.random

  /// The first of `count` seeds.
  /// - Throws: `CommandError.usage` when the last seed would be too large.
  func resolve(count: Int = 1) throws(CommandError) -> UInt64 {
    switch seed {
    case .exact(let seed):
      let most = UInt64.max - UInt64(count - 1)
      guard seed <= most else {
        throw .usage("--seed is \(seed), but with \(count) images it must be 0 to \(most).")
      }
      return seed
    case .random:
      // 32 bits, as in other programs: short in file names, and exact in every JSON reader.
      return UInt64(UInt32.random(in: 0 ... .max))
    }
  }

  /// Prints a random seed on standard error, so that the run can be repeated.
  func announce(_ value: UInt64) {
    if seed == .random { Output.say("seed \(value)\n") }
  }
}
