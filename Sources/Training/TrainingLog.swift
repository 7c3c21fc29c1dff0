import Files
public import Foundation

/// The run's log, a line or record now and then in three forms: JSON lines in `log.jsonl`, a table in
/// `log.csv`, and TensorBoard's events.
///
/// The lines are the log; the other two are made from them when a run is resumed.
public final class TrainingLog {
  /// The name of the file of JSON lines.
  public static let fileName = "log.jsonl"
  /// The file of JSON lines.
  public let url: URL
  private let file: FileHandle
  private let table: LogTable
  private let events: EventFile

  /// Opens the log of the run in `folder`. Lines after `step`, which a resumed run writes again,
  /// and a last line cut in the middle are dropped.
  /// - Throws: `TrainingError.notWritten`.
  public init(folder: URL, resumingAt step: Int) throws(TrainingError) {
    url = folder.appending(path: Self.fileName)
    do {
      var kept = Data()
      var summaries: [TrainingSummary] = []
      if step > 0, FileManager.default.fileExists(atPath: url.path) {
        for line in try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")) {
          guard let found = Self.step(of: Data(line)), found <= step else { continue }
          kept += line + [UInt8(ascii: "\n")]
          if let summary = Self.summary(of: Data(line)) { summaries.append(summary) }
        }
      }
      try AtomicFile.write(kept, to: url)
      file = try FileHandle(forWritingTo: url)
      try file.seekToEnd()
      table = try LogTable(folder.appending(path: "log.csv"), rows: summaries)
      events = try EventFile(folder.appending(path: EventFile.name), of: summaries)
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
      try table.append(summary)
      try events.append(summary)
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

  /// The line's values; nil for a line of another version.
  private static func summary(of line: Data) -> TrainingSummary? {
    do {
      return try JSONDecoder().decode(TrainingSummary.self, from: line)
    } catch {
      return nil
    }
  }
}

extension TrainingLog {
  /// Reads the lines that a run has logged so far; those that cannot be read, such as one that is being
  /// written, are left out.
  ///
  /// - Throws: `TrainingError.notRead` for a folder without a log, or one that has no line yet.
  public static func summaries(of folder: URL) throws(TrainingError) -> [TrainingSummary] {
    let url = folder.appending(path: Self.fileName)
    let lines: [Data]
    do {
      lines = try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).map { Data($0) }
    } catch {
      throw TrainingError.notRead(path: url.path, reason: reason(of: error))
    }
    let found = lines.compactMap { summary(of: $0) }
    guard !found.isEmpty else {
      throw TrainingError.notRead(path: url.path, reason: "it holds no line of a training run")
    }
    return found
  }
}
