import Foundation

/// Shows many images at once: as one image or one HTML page.
public enum ContactSheet {
  /// Sets images in rows as RGB, each centred in a cell of the largest image's size.
  ///
  /// Range: `spacing` in pixels, between cells and around them; alpha is blended over `background`.
  /// - Precondition: At least one image and one column; `spacing` is not negative.
  public static func grid(
    _ images: [Image], columns: Int, spacing: Int = 2,
    background: (r: UInt8, g: UInt8, b: UInt8) = (255, 255, 255)
  ) -> Image {
    precondition(!images.isEmpty, "a contact sheet needs at least one image")
    precondition(columns > 0, "a contact sheet of \(columns) columns")
    precondition(spacing >= 0, "a contact sheet with spacing \(spacing)")
    let cellWidth = images.reduce(0) { max($0, $1.width) }
    let cellHeight = images.reduce(0) { max($0, $1.height) }
    let columns = min(columns, images.count)
    let rows = (images.count + columns - 1) / columns
    var sheet = Image(
      width: columns * (cellWidth + spacing) + spacing,
      height: rows * (cellHeight + spacing) + spacing,
      color: [background.r, background.g, background.b])
    for (i, image) in images.enumerated() {
      let left = spacing + (i % columns) * (cellWidth + spacing)
      let top = spacing + (i / columns) * (cellHeight + spacing)
      sheet.paste(
        image.composited(over: background), x: left + (cellWidth - image.width) / 2,
        y: top + (cellHeight - image.height) / 2)
    }
    return sheet
  }

  /// Makes one HTML page that holds the images, with captions below them.
  ///
  /// Any text is allowed in `title` and captions: HTML's special characters are escaped.
  /// - Throws: `unencodable` if PNG cannot hold an image.
  public static func html(
    items: [(image: Image, caption: String)], title: String
  ) throws(ImageError) -> String {
    var figures = ""
    for (image, caption) in items {
      let data = Data(try PNGEncoder.encode(image)).base64EncodedString()
      let text = escaped(caption)
      figures += """
        <figure><img src="data:\(ImageFormat.png.mediaType);base64,\(data)" \
        width="\(image.width)" height="\(image.height)" alt="\(text)">\
        <figcaption>\(text)</figcaption></figure>

        """
    }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>\(escaped(title))</title>
      <style>
      body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
      main { display: flex; flex-wrap: wrap; gap: 1em; align-items: flex-start }
      figure { margin: 0; width: min-content; min-width: 8em }
      img { display: block; max-width: 90vw; height: auto; background: #eee }
      figcaption { margin-top: .3em; overflow-wrap: anywhere }
      @media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } }
      </style>
      </head>
      <body>
      <h1>\(escaped(title))</h1>
      <main>
      \(figures)</main>
      </body>
      </html>

      """
  }

  /// Escapes the special characters of HTML.
  package static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\0": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
