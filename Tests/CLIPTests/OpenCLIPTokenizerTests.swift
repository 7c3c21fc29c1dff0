import CLIP
import Foundation
import TestSupport
import Testing

/// The other way to clean texts, and the other file a tokenizer comes in; see
/// Scripts/golden/clip_tokenizer_open_clip.py.
@Suite struct OpenCLIPTokenizerTests {
  struct Reference: Decodable {
    struct Row: Decodable {
      let text: String
      let ids: [Int]
    }
    let length: Int
    let rows: [Row]
  }

  @Test func idsMatchOpenCLIP() throws {
    let tokenizer = try CLIPTokenizer(folder: Golden.url("clip/tokenizer")).asOpenCLIP()
    #expect(tokenizer.cleaning == .openCLIP)
    let reference = try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: Golden.url("clip/tokenizer_open_clip.json")))
    #expect(reference.rows.count == 500)
    for row in reference.rows {
      let found = tokenizer.encode(row.text, contextLength: reference.length)
      let ids = zip(found.ids, found.mask).filter(\.1).map(\.0)
      #expect(ids == row.ids, "\(row.text.debugDescription)")
    }
  }

  /// Each pass over a text takes one layer off, so a chain cost the square of its length.
  @Test func aChainOfReferencesTakesTimeInProportion() throws {
    let tokenizer = try CLIPTokenizer(folder: Golden.url("clip/tokenizer")).asOpenCLIP()
    let plain = tokenizer.encode("a < b", contextLength: 8).ids
    for layer in ["amp;", "AMP;", "#38;", "#x26;", "amp;#38;"] {
      let chain = "a &" + String(repeating: layer, count: 20_000) + "lt; b"
      let taken = ContinuousClock().measure {
        #expect(tokenizer.encode(chain, contextLength: 8).ids == plain)
      }
      #expect(taken < .seconds(10), "\(layer)")
    }
  }

  /// open_clip fills with 0 and keeps the end token of a text that is cut, as transformers does.
  @Test func fillsWithZeroAndKeepsTheEnd() throws {
    let stock = try CLIPTokenizer(folder: Golden.url("clip/tokenizer"))
    let tokenizer = stock.asOpenCLIP()
    let short = tokenizer.encode("circle", contextLength: 8)
    #expect(short.ids.suffix(2) == [0, 0] && !short.truncated)
    #expect(stock.encode("circle", contextLength: 8).ids.last == stock.endID)
    let long = tokenizer.encode("a b c d e f g h i j", contextLength: 8)
    #expect(long.truncated && long.ids.last == tokenizer.endID)
  }

  @Test func oneFileHoldsTheSameTokenizer() throws {
    let stock = try CLIPTokenizer(folder: Golden.url("clip/tokenizer"))
    let single = try CLIPTokenizer(folder: Golden.url("clip/tokenizer_single"))
    #expect(single.tokens == stock.tokens)
    #expect(single.merges.map { "\($0) \($1)" } == stock.merges.map { "\($0) \($1)" })
    #expect(single.start == stock.start && single.padding == stock.padding)
    #expect(single.encode("A Red Circle, don't!") == stock.encode("A Red Circle, don't!"))
  }

  /// The message of a changed `tokenizer.json`.
  func message(_ contents: (String) -> String) throws -> String {
    try withTemporaryFolder(copying: Golden.url("clip/tokenizer_single")) { folder in
      let file = folder.appending(path: "tokenizer.json")
      let text = try String(contentsOf: file, encoding: .utf8)
      try contents(text).write(to: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: TokenizerError.self) { try CLIPTokenizer(folder: folder) }
      return "\(try #require(error))".replacingOccurrences(of: folder.path + "/", with: "")
    }
  }

  @Test func otherTokenizersAreRefused() throws {
    #expect(
      try message { _ in "{}" }
        == "tokenizer.json: this is not a byte-pair encoding with vocabulary and merges in JSON; "
        + "fetch or write the tokenizer again.")
    #expect(
      try message { $0.replacingOccurrences(of: "\"</w>\"", with: "\"@@\"") }
        == "tokenizer.json: 'end_of_word_suffix' is \"@@\", but it must be \"</w>\", as in every "
        + "CLIP.")
    #expect(
      try message { _ in "version https://git-lfs.github.com/spec/v1\n" }
        == "tokenizer.json cannot be used: it is a Git LFS pointer and not the file itself; run "
        + "`git lfs pull` in that folder.")
  }
}
