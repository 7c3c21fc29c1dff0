import Datasets
import Testing

@Suite struct CaptionTests {
  @Test(arguments: [
    ("red apple", "a red apple"), ("orange", "an orange"), ("unicorn", "a unicorn"),
    ("hour glass", "an hour glass"), ("grapes", "grapes"), ("cactus", "a cactus"),
    ("glasses", "glasses"), ("bus", "a bus"), ("people holding hands", "people holding hands"),
    ("woman biking", "a woman biking"), ("pair of scissors", "a pair of scissors"),
    ("bread", "bread"), ("family with man, girl", "a family with man, girl"), ("", ""),
    ("ear of corn", "ear of corn"), ("Japanese castle", "a Japanese castle"),
  ])
  func articles(name: String, phrase: String) {
    #expect(NounPhrase.withArticle(name) == phrase)
  }

  @Test(arguments: [
    ("cat", "cats"), ("red apple", "red apples"), ("fish", "fish"), ("box", "boxes"),
    ("butterfly", "butterflies"), ("boy", "boys"), ("man", "men"), ("cup of tea", "cups of tea"),
    ("woman biking", "women biking"), ("office building", "office buildings"),
    ("grapes", "grapes"), ("knife", "knives"), ("blue star", "blue stars"), ("", ""),
  ])
  func plurals(name: String, phrase: String) {
    #expect(NounPhrase.plural(name) == phrase)
  }

  @Test func colonsBecomeWords() {
    #expect(NounPhrase.plain("man: beard") == "man with beard")
    #expect(NounPhrase.plain("family: man, girl") == "family with man, girl")
    #expect(NounPhrase.plain("couple with heart: man, man") == "couple with heart and man, man")
    #expect(NounPhrase.plain("woman’s hat") == "woman's hat")
    #expect(NounPhrase.plain("Japanese “free” button") == "Japanese free button")
  }

  @Test func everyFormIsSampled() {
    var info = SampleInfo(Fixture.sample(1, group: "Animals & Nature/animal-bird"))
    info.caption = "hen"
    info.keywords = ["farm", "hen"]
    let look = ImageLook(dominantColor: "brown")
    var seen: Set<String> = []
    for seed in 0..<400 {
      var random = SampleRandom(seed: UInt64(seed))
      seen.insert(CaptionSampler().caption(for: info, look: look, using: &random))
    }
    for caption in [
      "hen", "a hen", "hen, farm", "a hen, farm", "hen, bird", "an emoji of a hen", "hen emoji",
      "a brown hen",
    ] {
      #expect(seen.contains(caption), "\(caption) is missing in \(seen.sorted())")
    }
    #expect(!seen.contains { $0.contains("hen, hen") })
    #expect(CaptionSampler.plain(info) == "a hen")
  }

  @Test func bareNameIsAlwaysPossible() {
    let only = CaptionSampler(name: 0, article: 0, keywords: 0, kind: 0, style: 0, color: 1)
    var random = SampleRandom(seed: 1)
    let info = SampleInfo(Fixture.sample(1))
    #expect(only.caption(for: info, using: &random) == "thing 1")
  }

  @Test func linesAreSaidToBeBlackAndWhite() {
    var sample = Fixture.sample(1)
    sample.style = "clip art"
    let info = SampleInfo(sample)
    let look = ImageLook(isMonochrome: true)
    var named = 0
    for seed in 0..<300 {
      var random = SampleRandom(seed: UInt64(seed))
      let caption = CaptionSampler().caption(for: info, look: look, using: &random)
      if caption.contains("black and white") || caption.contains("line drawing") { named += 1 }
    }
    #expect((60...240).contains(named))
  }

  @Test(arguments: [
    (220.0, 30.0, 30.0, "red"), (30, 60, 220, "blue"), (40, 160, 60, "green"),
    (250, 214, 40, "yellow"), (120, 70, 40, "brown"), (10, 10, 10, "black"),
    (140, 140, 140, "grey"), (250, 250, 250, "white"), (245, 140, 180, "pink"),
    (130, 60, 190, "purple"),
  ])
  func colorsHaveNames(red: Double, green: Double, blue: Double, name: String) {
    #expect(NamedColor.name(red: red, green: green, blue: blue) == name)
  }

  @Test func paletteNamesItself() {
    for color in NamedColor.palette {
      #expect(
        NamedColor.name(
          red: Double(color.red), green: Double(color.green), blue: Double(color.blue))
          == color.name)
    }
  }
}
