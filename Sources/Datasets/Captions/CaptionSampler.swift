/// What the pixels of an image say about its caption.
public struct ImageLook: Sendable, Equatable {
  /// The colour of more than half of the image, if it has a name.
  public var dominantColor: String?
  /// True for black and white drawings.
  public var isMonochrome: Bool

  /// Names the look.
  public init(dominantColor: String? = nil, isMonochrome: Bool = false) {
    self.dominantColor = dominantColor
    self.isMonochrome = isMonochrome
  }

  /// True for clip art without colour; emoji without colour are coloured in grey on purpose.
  func isLineDrawing(_ info: SampleInfo) -> Bool { isMonochrome && info.style == "clip art" }
}

/// Samples one of many captions that fit an image, another each time it is shown.
public struct CaptionSampler: Sendable, Equatable, Codable {
  /// Weight of the name alone: `red apple`.
  public var name: Double
  /// Weight of the name after an article: `a red apple`.
  public var article: Double
  /// Weight of the name with one to three keywords: `red apple, fruit`.
  public var keywords: Double
  /// Weight of the name with its kind: `hen, bird`.
  public var kind: Double
  /// Weight of a phrase that names the look: `an emoji of a red apple`.
  public var style: Double
  /// Weight of a colour before the name, for images of one colour: `a red strawberry`.
  public var color: Double

  /// Weights of the forms; a form that does not fit an image is not sampled.
  public init(
    name: Double = 0.28, article: Double = 0.34, keywords: Double = 0.12, kind: Double = 0.06,
    style: Double = 0.14, color: Double = 0.06
  ) {
    self.name = name
    self.article = article
    self.keywords = keywords
    self.kind = kind
    self.style = style
    self.color = color
  }

  /// Returns the one caption used for evaluation: the name after its article.
  public static func plain(_ info: SampleInfo) -> String {
    NounPhrase.withArticle(NounPhrase.plain(info.caption))
  }

  /// Samples a caption for this image.
  public func caption(
    for info: SampleInfo, look: ImageLook = ImageLook(), using random: inout SampleRandom
  ) -> String {
    let name = NounPhrase.plain(info.caption)
    let kindWord = info.subgroup.flatMap { KindWords.word(for: $0) }
    let hasColorWord = Self.namesColor(info.caption)
    // A colourless drawing would teach that things are grey, so its style is named more often.
    let styleWeight = look.isLineDrawing(info) ? 4 * style : style
    let canNameColor = look.dominantColor != nil && !hasColorWord && !look.isMonochrome
    let form = random.index(weights: [
      max(self.name, 1e-9), article, info.keywords.isEmpty ? 0 : keywords,
      kindWord == nil ? 0 : kind, info.style == nil ? 0 : styleWeight, canNameColor ? color : 0,
    ])
    switch form {
    case 1: return NounPhrase.withArticle(name)
    case 2: return withKeywords(name, info.keywords, using: &random)
    case 3:
      guard let kindWord, kindWord != name else { return name }
      return (random.chance(0.5) ? NounPhrase.withArticle(name) : name) + ", \(kindWord)"
    case 4: return styled(name, info.style, look, using: &random)
    case 5:
      guard let color = look.dominantColor else { return name }
      return random.chance(0.7) ? NounPhrase.withArticle("\(color) \(name)") : "\(color) \(name)"
    default: return name
    }
  }

  /// Which captions follow from which random numbers: cached embeddings of other ones are of no use.
  package static let version = 2

  /// Samples a caption varied with words: the name, a synonym, a kind of it, two keywords, or the
  /// name with its colour; alone in 40 % of the cases, else with an opening, an adjective and a place.
  public func caption(
    for info: SampleInfo, look: ImageLook = ImageLook(), words: CaptionWords,
    using random: inout SampleRandom
  ) -> String {
    let name = NounPhrase.plain(info.caption)
    let synonyms = words.synonyms[info.caption] ?? []
    let hyponyms = words.hyponyms[info.caption] ?? []
    let kind = info.subgroup.flatMap { KindWords.word(for: $0) }
    let draw = random.uniform()
    let thing: String
    if draw < 0.45 || draw < 0.75 && synonyms.isEmpty {
      thing = name
    } else if draw < 0.75 {
      thing = random.pick(synonyms)
    } else if let color = look.dominantColor, !look.isMonochrome, random.chance(0.3) {
      thing = "\(color) \(name)"
    } else if !hyponyms.isEmpty, random.chance(0.4) {
      thing = random.pick(hyponyms)
    } else if info.keywords.count > 1, random.chance(0.2) {
      // What a thing is called by those who do not know its name: "rain cloud", "egg frying".
      var keywords = info.keywords
      random.shuffle(&keywords)
      thing = keywords[0] + " " + keywords[1]
    } else {
      thing = synonyms.isEmpty || random.chance(0.5) ? name : random.pick(synonyms)
    }
    if random.chance(0.4) {
      let bare = random.chance(0.5) ? NounPhrase.withArticle(thing) : thing
      guard draw >= 0.85, let kind, kind != thing else { return bare }
      return bare + ", " + kind
    }
    let described =
      random.chance(0.5) && !words.adjectives.isEmpty
      ? Self.adjective(for: thing, words, using: &random) + " " + thing : thing
    var caption =
      random.chance(0.7)
      ? Self.opened(described, using: &random) : NounPhrase.withArticle(described)
    if random.chance(0.5), !words.places.isEmpty {
      let place = random.pick(words.places)
      caption +=
        " " + random.pick(["on", "in", "with", "near", "at", "under", "by", "from", "behind"]) + " "
        + (random.chance(0.6) ? NounPhrase.withArticle(place) : "the " + place)
    }
    return caption
  }

