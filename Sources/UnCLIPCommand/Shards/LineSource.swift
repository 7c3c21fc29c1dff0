import Files
import Foundation

/// The lines of a text file, which is read a block at a time: memory does not depend on its length.
///
/// A line ends with a line feed, or a carriage return and a line feed. Spaces and tabs around its text
/// are left out; blank lines are no items, but are numbered.
final class LineSource: WorkSource {
  /// The most bytes of a line that is taken as text.
  static let mostBytes = 1 << 20
  private static let blockSize = 1 << 20

  private let path: String
  private let comments: Bool
  private let descriptor: Int32
  private let opened: stat
  /// The bytes before the first line: a byte-order mark.
  private var start = 0

  /// Why a line is no text, in words that fit after a colon.
  struct NotText: Error, Equatable {
    let reason: String
  }

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - content: What a line is, for errors: `prompt`.
  ///   - option: The option that names the file.
  ///   - comments: Whether lines that are `#`, or begin with `# `, are left out.
  /// - Throws: `CommandError` for what is no plain file, and for text that is not UTF-8 by its mark.
  init(
    _ path: String, content: String, option: String, comments: Bool
  ) throws(CommandError) {
    if path == "-" {
      throw .usage(
        "\(option) is -, but with --shards the \(content)s are read several times; save them to a "
          + "file.")
    }
    self.path = path
    self.comments = comments
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      let reason = errno
      let sentence =
        "\(path) cannot be read (\(systemReason(reason))); name a text file with one \(content) a line."
      throw reason == ENOENT ? .noInput(sentence) : .data(sentence)
    }
    opened = status
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .usage(
        "\(path) is no plain file, but with --shards the \(content)s are read several times; save "
          + "them to a file.")
    }
    var head = [UInt8](repeating: 0, count: 4)
    let count = max(0, pread(descriptor, &head, 4, 0))
    let mark = Array(head[..<count])
    if mark.starts(with: [0xEF, 0xBB, 0xBF]) {
      start = 3
    } else if mark.starts(with: [0xFF, 0xFE]) || mark.starts(with: [0xFE, 0xFF])
      || mark == [0, 0, 0xFE, 0xFF]
    {
      throw .data("\(path) is UTF-16 or UTF-32 text; save it as UTF-8.")
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func forEach(_ body: (_ number: Int, _ text: UnsafeRawBufferPointer) throws -> Void) throws {
    // Room for the longest line and a block behind it.
    let capacity = Self.mostBytes + 1 + Self.blockSize
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    defer { buffer.deallocate() }
    var (position, filled, number) = (off_t(start), 0, 1)
    // Whether the rest of a line that is too long is being passed over.
    var isPassing = false
    while true {
      let count = try read(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]), position)
      position += off_t(count)
      filled += count
      var rest = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
      while let end = Self.firstFeed(rest) {
        if !isPassing { try give(UnsafeRawBufferPointer(rebasing: rest[..<end]), number, body) }
        isPassing = false
        number += 1
        rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
      }
      if count == 0 {
        if !isPassing { try give(rest, number, body) }
        return try checkUnchanged()
      }
      if isPassing {
        filled = 0
      } else if rest.count > Self.mostBytes {
        try give(UnsafeRawBufferPointer(rebasing: rest[...Self.mostBytes]), number, body)
        (isPassing, filled) = (true, 0)
      } else {
        filled = rest.count
        if let from = rest.baseAddress {
          buffer.baseAddress?.copyMemory(from: from, byteCount: filled)
        }
      }
    }
  }

  /// The text of an item.
  ///
  /// - Throws: `NotText`; nothing is repaired.
  static func text(_ bytes: UnsafeRawBufferPointer) throws(NotText) -> String {
    guard bytes.count <= mostBytes else {
      throw NotText(reason: "it is longer than \(mostBytes >> 20) MiB")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw NotText(reason: "it is not UTF-8 text")
    }
    if text.utf8.contains(0) { throw NotText(reason: "it holds a zero byte") }
    if text.utf8.contains(13) { throw NotText(reason: "it holds a carriage return") }
    if text.unicodeScalars.contains("\u{FFFD}") {
      throw NotText(
        reason: "it holds U+FFFD, which stands for letters that were lost in an earlier conversion")
    }
    let trimmed = text.trimmingCharacters(in: .whitespaces)
    if trimmed.isEmpty { throw NotText(reason: "it is blank") }
    return trimmed
  }

  private func give(
    _ line: UnsafeRawBufferPointer, _ number: Int,
    _ body: (_ number: Int, _ text: UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var (start, end) = (0, line.count)
    if end > start, line[end - 1] == 13 { end -= 1 }
    while end > start, line[end - 1] == 32 || line[end - 1] == 9 { end -= 1 }
    while start < end, line[start] == 32 || line[start] == 9 { start += 1 }
    guard start < end else { return }
    if comments, line[start] == UInt8(ascii: "#"), end == start + 1 || line[start + 1] == 32 {
      return
    }
    try body(number, UnsafeRawBufferPointer(rebasing: line[start..<end]))
  }

  private func read(
    into buffer: UnsafeMutableRawBufferPointer, _ position: off_t
  ) throws(CommandError) -> Int {
    while true {
      let count = pread(descriptor, buffer.baseAddress, buffer.count, position)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .data("\(path) cannot be read: \(systemReason(errno)).") }
      return count
    }
  }

  /// Items are found again by their place, so the file must stay as it is.
  private func checkUnchanged() throws(CommandError) {
    var now = stat()
    guard fstat(descriptor, &now) == 0, now.st_size == opened.st_size,
      Self.changed(now) == Self.changed(opened)
    else {
      throw .data("\(path) was changed while it was read; leave it as it is until the run is over.")
    }
  }

  private static func changed(_ status: stat) -> [Int] {
    #if canImport(Darwin)
      let time = status.st_mtimespec
    #else
      let time = status.st_mtim
    #endif
    return [Int(time.tv_sec), Int(time.tv_nsec)]
  }

  private static func firstFeed(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let start = bytes.baseAddress, let found = memchr(start, 10, bytes.count) else {
      return nil
    }
    return UnsafeRawPointer(found) - start
  }
}
