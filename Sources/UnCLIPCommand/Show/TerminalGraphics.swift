import Foundation
import Imaging

/// How a terminal shows images, and the bytes that make it.
enum TerminalGraphics: Equatable, Sendable {
  /// The protocol of kitty, Ghostty and Konsole.
  case kitty
  /// The protocol of iTerm2, WezTerm and mintty.
  case iTerm2
  /// DEC's, of xterm, foot, Windows Terminal and others.
  case sixel
  /// Characters whose two halves have colours of their own: of 24 bits, or of a palette of 256.
  case blocks(trueColor: Bool)

  /// The size of a terminal.
  struct Window: Equatable, Sendable {
    var columns = 80
    var rows = 24
    /// Pixels from side to side; nil where the terminal does not say.
    var pixelWidth: Int?
  }

  /// Encodes an image, over white where it is transparent, and a line feed after it.
  ///
  /// It keeps its size unless it is wider than the window; as characters it is as large as the
  /// window allows, and no larger than a character's half for a pixel.
  /// - Throws: `ImageError.unencodable`.
  func encoded(_ image: Image, in window: Window) throws(ImageError) -> [UInt8] {
    let image = image.composited(over: (255, 255, 255))
    switch self {
    case .kitty: return Array(try Self.kitty(image, in: window).utf8)
    case .iTerm2: return Array(try Self.iTerm2(image, in: window).utf8)
    case .sixel: return Array(Self.sixel(Self.fitted(image, in: window)).utf8)
    case .blocks(let trueColor):
      return Array(Self.blocks(image, trueColor: trueColor, in: window).utf8)
    }
  }

  /// Whether an image is wider than the window.
  private static func isTooWide(_ image: Image, _ window: Window) -> Bool {
    image.width > window.pixelWidth ?? (window.columns * 8)
  }

  // MARK: Protocols

  /// Source: kitty, "Terminal graphics protocol": PNG data (`f=100`) shown at once (`a=T`), in
  /// pieces of 4096 characters, without answers (`q=2`).
  private static func kitty(_ image: Image, in window: Window) throws(ImageError) -> String {
    let data = Array(Data(try PNGEncoder.encode(image)).base64EncodedString().utf8)
    let columns = isTooWide(image, window) ? ",c=\(window.columns)" : ""
    var text = ""
    for start in stride(from: 0, to: data.count, by: 4096) {
      let end = min(start + 4096, data.count)
      let keys = start == 0 ? "a=T,f=100,q=2\(columns)," : ""
      text +=
        "\u{1B}_G\(keys)m=\(end < data.count ? 1 : 0);"
        + String(decoding: data[start..<end], as: UTF8.self) + "\u{1B}\\"
    }
    return text + "\n"
  }

  /// Source: iTerm2, "Inline Images Protocol".
  private static func iTerm2(_ image: Image, in window: Window) throws(ImageError) -> String {
    let data = Data(try PNGEncoder.encode(image))
    let width = isTooWide(image, window) ? ";width=100%" : ""
    return "\u{1B}]1337;File=inline=1;size=\(data.count);preserveAspectRatio=1\(width):"
      + data.base64EncodedString() + "\u{7}\n"
  }

  /// Source: DEC STD 070, chapter 9: bands of six rows, in each of which every colour paints its own.
  private static func sixel(_ image: Image) -> String {
    let palette = ColorPalette(of: [image])
    let indices = palette.indices(of: image)
    var text = "\u{1B}P0;1;0q\"1;1;\(image.width);\(image.height)"
    for (index, color) in palette.colors.enumerated() {
      let levels = [color.x, color.y, color.z].map { "\((Int($0) * 100 + 127) / 255)" }
      text += "#\(index);2;\(levels.joined(separator: ";"))"
    }
    for top in stride(from: 0, to: image.height, by: 6) {
      var bands: [UInt8: [UInt8]] = [:]
      for y in top..<min(top + 6, image.height) {
        for x in 0..<image.width {
          let color = indices[y * image.width + x]
          bands[color, default: [UInt8](repeating: 0, count: image.width)][x] |= 1 << (y - top)
        }
      }
      for (index, columns) in bands.sorted(by: { $0.key < $1.key }) {
        text += "#\(index)" + runs(of: columns) + "$"
      }
      text += "-"
    }
    return text + "\u{1B}\\\n"
  }

  private static func runs(of columns: [UInt8]) -> String {
    var text = ""
    var start = 0
    while start < columns.count {
      let end = columns[start...].firstIndex { $0 != columns[start] } ?? columns.count
      let character = String(UnicodeScalar(63 + columns[start]))
      text +=
        end - start > 3
        ? "!\(end - start)\(character)" : String(repeating: character, count: end - start)
      start = end
    }
    return text
  }

  /// The image, made smaller where it is wider than the window.
  private static func fitted(_ image: Image, in window: Window) -> Image {
    guard isTooWide(image, window) else { return image }
    let width = window.pixelWidth ?? (window.columns * 8)
    return image.resized(width: width, height: max(1, image.height * width / image.width))
  }

  // MARK: Characters

  private static func blocks(_ image: Image, trueColor: Bool, in window: Window) -> String {
    let most = max(2, 2 * (window.rows - 2))
    let columns = max(1, min(image.width, window.columns, image.width * most / image.height))
    let rows = max(1, min(most / 2, (image.height * columns / image.width + 1) / 2))
    let small = image.resized(width: columns, height: 2 * rows)
    var text = ""
    for row in 0..<rows {
      var before = ("", "")
      for x in 0..<columns {
        let upper = code(38, small[x, 2 * row], trueColor)
        let lower = code(48, small[x, 2 * row + 1], trueColor)
        let changed = [upper == before.0 ? nil : upper, lower == before.1 ? nil : lower]
          .compactMap { $0 }
        if !changed.isEmpty { text += "\u{1B}[\(changed.joined(separator: ";"))m" }
        text += "▀"
        before = (upper, lower)
      }
      text += "\u{1B}[0m\n"
    }
    return text
  }

  /// The numbers that choose a colour: of 24 bits, or of the cube and the greys of 256 colours.
  private static func code(_ kind: Int, _ pixel: ArraySlice<UInt8>, _ trueColor: Bool) -> String {
    let levels = pixel.map(Int.init)
    guard !trueColor else {
      return "\(kind);2;" + levels.map { "\($0)" }.joined(separator: ";")
    }
    let steps = [0, 95, 135, 175, 215, 255]
    let cube = levels.map { level in
      steps.indices.min { abs(steps[$0] - level) < abs(steps[$1] - level) } ?? 0
    }
    let grey = max(0, min(23, (levels.reduce(0, +) / 3 - 3) / 10))
    func distance(_ color: [Int]) -> Int {
      zip(color, levels).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let isGrey =
      distance([Int](repeating: 8 + 10 * grey, count: 3)) < distance(cube.map { steps[$0] })
    return "\(kind);5;\(isGrey ? 232 + grey : 16 + 36 * cube[0] + 6 * cube[1] + cube[2])"
  }
}
