/// A named colour with its RGB value.
public struct NamedColor: Sendable, Equatable {
  /// The name, as `blue`.
  public let name: String
  /// Red, green and blue, 0 ... 255.
  public let red, green, blue: UInt8

  init(_ name: String, _ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    (self.name, self.red, self.green, self.blue) = (name, red, green, blue)
  }

  /// White, the usual background.
  public static let white = NamedColor("white", 255, 255, 255)

  /// Colours for shapes and backgrounds, white last.
  public static let palette: [NamedColor] = [
    NamedColor("red", 220, 38, 38), NamedColor("orange", 247, 138, 20),
    NamedColor("yellow", 250, 214, 40), NamedColor("green", 46, 160, 67),
    NamedColor("blue", 45, 100, 225), NamedColor("purple", 132, 60, 190),
    NamedColor("pink", 245, 130, 180), NamedColor("brown", 128, 80, 45),
    NamedColor("black", 20, 20, 20), NamedColor("grey", 140, 140, 140),
    NamedColor("turquoise", 50, 200, 200), white,
  ]

  /// Names a colour by hue, saturation and lightness; nil for one between two names.
  ///
  /// Range: components 0 ... 255.
  public static func name(red: Double, green: Double, blue: Double) -> String? {
    let top = max(red, green, blue)
    let bottom = min(red, green, blue)
    let chroma = top - bottom
    let lightness = (top + bottom) / 2
    if lightness < 38 && chroma < 45 { return "black" }
    if lightness > 235 && chroma < 25 { return "white" }
    if chroma < 26 { return (70...200).contains(lightness) ? "grey" : nil }
    if chroma < 45 { return nil }
    var hue: Double
    if top == red {
      hue = (green - blue) / chroma
    } else if top == green {
      hue = 2 + (blue - red) / chroma
    } else {
      hue = 4 + (red - green) / chroma
    }
    hue = (hue * 60).truncatingRemainder(dividingBy: 360)
    if hue < 0 { hue += 360 }
    switch hue {
    case 0..<12, 348...360: return lightness > 178 ? "pink" : "red"
    case 12..<42:
      if top < 185 { return "brown" }
      return hue >= 18 && lightness < 170 && chroma > 120 ? "orange" : nil
    case 42..<66: return top > 170 ? "yellow" : nil
    case 75..<160: return "green"
    case 170..<195: return "turquoise"
    case 195..<250: return "blue"
    case 258..<300: return "purple"
    case 305..<348: return lightness > 140 ? "pink" : nil
    default: return nil
    }
  }

  /// Colour words that a caption may hold already.
  static let words: Set<String> = Set(palette.map(\.name)).union([
    "gray", "gold", "golden", "silver", "blond", "beige", "violet", "colour", "color", "coloured",
    "colored", "rainbow", "dark", "light", "cyan", "magenta",
  ])
}
