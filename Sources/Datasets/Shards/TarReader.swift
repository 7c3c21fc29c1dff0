public import Foundation

/// A regular file inside a tar archive.
public struct TarEntry: Sendable, Equatable {
  /// Path inside the archive: relative, without `..`.
  public let name: String
  /// The range of its bytes in the archive.
  public let range: Range<Int>
}

/// Lists the regular files of a ustar, pax or GNU tar archive held in memory or mapped.
///
/// Nothing is unpacked to disk; a name that could leave its folder is refused all the same. Folders,
/// links and devices are passed over.
public enum TarReader {
  /// Returns the entries in order; the mark at the archive's end may be missing.
  ///
  /// - Throws: `DataError.malformed` with file and entry for a truncated archive, a wrong checksum,
  ///   and an absolute name or one with `..`.
  public static func entries(of data: Data, file: String) throws(DataError) -> [TarEntry] {
    var entries: [TarEntry] = []
    var position = data.startIndex
    var last: String?
    var longName: String?
    var longSize: Int?
    while true {
      if position == data.endIndex, last != nil { return entries }
      guard position + TarHeader.blockSize <= data.endIndex else {
        throw .malformed(
          file: file, entry: last.map { "after entry \($0)" },
          problem: data.isEmpty
            ? "the archive is empty; make or copy it again"
            : "the archive is cut short; make or copy it again")
      }
      let header = [UInt8](data[position..<position + TarHeader.blockSize])
      if header.allSatisfy({ $0 == 0 }) { return entries }
      let shown = text(header, 0, 100)
      try checkSum(header, file: file, entry: shown)
      position += TarHeader.blockSize
      let type = Unicode.Scalar(header[156])
      let stated = try number(header, 124, 12, file: file, entry: shown)
      // The size in an extended header is that of the next file, not of other headers in between;
      // links, devices and folders have no contents, whatever size they state.
      let size =
        switch type {
        case "x", "g", "L", "K": stated
        case "1", "2", "3", "4", "5", "6": 0
        default: longSize ?? stated
        }
      guard size <= data.endIndex - position else {
        throw .malformed(
          file: file, entry: "entry \(longName ?? shown)",
          problem: "it needs \(size) bytes but \(data.endIndex - position) are left;"
            + " the archive is cut short, so make or copy it again")
      }
      let body = position..<position + size
      position = min(data.endIndex, body.upperBound + TarHeader.padding(size))
      switch type {
      case "0", "\0", "7":
        let prefix = text(header, 257, 5) == "ustar" ? text(header, 345, 155) : ""
        let name = longName ?? (prefix.isEmpty ? shown : "\(prefix)/\(shown)")
        try checkName(name, file: file)
        entries.append(TarEntry(name: plain(name), range: body))
        last = name
        (longName, longSize) = (nil, nil)
      case "x":
        let records = try paxRecords(data[body], file: file, entry: shown)
        longName = records["path"] ?? longName
        longSize = records["size"].flatMap(Int.init).flatMap { $0 < 0 ? nil : $0 }
      case "L":
        longName = String(decoding: data[body].prefix { $0 != 0 }, as: UTF8.self)
      case "g", "K": break
      default: (last, longName, longSize) = (shown, nil, nil)
      }
    }
  }

  private static func checkSum(
    _ header: [UInt8], file: String, entry: String
  ) throws(DataError) {
    let stated = try number(header, 148, 8, file: file, entry: entry)
    let counted = header.indices.reduce(0) {
      $0 + ((148..<156).contains($1) ? 32 : Int(header[$1]))
    }
    guard stated == counted else {
      throw .malformed(
        file: file, entry: "entry \(printable(entry))",
        problem: "the header's checksum is \(stated) but its bytes add up to \(counted);"
          + " this is no tar archive or it is damaged")
    }
  }

  private static func checkName(_ name: String, file: String) throws(DataError) {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !name.hasPrefix("/"), !parts.contains(".."), !name.isEmpty else {
      throw .malformed(
        file: file, entry: "entry \(printable(name))",
        problem: "the name is empty, absolute or holds `..`, which no shard may have")
    }
  }

  private static func plain(_ name: String) -> String {
    name.hasPrefix("./") ? String(name.dropFirst(2)) : name
  }

  private static func printable(_ name: String) -> String {
    String(String.UnicodeScalarView(name.unicodeScalars.filter { $0.value >= 32 }.prefix(80)))
  }

  private static func text(_ header: [UInt8], _ offset: Int, _ count: Int) -> String {
    String(decoding: header[offset..<offset + count].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Reads octal digits between optional spaces, ended by a space or a zero byte.
  private static func number(
    _ header: [UInt8], _ offset: Int, _ count: Int, file: String, entry: String
  ) throws(DataError) -> Int {
    let field = text(header, offset, count).split(separator: " ").first ?? "0"
    guard let value = Int(field, radix: 8), value >= 0 else {
      throw .malformed(
        file: file, entry: "entry \(printable(entry))",
        problem: "a number in the header is `\(printable(String(field)))`, not octal digits;"
          + " this is no tar archive or it is damaged")
    }
    return value
  }

  /// Reads the records `LENGTH KEY=VALUE\n` of a pax header.
  private static func paxRecords(
    _ body: Data, file: String, entry: String
  ) throws(DataError) -> [String: String] {
    var records: [String: String] = [:]
    var rest = body[...]
    while let space = rest.firstIndex(of: UInt8(ascii: " ")) {
      guard let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
        length > space - rest.startIndex + 1, length <= rest.count
      else {
        throw .malformed(
          file: file, entry: "entry \(printable(entry))",
          problem: "a record of the extended header has a wrong length")
      }
      let record = rest[(space + 1)..<(rest.startIndex + length - 1)]
      if let equals = record.firstIndex(of: UInt8(ascii: "=")) {
        records[String(decoding: record[..<equals], as: UTF8.self)] =
          String(decoding: record[(equals + 1)...], as: UTF8.self)
      }
      rest = rest[(rest.startIndex + length)...]
    }
    return records
  }
}
