import Datasets
import Imaging
import Testing

@Suite struct SceneTests {
  private var composer: SceneComposer {
    SceneComposer(
      side: 32,
      elements: [
        .init(name: "cat", sprite: Sprite(Fixture.square(220, 30, 30), side: 32)),
        .init(name: "dog", sprite: Sprite(Fixture.square(30, 60, 220), side: 32)),
      ])
  }

  @Test func scenesArePureAndVaried() {
    let composer = composer
    var captions: Set<String> = []
    for seed in 0..<120 {
      var a = SampleRandom(seed: UInt64(seed))
      var b = a
      let scene = composer.scene(using: &a)
      #expect(scene == composer.scene(using: &b))
      #expect(scene.pixels.count == 32 * 32 * 3)
      captions.insert(scene.caption)
    }
    for words in ["two cats", "three dogs", "left of", "above", " and ", " background"] {
      #expect(captions.contains { $0.contains(words) }, "\(words) never occurs")
    }
  }

  @Test func relationsAreTrue() {
    let composer = composer
    var checked = 0
    for seed in 0..<700 {
      var random = SampleRandom(seed: UInt64(seed))
      let scene = composer.scene(using: &random)
      let parts = scene.caption.split(separator: " on ")[0]
      guard !scene.caption.contains(" on "), parts.contains("cat"), parts.contains("dog"),
        !parts.contains(","),
        let relation = ["left of", "right of", "above", "below"].first(
          where: { parts.contains($0) })
      else { continue }
      guard let red = center(scene.pixels, { $0 > 150 && $1 < 100 && $2 < 100 }),
        let blue = center(scene.pixels, { $0 < 100 && $1 < 150 && $2 > 150 })
      else {
        Issue.record("a thing is missing in \(scene.caption)")
        continue
      }
      let (first, second) = parts.hasPrefix("a cat") ? (red, blue) : (blue, red)
      switch relation {
      case "left of": #expect(first.x < second.x - 8, "\(scene.caption)")
      case "right of": #expect(first.x > second.x + 8, "\(scene.caption)")
      case "above": #expect(first.y < second.y - 8, "\(scene.caption)")
      default: #expect(first.y > second.y + 8, "\(scene.caption)")
      }
      checked += 1
    }
    #expect(checked > 8)
  }

  @Test func shapesHaveTheirColorAndCount() {
    let composer = SceneComposer(side: 48, elements: [])
    var seen: Set<String> = []
    for seed in 0..<900 {
      var random = SampleRandom(seed: UInt64(seed))
      let scene = composer.shape(using: &random)
      seen.insert(scene.caption)
      let words = scene.caption.split(separator: " ").map(String.init)
      guard words.count == 3, let color = NamedColor.palette.first(where: { $0.name == words[1] })
      else { continue }
      let drawn = stride(from: 0, to: scene.pixels.count, by: 3).filter {
        scene.pixels[$0] == color.red && scene.pixels[$0 + 1] == color.green
          && scene.pixels[$0 + 2] == color.blue
      }
      #expect(drawn.count > 40, "\(scene.caption)")
    }
    for caption in ["a red circle", "a blue star", "a green square", "a pink heart"] {
      #expect(seen.contains(caption), "\(caption) never occurs")
    }
    #expect(seen.contains { $0.hasPrefix("three ") })
  }

  @Test func shapesFillWhatTheyShould() {
    // Area as a fraction of the square with sides from -1 to 1, within the antialiasing.
    let areas: [ShapeSprite: Double] = [
      .circle: 3.1416, .square: 3.098, .rectangle: 2.4, .oval: 2.042, .ring: 2.0106, .diamond: 1.5,
      .hexagon: 2.598,
    ]
    for (shape, area) in areas {
      let sprite = shape.sprite(side: 105, red: 255, green: 255, blue: 255)
      let alpha = stride(from: 3, to: sprite.pixels.count, by: 4).reduce(0.0) {
        $0 + Double(sprite.pixels[$1]) / 255
      }
      #expect(abs(alpha / 2500 - area) < 0.03, "\(shape) covers \(alpha / 2500)")
    }
    for shape in ShapeSprite.allCases {
      let sprite = shape.sprite(side: 40, red: 9, green: 9, blue: 9)
      #expect(!sprite.isOpaque)
      let middle = (20 * 40 + 20) * 4
      #expect((sprite.pixels[middle + 3] == 0) == (shape == .ring))
    }
  }

