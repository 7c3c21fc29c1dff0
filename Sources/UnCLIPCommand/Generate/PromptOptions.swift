import ArgumentParser

/// The prompts: arguments, or lines of a file.
struct PromptOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A prompt; may be given several times; '' generates without one.",
      valueName: "prompt"))
  var prompts: [String] = []

  @Option(
    help: ArgumentHelp(
      "Read prompts from a file, one a line, without blank lines and # comments; - "
        + "is standard input.", valueName: "file"))
  var promptsFile: String?

  func validate() throws {
    if prompts.isEmpty, promptsFile == nil {
      throw ValidationError("Missing a prompt: give one or --prompts-file.")
    }
    if !prompts.isEmpty, promptsFile != nil {
      throw ValidationError("Give prompts or --prompts-file, not both.")
    }
    if prompts.count > 1, prompts.allSatisfy({ !$0.isEmpty && !$0.contains(" ") }) {
      throw ValidationError(
        "Each word is a prompt of its own; for one prompt write it in quotes, "
          + "\"\(prompts.joined(separator: " "))\", for several give a --prompts-file with one a line."
      )
    }
  }

  /// Reads all prompts, in order.
  /// - Throws: `CommandError.data` and `.noInput` for a file that cannot be read, is not UTF-8 or
  ///   holds none.
  func read() throws(CommandError) -> [String] {
    guard let file = promptsFile else { return prompts }
    return try Self.lines(of: file)
  }

  /// Reads the prompts of a file, or of standard input for `-`.
  /// - Throws: As ``read()``.
  static func lines(of file: String) throws(CommandError) -> [String] {
    try TextFile.lines(of: file, content: "prompt", comments: true)
  }
}
