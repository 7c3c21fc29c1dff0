import Files
import Foundation

/// The log as comma-separated values (RFC 4180), a row a summary.
///
/// A part of the loss or a metric gets its column when it first occurs; the file is written anew
/// then. Cells without a value are empty.
final class LogTable {
  private let url: URL
  private var file: FileHandle
  private var rows: [TrainingSummary]
  private var columns: [String]

  /// Writes the rows so far.
  init(_ url: URL, rows: [TrainingSummary]) throws {
    self.url = url
    self.rows = rows
    columns = []
    for row in rows { Self.add(row, to: &columns) }
    file = try Self.write(rows, columns, to: url)
  }

  /// Adds a row.
  func append(_ row: TrainingSummary) throws {
    rows.append(row)
    let before = columns.count
    Self.add(row, to: &columns)
    if columns.count == before {
      try file.write(contentsOf: Data(Self.line(row, columns).utf8))
    } else {
      file = try Self.write(rows, columns, to: url)
    }
  }

  private static func add(_ row: TrainingSummary, to columns: inout [String]) {
    for (name, _) in row.scalars where !columns.contains(name) { columns.append(name) }
  }

  private static func write(
    _ rows: [TrainingSummary], _ columns: [String], to url: URL
  ) throws -> FileHandle {
    let header =
      columns.isEmpty ? "" : (["step"] + columns).map(quoted).joined(separator: ",") + "\n"
    try AtomicFile.write(
      Data((header + rows.map { line($0, columns) }.joined()).utf8), to: url)
    let file = try FileHandle(forWritingTo: url)
    try file.seekToEnd()
    return file
  }

  private static func line(_ row: TrainingSummary, _ columns: [String]) -> String {
    let values = Dictionary(row.scalars, uniquingKeysWith: { first, _ in first })
    let cells = columns.map { name in
      values[name].map { value in Int(exactly: value).map { "\($0)" } ?? "\(value)" } ?? ""
    }
    return (["\(row.step)"] + cells).joined(separator: ",") + "\n"
  }

  private static func quoted(_ name: String) -> String {
    name.contains { $0 == "," || $0 == "\"" || $0.isNewline }
      ? "\"" + name.replacing("\"", with: "\"\"") + "\"" : name
  }
}
