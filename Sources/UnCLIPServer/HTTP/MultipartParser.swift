import Foundation
import Imaging

/// Why a body is no form that is read.
enum MultipartError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The content type is no `multipart/form-data`.
  case type
  /// The content type names no boundary, or one that no form has.
  case boundary
  /// The body breaks the format.
  case malformed(String)
  /// It ends before the last boundary.
  case torn
  /// A part is larger than may be.
  case partSize(name: String, limit: Int)
  /// The body is larger than may be.
  case size(limit: Int)
  /// There are more parts than may be.
  case partCount(limit: Int)

  /// What is wrong.
  var description: String {
    switch self {
    case .type: "The body must be multipart/form-data."
    case .boundary:
      "The content type of a form names its boundary, 1 to \(MultipartParser.boundarySizeLimit) "
        + "characters: multipart/form-data; boundary=…"
    case .malformed(let reason): "The form cannot be read: \(reason)."
    case .torn: "The form ends before its last boundary; send all of it."
    case .partSize(let name, let limit):
      "The part '\(name.prefix(60))' is larger than \(limit) bytes."
    case .size(let limit): "The body is larger than \(limit) bytes."
    case .partCount(let limit): "The form has more than \(limit) parts."
    }
  }
}

/// A field or a file of a form.
struct FormPart: Sendable, Equatable {
  /// The name of the field.
  var name: String
  /// The content.
  var data: Data
}

/// Takes the bytes of a `multipart/form-data` body as they come, and gives its parts.
///
/// Every limit is checked before bytes are kept. File names and types are not: whoever uses a part
/// looks at its content.
///
/// Source: RFC 7578 and RFC 2046, section 5.1.
struct MultipartParser {
  /// How much of a form is read.
  struct Limits: Sendable {
    /// Bytes of the body, with all that is around the parts.
    var size = BodyMiddleware.limit
    /// Bytes of a part.
    var partSize = UploadedImage.limits.bytes
    /// Parts.
    var partCount = 32
  }

  /// The most characters of a boundary.
  static let boundarySizeLimit = 70
  /// The most bytes of a part's headers.
  static let headerSizeLimit = 8192

  private enum State {
    /// Before the first boundary, in a part, or behind the last.
    case preamble, content, epilogue
    /// Behind a boundary.
    case boundaryEnd
    case headers
  }

  private let limits: Limits
  /// What ends a part.
  private let delimiter: [UInt8]
  private var state = State.preamble
  /// What is not understood yet. The line break stands for that before a body's first line.
  private var pending = Array("\r\n".utf8)
  private var size = 0
  private var parts: [FormPart] = []

  /// Begins with a content type.
  /// - Throws: `MultipartError.type` and `.boundary`.
  init(contentType: String, limits: Limits = Limits()) throws(MultipartError) {
    let value = HeaderValue(contentType)
    guard value.name.lowercased() == "multipart/form-data" else { throw .type }
    guard let boundary = value.parameters["boundary"], !boundary.hasSuffix(" "),
      (1...Self.boundarySizeLimit).contains(boundary.utf8.count),
      boundary.utf8.allSatisfy(Self.isBoundary)
    else { throw .boundary }
    self.limits = limits
    delimiter = Array("\r\n--\(boundary)".utf8)
  }

