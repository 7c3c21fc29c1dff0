import ArgumentParser
import Foundation

/// `--json`, for commands whose result a program may read.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the result as JSON on standard output.")
  var json = false
}

/// What a command says on standard output.
enum Output {
  /// Prints a value as JSON with sorted keys.
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Prints a value as JSON with sorted keys on one line.
  static func line(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Prints a warning on standard error.
  static func warn(_ text: String) {
    FileHandle.standardError.write(Data("unclip: warning: \(text)\n".utf8))
  }
}
