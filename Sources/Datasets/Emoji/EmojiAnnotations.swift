public import Foundation

/// Names and keywords of emoji from CLDR annotation files.
public struct EmojiAnnotations: Sendable {
  private var names: [String: String] = [:]
  private var keywords: [String: [String]] = [:]

  /// Reads one file or several, as `annotations/en.xml` and `annotationsDerived/en.xml`.
  ///
  /// - Throws: `DataError.unreadable`, or `.malformed` if a file is not XML.
  public init(contentsOf urls: [URL]) throws(DataError) {
    for url in urls { try add(Array(FileBytes.text(url).utf8), file: url.lastPathComponent) }
  }

  init(bytes: [UInt8], file: String) throws(DataError) {
    try add(bytes, file: file)
  }

  /// Returns the spoken name of a sequence; U+FE0F is ignored.
  public func name(for sequence: [Unicode.Scalar]) -> String? { names[Self.key(sequence)] }

  /// Returns the keywords of a sequence; U+FE0F is ignored.
  public func keywords(for sequence: [Unicode.Scalar]) -> [String] {
    keywords[Self.key(sequence)] ?? []
  }

  /// Returns the code points in hexadecimal: different sequences may be equal as strings.
  private static func key(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    scalars.filter { $0.value != 0xFE0F }.map { String($0.value, radix: 16) }
      .joined(separator: "-")
  }

  private mutating func add(_ bytes: [UInt8], file: String) throws(DataError) {
    var scanner = MarkupScanner(bytes, file: file)
    var open: (key: String, isName: Bool)?
    var text = ""
    while let event = try scanner.next() {
      switch event {
      case .start("annotation", let attributes):
        guard let sequence = attributes["cp"] else {
          throw .malformed(
            file: file, entry: "element annotation", problem: "the attribute cp is missing")
        }
        open = (Self.key(sequence.unicodeScalars), attributes["type"] == "tts")
        text = ""
      case .text(let part): text += part
      case .end("annotation"):
        if let open {
          if open.isName {
            names[open.key] = text
          } else {
            keywords[open.key] = text.split(separator: "|").map {
              String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
          }
        }
        open = nil
      default: break
      }
    }
  }
}
