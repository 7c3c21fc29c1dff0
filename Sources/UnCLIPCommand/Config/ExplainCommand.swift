import ArgumentParser
import Config
import Training

extension ConfigCommand {
  /// `unclip config explain`.
  struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "explain",
      abstract: "Explain the keys of training configurations.",
      discussion: """
        With each key stand its range, what it does, and the values in the configurations that come \
        with the package, by the stages that have it.

        EXAMPLES:
          unclip config explain
          unclip config explain data
          unclip config explain training.learning_rate
          unclip config explain learning_rate --json
        """)

    @Argument(help: ArgumentHelp("A key or a section; all if not given.", valueName: "key"))
    var key: String?

    @Flag(help: "Print the reference page of the documentation, in Markdown.")
    var markdown = false

    @OptionGroup var output: OutputOptions

    func run() throws {
      if markdown { return try Output.line(String(ConfigKey.page.dropLast())) }
      let keys = try key.map(Self.keys) ?? ConfigKey.sections.flatMap(\.keys)
      if output.json {
        return try Output.json(
          keys.map {
            Entry(
              keys: $0.paths, values: $0.values, meaning: $0.meaning, shipped: $0.shipped,
              neutral: $0.neutral)
          })
      }
      for key in keys {
        try Output.line(key.paths.joined(separator: ", ") + "  (" + key.values + ")")
        try Output.line("    " + key.meaning)
        if let shipped = key.shippedText { try Output.line("    Shipped: " + shipped) }
        if let neutral = key.neutral { try Output.line("    If left out: " + neutral) }
      }
    }

    private struct Entry: Encodable {
      let keys: [String]
      let values: String
      let meaning: String
      /// The values in the configurations that come with the package, with the stages that have it.
      let shipped: [ConfigKey.Shipped]
      /// The value of a key that is left out; nil for one that may not be.
      let neutral: String?
    }

    private static func keys(at path: String) throws(CommandError) -> [ConfigKey] {
      let found = ConfigKey.keys(at: path)
      guard found.isEmpty else { return found }
      let known = ConfigKey.sections.flatMap(\.keys).flatMap(\.paths)
      let last = known.compactMap { $0.split(separator: ".").last.map(String.init) }
      let hint = Spelling.nearest(to: path, among: known + last).map { " (did you mean \($0)?)" }
      throw .usage(
        "No training configuration has the key \(path)\(hint ?? ""); 'unclip config explain' lists all."
      )
    }
  }
}
