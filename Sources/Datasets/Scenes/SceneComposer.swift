/// Composed images with exact captions: counts, relations, coloured shapes and backgrounds.
///
/// The collections show one thing on white, so "two", "left of" and "on a blue background" can only
/// be learned from scenes like these.
public struct SceneComposer: Sendable {
  /// An image with its caption.
  public struct Scene: Sendable, Equatable {
    /// RGB, `side * side * 3` bytes.
    public let pixels: [UInt8]
    /// What the image shows.
    public let caption: String
  }

  /// A thing that can be placed.
  public struct Element: Sendable {
    /// Name without article.
    public let name: String
    let sprite: Sprite

    /// Names a sprite, which is trimmed to its visible box.
    public init(name: String, sprite: Sprite) {
      self.name = name
      self.sprite = sprite.trimmedToSquare()
    }
  }

  /// Side of a scene, in pixels.
  public let side: Int
  private let elements: [Element]
  private let shapes: [ShapeSprite: [Sprite]]

  /// Makes a composer of `elements` and plain shapes.
  public init(side: Int, elements: [Element]) {
    precondition(side > 0, "a scene of side \(side) has no pixels")
    self.side = side
    self.elements = elements
    var shapes: [ShapeSprite: [Sprite]] = [:]
    for shape in ShapeSprite.allCases {
      shapes[shape] = NamedColor.palette.map {
        shape.sprite(side: side, red: $0.red, green: $0.green, blue: $0.blue)
      }
    }
    self.shapes = shapes
  }

  /// Returns whether an image of this name can stand in a scene: a thing with a short name.
  public static func mayPlace(_ info: SampleInfo) -> Bool {
    let words = NounPhrase.plain(info.caption).split(separator: " ")
    guard words.count <= 2, info.caption.allSatisfy({ $0.isLetter || $0 == " " || $0 == "-" })
    else { return false }
    if info.topGroup == "People & Body" { return info.subgroup == "person" }
    return info.core && !unsuitableGroups.contains(info.topGroup ?? "")
      && !["family", "place-map", "place-geographic", "emotion"].contains(info.subgroup ?? "")
  }

  private static let unsuitableGroups: Set<String> = [
    "Flags", "Symbols", "signs_and_symbols", "decorations", "shapes", "geography",
  ]

  /// Composes one or several shapes in a named colour: `a red circle`, `three blue stars`.
  public func shape(using random: inout SampleRandom) -> Scene {
    let background = background(using: &random, plainFraction: 0.7)
    let element = shapeElement(avoiding: background.colors, using: &random)
    let count = random.chance(0.75) ? 1 : 2 + random.integer(below: 3)
    return repeated(element, count: count, on: background, using: &random)
  }

  /// Which scenes follow from which random numbers: cached embeddings of other ones are of no use.
  package static let version = 3

  /// The size of a thing that is alone, as a fraction of the side.
  private static let single = 0.86

  /// Whether scenes never show a shape in a colour, as `a red triangle`: each shape is left out in one
  /// colour, on which a model is measured that must put the two together.
  public static func isHeldOut(_ shape: ShapeSprite, in color: NamedColor) -> Bool {
    guard let row = ShapeSprite.allCases.firstIndex(of: shape),
      let column = NamedColor.palette.firstIndex(of: color), color != .white
    else { return false }
    return (4 * row + column) % 11 == 8
  }

  /// Draws a shape alone in the middle of a white image, with its caption.
  public func image(of shape: ShapeSprite, in color: NamedColor) -> Scene {
    var canvas = Background(colors: [.white], split: .none, phrase: "").canvas(side)
    let element = element(shape, in: color)
    place(element, 0.5, 0.5, Self.single, &canvas)
    return Scene(pixels: canvas.pixels, caption: NounPhrase.withArticle(element.name))
  }

  /// Composes one to three things with their count or relation.
  public func scene(using random: inout SampleRandom) -> Scene {
    let background = background(using: &random, plainFraction: 0.5)
    let first = element(avoiding: background.colors, using: &random)
    switch random.index(weights: [0.2, 0.3, 0.38, 0.12]) {
    case 0: return repeated(first, count: 1, on: background, using: &random)
    case 1:
      return repeated(first, count: 2 + random.integer(below: 3), on: background, using: &random)
    case 2:
      let second = another(than: [first], avoiding: background.colors, using: &random)
      return related(first, second, on: background, using: &random)
    default:
      let second = another(than: [first], avoiding: background.colors, using: &random)
      let third = another(than: [first, second], avoiding: background.colors, using: &random)
      return row([first, second, third], on: background, using: &random)
    }
  }

  // MARK: Things

  private func shapeElement(avoiding: [NamedColor], using random: inout SampleRandom) -> Element {
    let shape = random.pick(ShapeSprite.allCases)
    var index = random.integer(below: NamedColor.palette.count)
    while avoiding.contains(NamedColor.palette[index])
      || Self.isHeldOut(shape, in: NamedColor.palette[index])
    {
      index = (index + 1) % NamedColor.palette.count
    }
    return element(shape, in: NamedColor.palette[index])
  }

  private func element(_ shape: ShapeSprite, in color: NamedColor) -> Element {
    guard let index = NamedColor.palette.firstIndex(of: color), let sprite = shapes[shape]?[index]
    else { preconditionFailure("the shape \(shape) has no sprite in \(color.name)") }
    return Element(name: "\(color.name) \(shape.rawValue)", sprite: sprite)
  }

  private func element(avoiding: [NamedColor], using random: inout SampleRandom) -> Element {
    if elements.isEmpty || random.chance(0.2) {
      return shapeElement(avoiding: avoiding, using: &random)
    }
    return random.pick(elements)
  }

