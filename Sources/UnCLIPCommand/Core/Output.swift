import ArgumentParser
import Foundation

/// `--json`, for commands whose result programs may read.
struct OutputOptions: ParsableArguments {
  @Flag(
    help: "Print the result as JSON on standard output; errors stay sentences on standard error.")
  var json = false
}

/// A command's output: results on standard output, all else on standard error.
enum Output {
  /// Prints a line of the result.
  ///
  /// - Throws: `CommandError.notPrinted` when it cannot be written, so that a run which loses
  ///   output fails.
  static func line(_ text: String) throws(CommandError) {
    let shown = isatty(STDOUT_FILENO) == 1 ? printable(text, keepingLines: true) : text
    try bytes(Array((shown + "\n").utf8))
  }

  /// Writes bytes of the result.
  ///
  /// - Throws: `CommandError.notPrinted`.
  static func bytes(_ bytes: [UInt8]) throws(CommandError) {
    do throws(SystemFailure) {
      try write(bytes, to: STDOUT_FILENO)
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

  /// Prints the error that ends a run on standard error.
  static func fail(_ sentence: String) { say("unclip: \(printable(sentence))\n") }

  /// Writes to standard error; a failure is ignored, since it cannot be reported.
  static func say(_ text: String) {
    do { try write(Array(text.utf8), to: STDERR_FILENO) } catch {}
  }

  /// Escapes characters that control a terminal or reorder text, as in `\u{1B}`; line feeds and
  /// tabs stay if `keepingLines`.
  ///
  /// Names and keys come from files, which anyone may have made.
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

  /// Whether it is a control, a line or paragraph separator, or a mark of writing direction.
  private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  // MARK: The system

  /// Opens /dev/null for each standard stream that the caller closed.
  ///
  /// Otherwise the next file that is opened would take its descriptor, and results would be written
  /// into it. The direction is the wrong one, so that lost output is noticed.
  static func reserveStandardStreams() {
    for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(stream, F_GETFD) == -1 && errno == EBADF {
      // This is the lowest free descriptor, so it is the one that `open` returns.
      _ = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  private struct SystemFailure: Error {
    let reason: String
  }

  private static func write(_ bytes: [UInt8], to stream: Int32) throws(SystemFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.write(stream, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SystemFailure(reason: String(cString: strerror(errno))) }
      rest = rest.dropFirst(count)
    }
  }
}
