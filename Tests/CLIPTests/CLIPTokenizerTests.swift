import CLIP
import Foundation
import TestSupport
import Testing

@Suite struct CLIPTokenizerTests {
  let tokenizer: CLIPTokenizer

  init() throws {
    tokenizer = try CLIPTokenizer(folder: Golden.url("clip/tokenizer"))
  }

  /// The ids of transformers for each text; see Scripts/golden/clip_tokenizer.py.
  struct Reference: Decodable {
    struct Row: Decodable {
      let text: String
      let ids: [Int]
      let publicIDs: [Int]
      let decoded: String
    }
    let length: Int
    let rows: [Row]
    let padded: [Int]
    let mask: [Int]

    static func read() throws -> Reference {
      try JSONDecoder().decode(
        Reference.self, from: Data(contentsOf: Golden.url("clip/tokenizer.json")))
    }
  }

  @Test func idsMatchTransformers() throws {
    let reference = try Reference.read()
    #expect(reference.rows.count == 500)
    for row in reference.rows {
      let found = tokenizer.encode(row.text, contextLength: reference.length)
      let ids = zip(found.ids, found.mask).filter(\.1).map(\.0)
      #expect(ids == row.ids, "\(row.text.debugDescription)")
    }
    let padded = tokenizer.encode("circle", contextLength: 8)
    #expect(padded.ids == reference.padded)
    #expect(padded.mask == reference.mask.map { $0 == 1 })
  }

  @Test func idsMatchTransformersWithTheSpecialTokensOfPublicCheckpoints() throws {
    try withTemporaryFolder(copying: Golden.url("clip/tokenizer")) { folder in
      let special = { (text: String) in
        #"{"content":"\#(text)","lstrip":false,"normalized":true,"rstrip":false}"#
      }
      let (start, end) = (special("<|startoftext|>"), special("<|endoftext|>"))
      try Data(
        #"{"bos_token":\#(start),"eos_token":\#(end),"unk_token":\#(end),"pad_token":"!"}"#.utf8
      ).write(to: folder.appending(path: "special_tokens_map.json"))
      let tokenizer = try CLIPTokenizer(folder: folder)
      #expect(tokenizer.paddingID == 0)
      let reference = try Reference.read()
      for row in reference.rows {
        let found = tokenizer.encode(row.text, contextLength: reference.length)
        let ids = zip(found.ids, found.mask).filter(\.1).map(\.0)
        #expect(ids == row.publicIDs, "\(row.text.debugDescription)")
      }
    }
  }

  @Test func decodingMatchesTransformers() throws {
    // Python strips the separators U+001C ... U+001F as well.
    let blank = CharacterSet.whitespacesAndNewlines.union(["\u{1C}", "\u{1D}", "\u{1E}", "\u{1F}"])
    for row in try Reference.read().rows {
      #expect(
        tokenizer.decode(row.ids).trimmingCharacters(in: blank)
          == row.decoded.trimmingCharacters(in: blank), "\(row.text.debugDescription)")
    }
  }

  @Test func cleanTextComesBack() {
    for text in ["a small red apple on a table", "日本語 の 本", "😀 b", "1 0 0"] {
      #expect(tokenizer.decode(tokenizer.encode(text).ids) == text)
    }
    #expect(tokenizer.decode([tokenizer.startID, 188, tokenizer.endID]) == "\u{0}")
    #expect(tokenizer.decode([255 - 1]) == "\u{FFFD}", "half a character")
  }

  @Test func sequenceIsFramedPaddedAndCut() {
    let empty = tokenizer.encode("", contextLength: 4)
    #expect(empty.ids == [tokenizer.startID, tokenizer.endID, tokenizer.endID, tokenizer.endID])
    #expect(empty.mask == [true, true, false, false])
    #expect(!empty.truncated)
    let full = tokenizer.encode("! ! !", contextLength: 5)
    #expect(full.ids == [tokenizer.startID, 256, 256, 256, tokenizer.endID])
    #expect(!full.truncated)
    let cut = tokenizer.encode("! ! ! !", contextLength: 5)
    #expect(cut.ids == full.ids)
    #expect(cut.mask.allSatisfy { $0 })
    #expect(cut.truncated)
    #expect(tokenizer.encode("a dog").ids.count == tokenizer.contextLength)
    #expect(tokenizer.encode("x", contextLength: 2).ids == [tokenizer.startID, tokenizer.endID])
  }

  @Test func longTextTakesLittleTime() {
    let clock = ContinuousClock()
    let letters = String((0..<40_000).map { _ in "abcdefgh".randomElement() ?? "a" })
    let took = clock.measure {
      #expect(tokenizer.encode(letters).truncated)
      #expect(tokenizer.encode(String(repeating: "a ", count: 100_000)).truncated)
    }
    #expect(took < .seconds(30))
  }

  @Test func onlyStartAndEndOfContextFitsIsRefused() async {
    expectTrap(
      "a context of 1 tokens holds no start and end",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let tokenizer = CLIPTokenizer.train(on: ["a"], vocabularySize: 514)
        _ = tokenizer.encode("a", contextLength: 1)
      })
  }
}
