import ArgumentParser
import Config

/// The words of a command line, before the argument parser and after its refusal.
enum CommandWords {
  /// Makes the arguments what the parser takes: `--help` before a command asks for that command's
  /// help, and negative numbers are values.
  ///
  /// - Throws: `CommandError.usage` for a command that there is not.
  static func prepared(_ arguments: [String]) throws(CommandError) -> [String] {
    var words = arguments
    if words.count > 1, let first = words.first, first == "--help" || first == "-h" {
      words[0] = "help"
    }
    try checkCommand(words)
    return joiningNegativeValues(words)
  }

  /// Joins a negative number with the long option before it, which would be taken for an option.
  private static func joiningNegativeValues(_ words: [String]) -> [String] {
    var joined: [String] = []
    var ended = false
    for word in words {
      ended = ended || word == "--"
      if !ended, word.hasPrefix("-"), Double(word) != nil, let option = joined.last,
        option.hasPrefix("--"), option.count > 2, !option.contains("=")
      {
        joined[joined.count - 1] = option + "=" + word
      } else {
        joined.append(word)
      }
    }
    return joined
  }

  private static func checkCommand(_ words: [String]) throws(CommandError) {
    var type: any ParsableCommand.Type = RootCommand.self
    var path = "unclip"
    for (index, word) in words.enumerated() {
      let below = type.configuration.subcommands
      guard !below.isEmpty, type.configuration.defaultSubcommand == nil, !word.hasPrefix("-") else {
        return
      }
      if index == 0, word == "help" { continue }
      if let next = below.first(where: { $0._commandName == word }) {
        (type, path) = (next, path + " " + word)
        continue
      }
      let names = below.map { $0._commandName }
      if let near = Spelling.nearest(to: word.lowercased(), among: names) {
        throw .usage("There is no command '\(path) \(word)' (did you mean '\(path) \(near)'?).")
      }
      guard path == "unclip", words.first != "help" else {
        throw .usage(
          "There is no command '\(path) \(word)'; there are \(names.joined(separator: ", ")).")
      }
      let prompt = words.prefix { !$0.hasPrefix("-") }.joined(separator: " ")
      throw .usage(
        "There is no command '\(word)'; see 'unclip --help', or for an image type: "
          + "unclip generate \"\(prompt.replacing("\"", with: "'"))\"")
    }
  }

  // MARK: After a refusal

  /// The parser's message with better words for an option that is not known: a hint for those of
  /// other programs, else the nearest spelling.
  ///
  /// - Parameters:
  ///   - message: The parser's message.
  ///   - help: The command that explains the arguments: `unclip generate --help`.
  static func message(_ message: String, help: String) -> String {
    let start = "Unknown option '"
    guard message.hasPrefix(start),
      let name = message.dropFirst(start.count).split(separator: "'").first
    else { return message }
    let words = help.split(separator: " ").map(String.init)
    if words.contains("mix"), Double(name) != nil {
      return "The weight is \(name), but it must be at least 0; to leave a text, use 'unclip diff'"
    }
    let options = options(of: words)
    let text = start + name + "'"
    if let hint = PeerOptions.hint(
      for: String(name), command: words.dropLast().last ?? "", options: options)
    {
      return text + ": " + hint
    }
    let near = Spelling.nearest(
      to: String(name), among: options.filter { $0.hasPrefix("--") })
    return text + (near.map { " (did you mean '\($0)'?)" } ?? "")
  }

  /// The options of the command that `words` call, as its help text lists them.
  static func options(of words: [String]) -> Set<String> {
    var type: any ParsableCommand.Type = RootCommand.self
    for word in words {
      type = type.configuration.subcommands.first { $0._commandName == word } ?? type
    }
    let lines = RootCommand.helpMessage(for: type, columns: 1000).split(separator: "\n")
    let found = lines.filter { $0.hasPrefix("  -") }.flatMap { line in
      line.dropFirst(2).prefix { $0 != "<" }.split(separator: "  ", maxSplits: 1)[0]
        .matches(of: /--?[A-Za-z][\w-]*/).map { String($0.output) }
    }
    return Set(found)
  }
}
