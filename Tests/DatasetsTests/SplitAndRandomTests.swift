import Datasets
import Foundation
import Imaging
import Testing

@Suite struct SplitAndRandomTests {
  @Test func whatTheMakersHeldOutStaysHeldOut() throws {
    let image = Image(width: 1, height: 1, channels: 4, pixels: [0, 0, 0, 255])
    for part in [DataSplit.Part.train, .heldOut] {
      let sample = Sample(
        key: "a", image: image, caption: "bag", source: "folder", licence: "MIT", part: part)
      let stored = try JSONEncoder().encode(SampleInfo(sample))
      let info = try JSONDecoder().decode(SampleInfo.self, from: stored)
      for fraction in [0, 0.9] {
        let split = DataSplit(heldOutFraction: fraction)
        #expect(split.contains(info, in: part))
        #expect(!split.contains(info, in: part == .train ? .heldOut : .train))
        #expect(split.contains(info, in: .all))
      }
    }
  }

  @Test func conceptsStayTogether() {
    let split = DataSplit()
    let names = (0..<4000).map { "thing \($0)" }
    let held = names.filter { split.part(of: $0) == .heldOut }
    #expect((140...260).contains(held.count))
    #expect(names.filter { DataSplit(seed: 1).part(of: $0) == .heldOut } != held)
    #expect(names.allSatisfy { DataSplit(heldOutFraction: 0).part(of: $0) == .train })
    var emoji = SampleInfo(Fixture.sample(1))
    emoji.caption = "Red Apple"
    var clipart = emoji
    clipart.caption = "red-apple"
    clipart.source = "openclipart"
    #expect(emoji.concept == "red apple")
    #expect(emoji.concept == clipart.concept)
    for part in DataSplit.Part.allCases {
      #expect(split.contains(emoji, in: part) == split.contains(clipart, in: part))
    }
    #expect(split.contains(emoji, in: .all))
    #expect(split.contains(emoji, in: .train) != split.contains(emoji, in: .heldOut))
  }

  @Test func splitNeverChanges() {
    // The values themselves are part of the contract: models are evaluated on what is held out.
    let words = ["red apple", "cat", "dog", "guitar", "sun", "boat", "tree", "house"]
    let held = (0..<300).map { "\(words[$0 % 8]) \($0)" }
      .filter { DataSplit().part(of: $0) == .heldOut }
    #expect(held.count == 18)
    #expect(held.prefix(3) == ["cat 9", "house 15", "red apple 72"])
  }

  @Test func randomNumbersAreFixedAndSpread() {
    var a = SampleRandom(seed: 7, 1, 2)
    var b = SampleRandom(seed: 7, 1, 2)
    var c = SampleRandom(seed: 7, 2, 1)
    #expect((0..<5).map { _ in a.next() } == (0..<5).map { _ in b.next() })
    #expect(c.next() != a.next())
    var sum = 0.0
    var counts = [Int](repeating: 0, count: 10)
    for _ in 0..<20_000 {
      sum += a.uniform()
      counts[a.integer(below: 10)] += 1
    }
    #expect(abs(sum / 20_000 - 0.5) < 0.01)
    #expect(counts.allSatisfy { abs($0 - 2000) < 200 })
    #expect((0..<100).allSatisfy { _ in a.index(weights: [0, 1, 0]) == 1 })
    var order = Array(0..<50)
    a.shuffle(&order)
    #expect(order != Array(0..<50))
    #expect(order.sorted() == Array(0..<50))
  }
}
