import Foundation

/// What a clip art file says about itself in its RDF block.
struct ClipArtMetadata: Sendable, Equatable {
  var title = ""
  var keywords: [String] = []
  var creators: [String] = []
  var licence = ""

  /// True unless the file names another licence than the public domain.
  var isPublicDomain: Bool {
    licence.isEmpty || licence.lowercased().contains("publicdomain")
  }

  /// Reads the `metadata` element of an SVG file; without one all properties are empty.
  ///
  /// - Throws: `DataError.malformed` if the element is no XML.
  init(svg bytes: [UInt8], file: String) throws(DataError) {
    guard let start = Self.find("<metadata", in: bytes, from: 0),
      let end = Self.find("</metadata>", in: bytes, from: start)
    else { return }
    var scanner = MarkupScanner(Array(bytes[start..<end]), file: file)
    var path: [String] = []
    var text = ""
    while let event = try scanner.next() {
      switch event {
      case .start(let name, let attributes):
        path.append(name)
        text = ""
        if name == "license", let resource = attributes["resource"] { licence = resource }
      case .text(let part): text += part
      case .end(let name):
        let words = text.split { $0.isWhitespace }.joined(separator: " ")
        // Letters of another encoding are lost, and with them the words.
        if !words.isEmpty, !words.unicodeScalars.contains("\u{FFFD}") { take(words, path) }
        if path.last == name { path.removeLast() }
        text = ""
      }
    }
  }

  private mutating func take(_ words: String, _ path: [String]) {
    if path.suffix(2) == ["Work", "title"] {
      title = words
    } else if path.contains("subject"), path.last == "li" {
      keywords.append(words)
    } else if path.contains("creator"), path.last == "title" {
      creators.append(words)
    }
  }

  private static func find(_ mark: String, in bytes: [UInt8], from start: Int) -> Int? {
    let mark = Array(mark.utf8)
    return bytes.withUnsafeBufferPointer { bytes in
      var index = start
      while index + mark.count <= bytes.count {
        if bytes[index] == mark[0] {
          var length = 1
          while length < mark.count && bytes[index + length] == mark[length] { length += 1 }
          if length == mark.count { return index }
        }
        index += 1
      }
      return nil
    }
  }
}