  private func another(
    than others: [Element], avoiding: [NamedColor], using random: inout SampleRandom
  ) -> Element {
    var choice = element(avoiding: avoiding, using: &random)
    for _ in 0..<8 where others.contains(where: { $0.name == choice.name }) {
      choice = element(avoiding: avoiding, using: &random)
    }
    return choice
  }

  // MARK: Layouts

  private func repeated(
    _ element: Element, count: Int, on background: Background, using random: inout SampleRandom
  ) -> Scene {
    var canvas = background.canvas(side)
    let places: [(x: Double, y: Double)]
    let size: Double
    switch count {
    case 1:
      // As large as an emoji of the same name, and hardly another size: the caption does not say one,
      // so of many sizes a model would draw the blurred mean.
      (places, size) = ([(0.5, 0.5)], Self.single + random.uniform(in: -0.02...0.02))
    case 2: (places, size) = ([(0.27, 0.5), (0.73, 0.5)], random.uniform(in: 0.36...0.45))
    case 3:
      (places, size) =
        random.chance(0.5)
        ? ([(0.5, 0.27), (0.27, 0.73), (0.73, 0.73)], random.uniform(in: 0.36...0.44))
        : ([(0.18, 0.5), (0.5, 0.5), (0.82, 0.5)], random.uniform(in: 0.27...0.31))
    default:
      (places, size) = (
        [(0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)], random.uniform(in: 0.34...0.43)
      )
    }
    let jitter = count == 1 ? 0.01 : 0.04
    let dx = random.uniform(in: -0.5...0.5) * jitter
    let dy = random.uniform(in: -1...1) * jitter
    for spot in places { place(element, spot.x + dx, spot.y + dy, size, &canvas) }
    let numbers = ["", "", "two", "three", "four"]
    let thing =
      count == 1
      ? NounPhrase.withArticle(element.name)
      : "\(numbers[count]) \(NounPhrase.plural(element.name))"
    return Scene(pixels: canvas.pixels, caption: thing + background.phrase)
  }

  private func related(
    _ first: Element, _ second: Element, on background: Background,
    using random: inout SampleRandom
  ) -> Scene {
    var canvas = background.canvas(side)
    let size = random.uniform(in: 0.36...0.46)
    let vertical = random.chance(0.4)
    let swapped = random.chance(0.5)
    let jitter = random.uniform(in: -0.06...0.06)
    let (low, high) = (0.26, 0.74)
    let (a, b) = swapped ? (high, low) : (low, high)
    if vertical {
      place(first, 0.5 + jitter, a, size, &canvas)
      place(second, 0.5 - jitter, b, size, &canvas)
    } else {
      place(first, a, 0.5 + jitter, size, &canvas)
      place(second, b, 0.5 - jitter, size, &canvas)
    }
    let relation: String
    switch (vertical, swapped) {
    case (true, false): relation = random.pick(["above", "above", "over", "and"])
    case (true, true): relation = random.pick(["below", "below", "under", "and"])
    case (false, false):
      relation = random.pick(["left of", "to the left of", "next to", "and"])
    case (false, true):
      relation = random.pick(["right of", "to the right of", "next to", "and"])
    }
    let words =
      "\(NounPhrase.withArticle(first.name)) \(relation)"
      + " \(NounPhrase.withArticle(second.name))"
    return Scene(pixels: canvas.pixels, caption: words + background.phrase)
  }

  private func row(
    _ things: [Element], on background: Background, using random: inout SampleRandom
  ) -> Scene {
    var canvas = background.canvas(side)
    let size = random.uniform(in: 0.27...0.31)
    let dy = random.uniform(in: -0.1...0.1)
    for (index, thing) in things.enumerated() {
      place(thing, 0.18 + 0.32 * Double(index), 0.5 + dy, size, &canvas)
    }
    let names = things.map { NounPhrase.withArticle($0.name) }
    let caption = names.dropLast().joined(separator: ", ") + " and \(names[names.count - 1])"
    return Scene(pixels: canvas.pixels, caption: caption + background.phrase)
  }

  /// Draws an element centred at a point given as fractions of the side.
  private func place(
    _ element: Element, _ x: Double, _ y: Double, _ size: Double, _ canvas: inout Canvas
  ) {
    let full = Double(side)
    canvas.draw(
      element.sprite, x: (x - size / 2) * full, y: (y - size / 2) * full, size: size * full)
  }

  // MARK: Backgrounds

  func background(using random: inout SampleRandom, plainFraction: Double) -> Background {
    if random.chance(plainFraction) {
      return Background(colors: [.white], split: .none, phrase: "")
    }
    let first = random.pick(NamedColor.palette)
    guard random.chance(0.2) else {
      return Background(
        colors: [first], split: .none,
        phrase: " on \(NounPhrase.withArticle(first.name)) background")
    }
    var second = random.pick(NamedColor.palette)
    while second == first { second = random.pick(NamedColor.palette) }
    return Background(
      colors: [first, second], split: random.chance(0.5) ? .columns : .rows,
      phrase: " on \(NounPhrase.withArticle(first.name)) and \(second.name) background")
  }
}

/// One colour, or two halves: left and right, or top and bottom.
struct Background: Sendable, Equatable {
  enum Split: Sendable { case none, columns, rows }
  let colors: [NamedColor]
  let split: Split
  let phrase: String

  func canvas(_ side: Int) -> Canvas {
    let first = colors[0]
    var canvas = Canvas(side: side, color: (first.red, first.green, first.blue))
    if let second = colors.dropFirst().first {
      let half = side / 2..<side
      canvas.fill(
        x: split == .columns ? half : 0..<side, y: split == .rows ? half : 0..<side,
        (second.red, second.green, second.blue))
    }
    return canvas
  }
}
