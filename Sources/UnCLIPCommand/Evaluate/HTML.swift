import Foundation
import Imaging

/// A piece of an HTML page; text in it is escaped.
struct HTML: ExpressibleByStringLiteral {
  /// The source.
  let source: String

  private init(source: String) { self.source = source }

  /// Escapes text.
  init(_ text: String) { source = ContactSheet.escaped(text) }

  /// Escapes a text of the program.
  init(stringLiteral text: String) { self.init(text) }

  /// Joins pieces.
  init(_ parts: [HTML]) { source = parts.map(\.source).joined() }

  /// Makes an element: `HTML.tag("a", ["href": "#x"], "more")`.
  static func tag(
    _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: HTML...
  ) -> HTML {
    tag(name, attributes, content)
  }

  /// Makes an element of a list of pieces.
  static func tag(
    _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: [HTML]
  ) -> HTML {
    let head = ([name] + attributes.map { "\($0)=\"\(ContactSheet.escaped($1))\"" })
      .joined(separator: " ")
    if isVoid(name) { return HTML(source: "<\(head)>") }
    return HTML(source: "<\(head)>" + content.map(\.source).joined() + "</\(name)>")
  }

  /// Takes an image into the page.
  ///
  /// - Throws: `ImageError.unencodable` if PNG cannot hold it.
  static func image(
    _ image: Image, alt: String, width: Int? = nil
  ) throws(ImageError) -> HTML {
    let data = Data(try PNGEncoder.encode(image)).base64EncodedString()
    return tag(
      "img",
      [
        "src": "data:\(ImageFormat.png.mediaType);base64,\(data)", "alt": alt,
        "width": "\(width ?? image.width)", "loading": "lazy",
      ])
  }

  /// Makes a whole page.
  ///
  /// - Parameters:
  ///   - title: Its title.
  ///   - style: A style sheet, which is not escaped.
  ///   - body: Its content.
  static func page(title: String, style: StaticString, _ body: [HTML]) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    \(tag("title", [:], HTML(title)).source)
    <style>
    \(style)
    </style>
    </head>
    <body>
    \(body.map(\.source).joined(separator: "\n"))
    </body>
    </html>

    """
  }

  private static func isVoid(_ name: String) -> Bool {
    ["img", "br", "hr", "meta"].contains(name)
  }
}
