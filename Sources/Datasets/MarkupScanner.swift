/// Scans the elements, attributes and text of an XML document; no DTD is resolved.
///
/// Comments, processing instructions, `DOCTYPE` with an internal subset and CDATA are understood,
/// enough for CLDR annotations and SVG metadata; unknown entities stay as they are.
struct MarkupScanner {
  enum Event: Equatable {
    case start(name: String, attributes: [String: String])
    case end(name: String)
    case text(String)
  }

  private let bytes: [UInt8]
  private let file: String
  private var position = 0
  private var pendingEnd: String?

  init(_ bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// Returns the next event, or nil at the end; names have no namespace prefix.
  mutating func next() throws(DataError) -> Event? {
    if let name = pendingEnd {
      pendingEnd = nil
      return .end(name: name)
    }
    while position < bytes.count {
      guard bytes[position] == UInt8(ascii: "<") else {
        let end = find("<", from: position) ?? bytes.count
        defer { position = end }
        return .text(Self.decoded(bytes[position..<end]))
      }
      if starts(with: "<!--") {
        try skip(past: "-->")
      } else if starts(with: "<![CDATA[") {
        let start = position + 9
        try skip(past: "]]>")
        return .text(String(decoding: bytes[start..<position - 3], as: UTF8.self))
      } else if starts(with: "<?") {
        try skip(past: "?>")
      } else if starts(with: "<!") {
        try skipDeclaration()
      } else if starts(with: "</") {
        let start = position + 2
        try skip(past: ">")
        return .end(name: Self.localName(Self.trimmed(bytes[start..<position - 1])))
      } else {
        return try startTag()
      }
    }
    return nil
  }

  private mutating func startTag() throws(DataError) -> Event {
    var index = position + 1
    let nameStart = index
    while index < bytes.count, !Self.isSpace(bytes[index]), !Self.endsName(bytes[index]) {
      index += 1
    }
    let name = Self.localName(String(decoding: bytes[nameStart..<index], as: UTF8.self))
    var attributes: [String: String] = [:]
    while index < bytes.count {
      if Self.isSpace(bytes[index]) {
        index += 1
        continue
      }
      if bytes[index] == UInt8(ascii: ">") {
        position = index + 1
        return .start(name: name, attributes: attributes)
      }
      if bytes[index] == UInt8(ascii: "/") {
        index += 1
        if index < bytes.count, bytes[index] == UInt8(ascii: ">") {
          position = index + 1
          pendingEnd = name
          return .start(name: name, attributes: attributes)
        }
        continue
      }
      guard let equals = find("=", from: index) else { break }
      let key = Self.trimmed(bytes[index..<equals])
      var open = equals + 1
      while open < bytes.count, Self.isSpace(bytes[open]) { open += 1 }
      guard open < bytes.count,
        bytes[open] == UInt8(ascii: "\"") || bytes[open] == UInt8(ascii: "'"),
        let close = bytes[(open + 1)...].firstIndex(of: bytes[open])
      else { break }
      attributes[Self.localName(key)] = Self.decoded(bytes[(open + 1)..<close])
      index = close + 1
    }
    throw .malformed(
      file: file, entry: "element \(name)", problem: "the tag is not closed")
  }

  private mutating func skip(past mark: String) throws(DataError) {
    guard let at = find(mark, from: position) else {
      throw .malformed(file: file, entry: nil, problem: "the XML ends before `\(mark)`")
    }
    position = at + mark.utf8.count
  }

  private mutating func skipDeclaration() throws(DataError) {
    var depth = 0
    while position < bytes.count {
      defer { position += 1 }
      switch bytes[position] {
      case UInt8(ascii: "<"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ">"), UInt8(ascii: "]"):
        depth -= 1
        if depth == 0 { return }
      default: break
      }
    }
    throw .malformed(file: file, entry: nil, problem: "the XML ends inside a declaration")
  }

  private func starts(with mark: String) -> Bool {
    bytes[position...].starts(with: mark.utf8)
  }

  private func find(_ mark: String, from start: Int) -> Int? {
    let mark = Array(mark.utf8)
    guard let first = mark.first else { return nil }
    var index = start
    while index + mark.count <= bytes.count {
      if bytes[index] == first, bytes[index..<index + mark.count].elementsEqual(mark) {
        return index
      }
      index += 1
    }
    return nil
  }

  private static func localName(_ name: String) -> String {
    guard let colon = name.lastIndex(of: ":") else { return name }
    return String(name[name.index(after: colon)...])
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 32 || (9...13).contains(byte)
  }

  private static func endsName(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/")
  }

  private static func trimmed(_ slice: ArraySlice<UInt8>) -> String {
    let start = slice.firstIndex { !isSpace($0) } ?? slice.endIndex
    let end = slice.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
    return String(decoding: slice[start..<end], as: UTF8.self)
  }

  /// Returns text with the five named and all numeric entities replaced.
  static func decoded(_ slice: ArraySlice<UInt8>) -> String {
    let text = String(decoding: slice, as: UTF8.self)
    guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
    var result = ""
    var rest = Substring(text)
    while let ampersand = rest.firstIndex(of: "&") {
      result += rest[..<ampersand]
      rest = rest[ampersand...]
      guard let end = rest.prefix(12).firstIndex(of: ";"),
        let character = entity(rest[rest.index(after: ampersand)..<end])
      else {
        result.append("&")
        rest = rest.dropFirst()
        continue
      }
      result.unicodeScalars.append(character)
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  private static func entity(_ name: Substring) -> Unicode.Scalar? {
    switch name {
    case "amp": return "&"
    case "lt": return "<"
    case "gt": return ">"
    case "quot": return "\""
    case "apos": return "'"
    default:
      guard name.hasPrefix("#") else { return nil }
      let digits = name.dropFirst()
      let value =
        digits.hasPrefix("x") || digits.hasPrefix("X")
        ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
      return value.flatMap(Unicode.Scalar.init)
    }
  }
}
