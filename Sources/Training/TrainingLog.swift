import Files
public import Foundation

/// The run's log: one JSON object a line in `log.jsonl`.
public final class TrainingLog {
  /// The file.
  public let url: URL
  private let file: FileHandle

  /// Opens the log of the run in `folder`. Lines after `step`, which a resumed run writes again,
  /// and a last line cut in the middle are dropped.
  /// - Throws: `TrainingError.notWritten`.
  public init(folder: URL, resumingAt step: Int) throws(TrainingError) {
    url = folder.appending(path: "log.jsonl")
    do {
      var kept = Data()
      if step > 0, FileManager.default.fileExists(atPath: url.path) {
        for line in try Data(contentsOf: url).split(separator: UInt8(ascii: "\n"))
        where Self.step(of: Data(line)).map({ $0 <= step }) ?? false {
          kept += line + [UInt8(ascii: "\n")]
        }
      }
      try AtomicFile.write(kept, to: url)
      file = try FileHandle(forWritingTo: url)
      try file.seekToEnd()
    } catch {
      throw TrainingError.notWritten(path: url.path, reason: reason(of: error))
    }
  }

  /// Adds a line and waits until it is on the disk, so that it is there before the next checkpoint.
  /// - Throws: `TrainingError.notWritten`, for example when the disk is full.
  public func append(_ summary: TrainingSummary) throws(TrainingError) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      try file.write(contentsOf: encoder.encode(summary) + [UInt8(ascii: "\n")])
      try file.synchronize()
    } catch {
      throw TrainingError.notWritten(path: url.path, reason: reason(of: error))
    }
  }

  private static func step(of line: Data) -> Int? {
    struct Line: Decodable { var step: Int }
    do {
      return try JSONDecoder().decode(Line.self, from: line).step
    } catch {
      return nil
    }
  }
}
