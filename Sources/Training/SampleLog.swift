import Files
import Foundation

/// The keys of the samples of each step, a line of JSON each, in `samples.jsonl`.
///
/// It has each step that counts once: what a run did after the checkpoint that it is resumed from is
/// dropped, and done again.
final class SampleLog {
  static let fileName = "samples.jsonl"

  private let url: URL
  private let file: FileHandle

  /// Opens the log of the run in `folder`, up to `step`.
  /// - Throws: `TrainingError.notWritten`.
  init(folder: URL, resumingAt step: Int) throws(TrainingError) {
    url = folder.appending(path: Self.fileName)
    do {
      let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
      file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
      try file.truncate(atOffset: Self.end(of: url, upTo: step))
      try file.seekToEnd()
    } catch {
      throw TrainingError.notWritten(path: url.path, reason: reason(of: error))
    }
  }

  /// Adds the samples of a step.
  /// - Throws: `TrainingError.notWritten`, for example when the disk is full.
  func append(_ samples: [String], step: Int) throws(TrainingError) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      let line = try Data("{\"step\":\(step),\"samples\":".utf8) + encoder.encode(samples)
      try file.write(contentsOf: line + Data("}\n".utf8))
    } catch {
      throw TrainingError.notWritten(path: url.path, reason: reason(of: error))
    }
  }

  /// Waits until the lines are on the disk, so that they are there before a checkpoint.
  /// - Throws: `TrainingError.notWritten`.
  func synchronize() throws(TrainingError) {
    do {
      try file.synchronize()
    } catch {
      throw TrainingError.notWritten(path: url.path, reason: reason(of: error))
    }
  }

  /// Where the whole lines of steps up to `step` end, in bytes. They are read one by one: of a long
  /// run, they do not fit into memory.
  private static func end(of url: URL, upTo step: Int) throws -> UInt64 {
    guard let file = fopen(url.path, "re") else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    var end: UInt64 = 0
    while true {
      let count = getline(&line, &capacity, file)
      guard count > 0, let line, line[count - 1] == CChar(bitPattern: UInt8(ascii: "\n")) else {
        return end
      }
      let bytes = UnsafeBufferPointer(start: line, count: min(count, 40))
      let head = String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let digits = head.dropFirst(#"{"step":"#.count).prefix { $0 != "," }
      guard let found = Int(digits), found <= step else { return end }
      end += UInt64(count)
    }
  }
}
