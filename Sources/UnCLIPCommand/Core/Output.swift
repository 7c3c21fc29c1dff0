import ArgumentParser
import Foundation

/// `--json`, for commands whose result a program may read.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the result as JSON on standard output.")
  var json = false
}

/// What a command says: results on standard output, all else on standard error.
enum Output {
  /// Prints a line of the result.
  ///
  /// - Throws: `CommandError.notPrinted` when it cannot be written, so that no output is lost by a
  ///   run that says it went well.
  static func line(_ text: String) throws(CommandError) {
    let shown = isatty(STDOUT_FILENO) == 1 ? printable(text, keepingLines: true) : text
    do throws(SystemFailure) {
      try write(shown + "\n", to: STDOUT_FILENO)
    } catch {
      throw .notPrinted(reason: error.reason)
    }
  }

  /// Prints a value as JSON with sorted keys.
  ///
  /// - Throws: `CommandError.notPrinted`.
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try line(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Prints a value as JSON with sorted keys on one line.
  static func jsonLine(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try line(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Prints a warning on standard error.
  static func warn(_ text: String) { say("unclip: warning: \(printable(text))\n") }

  /// Prints the sentence that a run ends with on standard error.
  static func fail(_ sentence: String) { say("unclip: \(printable(sentence))\n") }

  /// Writes to standard error as it is; where that is closed or full, nobody can be told.
  static func say(_ text: String) {
    do { try write(text, to: STDERR_FILENO) } catch {}
  }

  /// The text with what a terminal would obey, or show in another order, written as `\u{1B}`.
  ///
  /// Names and keys come from files, which anyone may have made.
  /// - Parameter keepingLines: leaves line feeds and tabs as they are.
  static func printable(_ text: String, keepingLines: Bool = false) -> String {
    guard text.unicodeScalars.contains(where: isObeyed) else { return text }
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isObeyed(scalar), !(keepingLines && (scalar == "\n" || scalar == "\t")) {
        shown += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".unicodeScalars
      } else {
        shown.append(scalar)
      }
    }
    return String(shown)
  }

  /// Controls, line and paragraph separators, and the marks that turn the direction of writing.
  private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  // MARK: The system

  /// Gives the three standard streams a place where the caller closed them.
  ///
  /// Otherwise the next file that is opened takes their number, and results would be written into
  /// it. The places take no bytes, so that lost output is noticed.
  static func reserveStandardStreams() {
    for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(stream, F_GETFD) == -1 && errno == EBADF {
      // The lowest free number is taken, which is this one.
      _ = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  private struct SystemFailure: Error {
    let reason: String
  }

  private static func write(_ text: String, to stream: Int32) throws(SystemFailure) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.write(stream, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SystemFailure(reason: String(cString: strerror(errno))) }
      rest = rest.dropFirst(count)
    }
  }
}