  private static func isBoundary(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    default: "'()+_,-./:=? ".utf8.contains(byte)
    }
  }

  // MARK: Bytes

  /// Takes the next bytes.
  /// - Throws: `MultipartError`, after which nothing of the body can be read.
  mutating func append(_ bytes: some Collection<UInt8>) throws(MultipartError) {
    size += bytes.count
    guard size <= limits.size else { throw .size(limit: limits.size) }
    guard state != .epilogue else { return }
    pending.append(contentsOf: bytes)
    var start = 0
    while let end = try step(from: start) { start = end }
    pending.removeFirst(min(start, pending.count))
  }

  /// Says that the body has ended.
  ///
  /// - Returns: The parts, in order.
  /// - Throws: `MultipartError.torn`.
  func end() throws(MultipartError) -> [FormPart] {
    guard state == .epilogue else { throw .torn }
    return parts
  }

  /// Understands what begins at an index.
  ///
  /// - Returns: Where the rest begins; nil when more bytes are needed to go on.
  private mutating func step(from start: Int) throws(MultipartError) -> Int? {
    switch state {
    case .epilogue: return nil
    case .preamble, .content: return try content(from: start)
    case .boundaryEnd: return try boundaryEnd(from: start)
    case .headers: return try headers(from: start)
    }
  }

  private mutating func content(from start: Int) throws(MultipartError) -> Int? {
    let found = Self.first(delimiter, in: pending, from: start)
    // What may be the beginning of a boundary waits.
    let end = found ?? max(start, pending.count - delimiter.count + 1)
    if state == .content { try keep(start..<end) }
    if found != nil {
      state = .boundaryEnd
      return end + delimiter.count
    }
    return end > start ? end : nil
  }

  private mutating func keep(_ range: Range<Int>) throws(MultipartError) {
    let index = parts.count - 1
    guard parts[index].data.count + range.count <= limits.partSize else {
      throw .partSize(name: parts[index].name, limit: limits.partSize)
    }
    parts[index].data.append(contentsOf: pending[range])
  }

  private mutating func boundaryEnd(from start: Int) throws(MultipartError) -> Int? {
    let rest = pending[start...]
    guard rest.count >= 2 else { return nil }
    if rest.starts(with: "--".utf8) {
      state = .epilogue
      return pending.count
    }
    let padding = rest.prefix { $0 == 0x20 || $0 == 0x09 }
    guard padding.count <= 64 else { throw .malformed("a boundary has too many spaces") }
    let end = rest[padding.endIndex...].prefix(2)
    guard "\r\n".utf8.starts(with: end) else {
      throw .malformed("something stands behind a boundary")
    }
    guard end.count == 2 else { return nil }
    guard parts.count < limits.partCount else { throw .partCount(limit: limits.partCount) }
    state = .headers
    // The line break stays: it is the first half of the empty line when there are no headers.
    return padding.endIndex
  }

  private mutating func headers(from start: Int) throws(MultipartError) -> Int? {
    let found = Self.first(Array("\r\n\r\n".utf8), in: pending, from: start)
    guard (found ?? pending.count) - start <= Self.headerSizeLimit else {
      throw .malformed("the headers of a part are longer than \(Self.headerSizeLimit) bytes")
    }
    guard let found else { return nil }
    parts.append(FormPart(name: try Self.name(pending[start..<found]), data: Data()))
    state = .content
    return found + 4
  }

  /// The name in the headers of a part.
  private static func name(_ headers: ArraySlice<UInt8>) throws(MultipartError) -> String {
    guard let text = String(validating: headers, as: UTF8.self) else {
      throw .malformed("the headers of a part are not UTF-8")
    }
    for line in text.split(separator: "\r\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == "content-disposition" else { continue }
      let value = HeaderValue(String(parts[1]))
      guard value.name.lowercased() == "form-data", let name = value.parameters["name"],
        !name.isEmpty
      else { break }
      // What browsers write for a character that would end the name.
      return name.replacing("%22", with: "\"").replacing("%0D", with: "\r")
        .replacing("%0A", with: "\n")
    }
    throw .malformed("a part has no name")
  }

  /// Where bytes stand first.
  private static func first(_ sought: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    bytes.withUnsafeBytes { all in
      sought.withUnsafeBytes { sought in
        guard let base = all.baseAddress, let text = sought.baseAddress else { return nil }
        var position = start
        while position + sought.count <= all.count {
          let room = all.count - sought.count + 1 - position
          guard let next = memchr(base + position, Int32(sought[0]), room) else { return nil }
          position = UnsafeRawPointer(next) - base
          if memcmp(next, text, sought.count) == 0 { return position }
          position += 1
        }
        return nil
      }
    }
  }
}
