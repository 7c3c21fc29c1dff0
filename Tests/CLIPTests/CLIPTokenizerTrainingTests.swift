import CLIP
import Foundation
import TestSupport
import Testing

@Suite struct CLIPTokenizerTrainingTests {
  func corpus() throws -> [String] {
    try String(contentsOf: Golden.url("clip/corpus.txt"), encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }

  /// The committed folder is what training gives today, byte for byte.
  @Test func trainingGivesTheCommittedFolder() throws {
    let tokenizer = CLIPTokenizer.train(
      on: try corpus(), vocabularySize: 800, contextLength: 32)
    let folder = try TemporaryFolder()
    try tokenizer.write(to: folder.url)
    for name in ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"] {
      let written = try Data(contentsOf: folder.file(name))
      let committed = try Data(contentsOf: Golden.url("clip/tokenizer/" + name))
      #expect(written == committed, "\(name)")
    }
  }

  @Test func orderOfTextsDoesNotMatter() throws {
    let texts = try corpus()
    let forward = CLIPTokenizer.train(on: texts, vocabularySize: 700)
    let backward = CLIPTokenizer.train(on: texts.reversed(), vocabularySize: 700)
    #expect(forward.tokens == backward.tokens)
    #expect(forward.tokens.count == 700)
  }

  @Test func mostFrequentPairComesFirst() {
    // "ab" twice, "cd" thrice; the last symbol of a piece is another one.
    let tokenizer = CLIPTokenizer.train(
      on: ["abx aby", "cdx cdy cdz"], vocabularySize: 1000, minimumCount: 2)
    #expect(tokenizer.merges.map { [$0.left, $0.right] } == [["c", "d"], ["a", "b"]])
    #expect(tokenizer.tokens.suffix(4) == ["cd", "ab", "<|startoftext|>", "<|endoftext|>"])
    // Nothing occurs twice more, so the vocabulary stays below what was asked for.
    #expect(tokenizer.tokens.count == 516)
  }

  @Test func equalCountsTakeTheLeastPair() {
    let tokenizer = CLIPTokenizer.train(
      on: ["zy zy ba ba mn mn"], vocabularySize: 1000, minimumCount: 2)
    #expect(tokenizer.merges.map(\.left) == ["b", "m", "z"])
  }

  /// Encoding the corpus by the merges gives the pieces that training ended with.
  @Test func frequentWordsBecomeOneToken() throws {
    let tokenizer = CLIPTokenizer.train(on: try corpus(), vocabularySize: 800)
    for word in ["red", "circle", "on", "a", "apple"] {
      #expect(tokenizer.tokenIDs(of: word).count == 1, "\(word)")
    }
    #expect(tokenizer.tokenIDs(of: "日本").count < 6, "fewer tokens than bytes")
  }

  @Test func emptyCorpusGivesBytes() {
    let tokenizer = CLIPTokenizer.train(on: [], vocabularySize: 4096)
    #expect(tokenizer.tokens.count == 514)
    #expect(tokenizer.decode(tokenizer.tokenIDs(of: "été")) == "été")
  }

  @Test func runsOfOneLetterAreCounted() {
    let tokenizer = CLIPTokenizer.train(on: ["aaaaaaaa aaaaa aaa"], vocabularySize: 530)
    for length in 1...20 {
      let text = String(repeating: "a", count: length)
      #expect(tokenizer.decode(tokenizer.tokenIDs(of: text)) == text)
    }
  }
}