  @Test func signsAndLongNamesStayOut() {
    var info = SampleInfo(Fixture.sample(1))
    info.caption = "red apple"
    #expect(SceneComposer.mayPlace(info))
    info.caption = "keycap: 1"
    #expect(!SceneComposer.mayPlace(info))
    info.caption = "cat with wry smile"
    #expect(!SceneComposer.mayPlace(info))
    info.caption = "man"
    info.group = "People & Body/hands"
    #expect(!SceneComposer.mayPlace(info))
    info.group = "People & Body/person"
    #expect(SceneComposer.mayPlace(info))
  }

  @Test func spritesKnowTheirLook() {
    #expect(Sprite(Fixture.square(220, 30, 30), side: 16).look.dominantColor == "red")
    #expect(Sprite(Fixture.square(20, 20, 20), side: 16).look.isMonochrome)
    #expect(Sprite(Fixture.square(20, 20, 20), side: 16).look.dominantColor == nil)
    let opaque = Image(width: 20, height: 10, color: [10, 200, 10, 255])
    #expect(Sprite(opaque, side: 8).isOpaque)
    #expect(Sprite(opaque, side: 8).width == 8)
    let clear = Image(width: 4, height: 4, color: [0, 0, 0, 0])
    #expect(Sprite(clear, side: 4).look == ImageLook())
  }

  private func center(
    _ pixels: [UInt8], _ matches: (UInt8, UInt8, UInt8) -> Bool
  ) -> (x: Double, y: Double)? {
    var (x, y, count) = (0.0, 0.0, 0.0)
    for index in 0..<pixels.count / 3
    where matches(pixels[index * 3], pixels[index * 3 + 1], pixels[index * 3 + 2]) {
      x += Double(index % 32)
      y += Double(index / 32)
      count += 1
    }
    return count == 0 ? nil : (x / count, y / count)
  }

  /// Each shape is left out in one colour, and each colour in one shape; no scene shows such a pair.
  @Test func somePairsOfShapeAndColorAreHeldOut() {
    let colors = NamedColor.palette.filter { $0 != .white }
    let heldOut = ShapeSprite.allCases.flatMap { shape in
      colors.filter { SceneComposer.isHeldOut(shape, in: $0) }.map { "\($0.name) \(shape)" }
    }
    #expect(heldOut.count == 11 && heldOut.contains("red triangle"))
    #expect(Set(heldOut.map { $0.split(separator: " ")[0] }).count == 11)
    #expect(Set(heldOut.map { $0.split(separator: " ")[1] }).count == 11)
    #expect(!ShapeSprite.allCases.contains { SceneComposer.isHeldOut($0, in: .white) })
    let composer = SceneComposer(side: 16, elements: [])
    for seed in 0..<2000 {
      var random = SampleRandom(seed: UInt64(seed))
      let caption = composer.shape(using: &random).caption
      #expect(!heldOut.contains { caption.contains($0) }, "\(caption)")
    }
    let alone = SceneComposer(side: 64, elements: []).image(of: .triangle, in: colors[0])
    #expect(alone.caption == "a red triangle")
    #expect(Array(alone.pixels.prefix(3)) == [255, 255, 255])
    let center = (36 * 64 + 32) * 3
    #expect(Array(alone.pixels[center..<center + 3]) == [220, 38, 38])
  }
}
