import ArgumentParser
import Foundation

/// The prompts: arguments, or lines of a file.
struct PromptOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A prompt; may be given several times; '' generates without one.",
      valueName: "prompt"))
  var prompts: [String] = []

  @Option(
    help: ArgumentHelp(
      "Read prompts from a file, one a line; - is standard input.", valueName: "file"))
  var promptsFile: String?

  func validate() throws {
    if prompts.isEmpty, promptsFile == nil {
      throw ValidationError("Missing a prompt: give one or --prompts-file.")
    }
    if !prompts.isEmpty, promptsFile != nil {
      throw ValidationError("Give prompts or --prompts-file, not both.")
    }
  }

  /// Reads all prompts, in order.
  /// - Throws: `CommandError.data` for a file that cannot be read, is not UTF-8 or holds none.
  func read() throws(CommandError) -> [String] {
    guard let file = promptsFile else { return prompts }
    return try Self.prompts(inFile: file)
  }

  /// Reads the lines of a file, or of standard input for `-`.
  /// - Throws: Like ``read()``.
  static func prompts(inFile file: String) throws(CommandError) -> [String] {
    let data: Data
    do {
      data =
        file == "-"
        ? FileHandle.standardInput.readDataToEndOfFile()
        : try Data(contentsOf: URL(fileURLWithPath: file))
    } catch {
      throw .data("\(file) cannot be read; name a text file with one prompt a line.")
    }
    return try prompts(in: data, file: file)
  }

  /// Parses the lines of a prompts file that are not blank.
  static func prompts(in data: Data, file: String) throws(CommandError) -> [String] {
    guard let text = String(validating: data, as: UTF8.self), !text.contains("\0") else {
      throw .data("\(file) is not UTF-8 text; save it as UTF-8 with one prompt a line.")
    }
    let lines = text.split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    guard !lines.isEmpty else {
      throw .data("\(file) holds no prompt; write one a line.")
    }
    return lines
  }
}
