import Foundation
import TestSupport
import Testing

@testable import UnCLIP

@Suite struct KnownWordsTests {
  private let known = KnownWords(in: "a red apple\nberry\nbox, St. Bernard\n🍎")

  @Test(
    arguments: [
      ("A RED apple!", []), ("2 red apples, 3 berries and boxes", ["and"]),
      ("the apple's", ["the"]),
      ("shiba inu, shiba", ["shiba", "inu"]), ("猫 🐈 🍎", ["猫", "🐈"]), ("", []), ("'", []),
    ] as [(String, [String])])
  func namesWordsThatAreNotThere(prompt: String, words: [String]) {
    #expect(known.unknown(in: prompt) == words)
  }

  /// Every word of the bundled model's own prompts is known to it.
  @Test func theBundledModelKnowsItsPrompts() throws {
    let folder = ModelFolder(Golden.url("../../Models/small"))
    let words = try #require(try folder.knownWords())
    let prompts = try String(contentsOf: Golden.url("../../Examples/prompts.txt"), encoding: .utf8)
    #expect(words.unknown(in: prompts).isEmpty)
    #expect(words.unknown(in: "a shiba inu wearing a beret") == ["shiba", "inu", "beret"])
    #expect(try ModelDefaults.read(from: folder).domain == "drawings of single things on white")
  }

  @Test func aModelOfEverythingSaysNothing() throws {
    let folder = try TemporaryFolder()
    #expect(try ModelFolder(folder.url).knownWords() == nil)
  }
}
