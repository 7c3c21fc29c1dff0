import Files
import Foundation

/// Text files that options name: plain files, pipes, and standard input as `-`.
enum TextFile {
  /// The most bytes of a file.
  static let mostBytes = 1 << 28

  /// Reads the lines that are not blank, without the spaces around them.
  ///
  /// - Parameters:
  ///   - content: What a line is, for errors: `prompt`.
  ///   - comments: Whether lines that are `#`, or begin with `# `, are left out.
  /// - Throws: `CommandError.data`, and `.noInput` for a file that is not there.
  static func lines(
    of file: String, content: String, comments: Bool = false
  ) throws(CommandError) -> [String] {
    let text = try text(of: read(file, content: content), file: file)
    let lines = text.split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty && !(comments && ($0 == "#" || $0.hasPrefix("# "))) }
    guard !lines.isEmpty else {
      throw .data("\(file) holds no \(content); write one a line.")
    }
    return lines
  }

  /// Reads all bytes.
  ///
  /// - Throws: As ``lines(of:content:comments:)``.
  static func read(_ file: String, content: String) throws(CommandError) -> Data {
    let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(file, content) }
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Foundation.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw unreadable(file, content) }
      if count == 0 { return Data(bytes) }
      bytes += buffer[..<count]
      guard bytes.count <= mostBytes else {
        throw .data("\(file) has more than \(mostBytes >> 20) MiB; split it.")
      }
    }
  }

  private static func unreadable(_ file: String, _ content: String) -> CommandError {
    let sentence =
      "\(file) cannot be read (\(systemReason(errno))); name a text file with one \(content) a line."
    return errno == ENOENT ? .noInput(sentence) : .data(sentence)
  }

  /// Decodes text; see `PlainText`.
  ///
  /// - Throws: `CommandError.data`.
  static func text(of data: Data, file: String) throws(CommandError) -> String {
    do throws(PlainText.NotText) {
      return try PlainText.decode(data)
    } catch {
      throw .data("\(file) cannot be read: \(error).")
    }
  }
}
