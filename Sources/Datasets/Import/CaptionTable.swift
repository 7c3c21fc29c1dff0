import Config
import Foundation

/// The captions of `metadata.jsonl` and `metadata.csv` files, as Hugging Face's imagefolder has them.
struct CaptionTable {
  /// A caption with the name of its table.
  struct Entry {
    let caption: String
    let origin: String
  }

  /// Captions by the image's path.
  private(set) var entries: [String: Entry] = [:]
  /// Rows and tables that cannot be read.
  private(set) var faults: [SampleFault] = []
  /// Images that have more than one row.
  private(set) var repeated: [String] = []

  private static let names: Set<String> = ["metadata.jsonl", "metadata.csv"]
  private static let pathColumns = ["file_name", "filepath", "file", "image"]

  /// Reads the tables among `paths`, which are relative to `directory`.
  init(_ paths: [String], in directory: URL) {
    for path in paths where Self.names.contains(PathName.base(path).lowercased()) {
      let url = directory.appendingPathComponent(path)
      do throws(DataError) {
        let text = try FileBytes.text(url)
        if PathName.pathExtension(path) == "csv" {
          try readCSV(text, path: path, file: url.path)
        } else {
          readJSONLines(text, path: path, file: url.path)
        }
      } catch {
        faults.append(SampleFault("caption table that cannot be read", path, error))
      }
    }
  }

  private mutating func readJSONLines(_ text: String, path: String, file: String) {
    for (number, line) in text.utf8.split(separator: 10, omittingEmptySubsequences: false)
      .enumerated()
    {
      let line = Substring(line)
      guard line.contains(where: { !$0.isWhitespace }) else { continue }
      do {
        let row = try JSONDecoder().decode(Row.self, from: Data(line.utf8))
        add(row.file, row.caption, path, line: number + 1, file: file)
      } catch {
        fault(path, line: number + 1, file, "it is no JSON object of an image")
      }
    }
  }

  private mutating func readCSV(_ text: String, path: String, file: String) throws(DataError) {
    var rows = try CSV.rows(text, file: file)[...]
    guard let header = rows.popFirst()?.fields.map({ $0.lowercased() }) else { return }
    let caption = SampleFields.captionKeys.compactMap(header.firstIndex).first
    guard let image = Self.pathColumns.compactMap(header.firstIndex).first, let caption else {
      throw .malformed(
        file: file, entry: "line 1",
        problem: "the columns are \(header.joined(separator: ", ")); name one file_name, and one"
          + " caption, text or prompt")
    }
    for row in rows where row.fields != [""] {
      func field(_ index: Int) -> String? {
        row.fields.indices.contains(index) ? row.fields[index] : nil
      }
      add(field(image), field(caption), path, line: row.line, file: file)
    }
  }

  private mutating func add(
    _ image: String?, _ caption: String?, _ path: String, line: Int, file: String
  ) {
    guard let image, !image.isEmpty else {
      return fault(path, line: line, file, "it names no image; write its file_name")
    }
    guard let caption = caption.map(SampleFields.normalized), !caption.isEmpty else { return }
    let folder = PathName.folder(path)
    let parts = image.replacingOccurrences(of: "\\", with: "/").split(separator: "/")
      .filter { $0 != "." }
    let key = (folder.isEmpty ? "" : folder + "/") + parts.joined(separator: "/")
    guard entries[key] == nil else { return repeated.append(key) }
    entries[key] = Entry(caption: caption, origin: String(PathName.base(path)).lowercased())
  }

  private mutating func fault(_ path: String, line: Int, _ file: String, _ problem: String) {
    faults.append(
      SampleFault(
        "row of a caption table that cannot be read", "\(path) line \(line)",
        .malformed(file: file, entry: "line \(line)", problem: problem)))
  }

  /// A line of `metadata.jsonl`.
  private struct Row: Decodable {
    let file: String?
    let caption: String?

    init(from decoder: any Decoder) throws {
      let keys = try decoder.container(keyedBy: JSONKey.self)
      file = pathColumns.lazy.compactMap { keys.lenient(String.self, $0) }.first
      caption = SampleFields.caption(in: keys)
    }
  }
}

/// Comma-separated values as RFC 4180 has them: fields in quotes may hold commas, quotes and lines.
enum CSV {
  /// A row with the line it begins in.
  struct Row: Equatable {
    let line: Int
    let fields: [String]
  }

  /// Splits a text into rows. Semicolons or tabs are understood where the first line has no comma.
  ///
  /// - Throws: `DataError.malformed` for a quote that is not closed.
  static func rows(_ text: String, file: String) throws(DataError) -> [Row] {
    let bytes = Array(text.utf8)
    let head = bytes.prefix { $0 != 10 }
    let separator = [UInt8](",;\t".utf8).first(where: head.contains) ?? UInt8(ascii: ",")
    let quote = UInt8(ascii: "\"")
    var rows: [Row] = []
    var fields: [String] = []
    var field: [UInt8] = []
    var (line, start, position) = (1, 1, 0)
    var opened: Int?
    func end() {
      fields.append(String(decoding: field, as: UTF8.self))
      field = []
    }
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == 10 { line += 1 }
      if opened != nil {
        if byte != quote {
          field.append(byte)
        } else if position < bytes.count, bytes[position] == quote {
          field.append(quote)
          position += 1
        } else {
          opened = nil
        }
      } else if byte == quote, field.isEmpty {
        opened = line
      } else if byte == separator {
        end()
      } else if byte == 10 {
        if field.last == 13 { field.removeLast() }
        end()
        rows.append(Row(line: start, fields: fields))
        (fields, start) = ([], line)
      } else {
        field.append(byte)
      }
    }
    if let opened {
      throw .malformed(
        file: file, entry: "line \(opened)",
        problem: "a quote is not closed; write it twice"
          + " where it belongs to the text")
    }
    if !field.isEmpty || !fields.isEmpty {
      end()
      rows.append(Row(line: start, fields: fields))
    }
    return rows
  }
}