  /// An adjective to ignore, a quarter of them colours: people who ask for a blue butterfly of a model
  /// that knows one butterfly want that rather than a blot. Things that are named by their colour, as
  /// hearts are, keep it.
  private static func adjective(
    for thing: String, _ words: CaptionWords, using random: inout SampleRandom
  ) -> String {
    guard random.chance(0.25), !namesColor(thing) else {
      return random.pick(words.adjectives)
    }
    return random.pick(NamedColor.palette).name
  }

  private static func namesColor(_ text: String) -> Bool {
    text.lowercased().split { !$0.isLetter }.contains { NamedColor.words.contains(String($0)) }
  }

  /// Puts words before a thing, as people who describe an image do, or who ask for one.
  private static func opened(_ thing: String, using random: inout SampleRandom) -> String {
    guard random.chance(0.25) else { return random.pick(openings)(thing) }
    let request =
      random.chance(0.3)
      ? random.pick(["i want", "i need", "give me", "how about", "just"])
      : random.pick(["", "", "please ", "can you ", "could you ", "i want you to "])
        + random.pick([
          "draw", "draw me", "make", "make me", "paint", "sketch", "show me", "create",
        ])
    return request + " " + NounPhrase.withArticle(thing)
  }

  /// What may stand before a thing.
  private static let openings: [@Sendable (String) -> String] = [
    { "a photo of " + NounPhrase.withArticle($0) },
    { "a picture of " + NounPhrase.withArticle($0) },
    { "a picture of " + NounPhrase.withArticle($0) },
    { "a drawing of " + NounPhrase.withArticle($0) },
    { "an emoji of " + NounPhrase.withArticle($0) },
    { "an icon of " + NounPhrase.withArticle($0) },
    { "an image of " + NounPhrase.withArticle($0) },
    { "a sketch of " + NounPhrase.withArticle($0) },
    { "a painting of " + NounPhrase.withArticle($0) },
    { "a cartoon of " + NounPhrase.withArticle($0) },
    { "this is " + NounPhrase.withArticle($0) },
    { "there is " + NounPhrase.withArticle($0) }, { "the " + $0 }, { "my " + $0 }, { "this " + $0 },
    { "one " + $0 }, { "some " + NounPhrase.plural($0) }, { $0 + " emoji" },
    { "a bunch of " + NounPhrase.plural($0) }, { "a pair of " + NounPhrase.plural($0) },
    { "a slice of " + $0 }, { "a pile of " + $0 },
    { "a kind of " + $0 },
  ]

  private func withKeywords(
    _ name: String, _ keywords: [String], using random: inout SampleRandom
  ) -> String {
    var words = keywords.filter { $0.lowercased() != name.lowercased() }
    random.shuffle(&words)
    let start = random.chance(0.5) ? NounPhrase.withArticle(name) : name
    return ([start] + words.prefix(1 + random.integer(below: 3))).joined(separator: ", ")
  }

  private func styled(
    _ name: String, _ style: String?, _ look: ImageLook, using random: inout SampleRandom
  ) -> String {
    let thing = NounPhrase.withArticle(name)
    if look.isMonochrome, style == "clip art", random.chance(0.8) {
      return random.pick([
        "a black and white drawing of \(thing)", "\(name), black and white",
        "black and white \(name)", "a line drawing of \(thing)",
      ])
    }
    switch style {
    case "emoji":
      return random.pick([
        "an emoji of \(thing)", "\(name) emoji", "a glossy emoji of \(thing)", "\(thing), emoji",
      ])
    case "clip art":
      return random.pick([
        "clip art of \(thing)", "a drawing of \(thing)", "\(name), clip art",
        "an illustration of \(thing)",
      ])
    case "photo": return random.pick(["a photo of \(thing)", "\(name), photo"])
    case .some(let other): return random.pick(["\(thing), \(other)", "\(other) of \(thing)"])
    case nil: return "a picture of \(thing)"
    }
  }
}
