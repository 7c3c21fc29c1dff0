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
      throw ValidationError(
        "Give prompts or --prompts-file, not both; \"\(prompts[0])\" was taken as a prompt.")
    }
  }

  /// Reads all prompts, in order.
  /// - Throws: `CommandError.usage` where quotes seem to be forgotten; `.data` and `.noInput` for a file that cannot be read, is not UTF-8 or
  ///   holds none.
  func read() throws(CommandError) -> [String] {
    if let promptsFile { return try Self.lines(of: promptsFile) }
    // Not in `validate`: the value of an unknown option is a second prompt, too.
    if prompts.count > 1, prompts.allSatisfy({ !$0.isEmpty && !$0.contains(" ") }) {
      throw .usage(
        "Each word is a prompt of its own: for one prompt put quotes around it, "
          + "\"\(prompts.joined(separator: " "))\"; for several give a --prompts-file, one a line.")
    }
    if prompts.contains("-") {
      throw .usage("- is no prompt; --prompts-file - reads prompts from standard input.")
    }
    return prompts
  }

  /// Reads the prompts of a file, or of standard input for `-`.
  /// - Throws: As ``read()``.
  static func lines(of file: String) throws(CommandError) -> [String] {
    try TextFile.lines(of: file, content: "prompt", comments: true)
  }
}
