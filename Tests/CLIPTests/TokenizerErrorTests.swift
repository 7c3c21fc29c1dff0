import CLIP
import Foundation
import TestSupport
import Testing

@Suite struct TokenizerErrorTests {
  /// The message of the error that reading a folder gives after `change`.
  func message(_ name: String, _ contents: String?) throws -> String {
    try withTemporaryFolder(copying: Golden.url("clip/tokenizer")) { folder in
      let file = folder.appending(path: name)
      try FileManager.default.removeItem(at: file)
      if let contents { try Data(contents.utf8).write(to: file) }
      let error = #expect(throws: TokenizerError.self) { try CLIPTokenizer(folder: folder) }
      return "\(try #require(error))".replacingOccurrences(of: folder.path + "/", with: "")
    }
  }

  @Test(arguments: ["vocab.json", "merges.txt"])
  func missingFile(_ name: String) throws {
    #expect(
      try message(name, nil)
        == "\(name): there is no such tokenizer file; give a folder with vocab.json and merges.txt, "
        + "or with tokenizer.json.")
  }

  /// transformers reads a folder without settings too.
  @Test func settingsMayBeMissing() throws {
    try withTemporaryFolder(copying: Golden.url("clip/tokenizer")) { folder in
      let whole = try CLIPTokenizer(folder: folder)
      for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        try FileManager.default.removeItem(at: folder.appending(path: name))
      }
      let bare = try CLIPTokenizer(folder: folder)
      #expect(bare.contextLength == 77)
      #expect(
        bare.encode("a red apple", contextLength: 16)
          == whole.encode("a red apple", contextLength: 16))
    }
  }

  @Test func brokenJSON() throws {
    #expect(
      try message("vocab.json", "{\"a\": 0,")
        == "vocab.json: this is not a table of tokens and ids in JSON; fetch or write the "
        + "tokenizer again.")
    #expect(
      try message("tokenizer_config.json", "[]")
        == "tokenizer_config.json: this is not tokenizer settings in JSON; fetch or write the "
        + "tokenizer again.")
    #expect(try message("special_tokens_map.json", "7").contains("a table of special tokens"))
  }

  /// All ways to spell JSON that JSONDecoder knows.
  @Test func vocabulariesAreReadAsJSON() throws {
    try withTemporaryFolder(copying: Golden.url("clip/tokenizer")) { folder in
      try Data("#version: 0.2\n".utf8).write(to: folder.appending(path: "merges.txt"))
      let text = #"""
         { "\u0120\"" : 0,"\\\/":1, "\ud83d\ude00":2,"\b\f\n\r\t" :3
        ,"é":4, "" : 5, "<|startoftext|>":6,"<|endoftext|>":7}
        """#
      try Data(text.utf8).write(to: folder.appending(path: "vocab.json"))
      let expected = try JSONDecoder().decode([String: Int].self, from: Data(text.utf8))
      let tokens = try CLIPTokenizer(folder: folder).tokens
      #expect(Dictionary(uniqueKeysWithValues: zip(tokens, 0...)) == expected)
    }
  }

  @Test(arguments: [
    "", "{", "[]", "{\"a\" 0}", "{\"a\": -1}", "{\"a\": 0.5}", "{\"a\": \"0\"}", "{\"a\": 0,}",
    "{\"a\": 0} x", "{\"a", "{\"\\x\": 0}", "{\"\\u12\": 0}", "{\"\\ud800\": 0}", "{\"\n\": 0}",
    "{\"a\": 99999999999}",
  ])
  func whatIsNoVocabularyIsRefused(_ json: String) throws {
    #expect(try message("vocab.json", json).contains("this is not a table of tokens and ids"))
  }

  @Test func gapsInIDs() throws {
    #expect(
      try message("vocab.json", "{\"a\": 0, \"b\": 2}")
        == "vocab.json: 2 tokens must be numbered 0 to 1, each once, but 2 is not; fetch the "
        + "tokenizer again.")
    #expect(try message("vocab.json", "{\"a\": 0, \"b\": 0}").contains("each once, but 0 is not"))
  }

  @Test func mergesAreTextOfOneEncoding() throws {
    #expect(
      try message("merges.txt", "#version: 0.2\na \u{FFFD}\n")
        == "merges.txt cannot be used: it holds U+FFFD, which stands for letters that were lost in an "
        + "earlier conversion; write them again.")
  }

  @Test func mergeOfUnknownSymbols() throws {
    #expect(
      try message("merges.txt", "#version: 0.2\na qq\n")
        == "merges.txt: line 2 needs the symbol \"qq\", which vocab.json lacks; take both files "
        + "from the same tokenizer.")
    #expect(try message("merges.txt", "#version: 0.2\n~ ~\n").contains("\"~~\""))
  }

  @Test(arguments: ["a b c", "abc", "a  b", " ab"])
  func malformedMerge(_ line: String) throws {
    #expect(
      try message("merges.txt", "#version: 0.2\n\(line)\n")
        == "merges.txt: line 2 is \"\(line)\", but a merge is two symbols with one space between; "
        + "fetch the tokenizer again.")
  }

  @Test func vocabularyWithoutSpecialTokens() throws {
    #expect(
      throws: TokenizerError.missingSpecialToken(file: "vocab.json", token: "<|startoftext|>")
    ) {
      try CLIPTokenizer(vocabulary: ["a": 0, "<|endoftext|>": 1], merges: [])
    }
    #expect(
      try message("special_tokens_map.json", "{\"pad_token\": \"<pad>\"}")
        == "vocab.json: the special token \"<pad>\" is not in the vocabulary; take all files from "
        + "the same tokenizer.")
  }

  @Test func impossibleContext() throws {
    #expect(
      try message("tokenizer_config.json", "{\"model_max_length\": 1}")
        == "tokenizer_config.json: 'model_max_length' is 1.0, but it must be at least 2.")
  }

  @Test func unlimitedContextIsTheStockOne() throws {
    try withTemporaryFolder(copying: Golden.url("clip/tokenizer")) { folder in
      try Data("{\"model_max_length\": 1000000000000000019884624838656}".utf8)
        .write(to: folder.appending(path: "tokenizer_config.json"))
      #expect(try CLIPTokenizer(folder: folder).contextLength == 77)
    }
  }

  @Test func folderThatCannotBeMade() throws {
    let tokenizer = CLIPTokenizer.train(on: [], vocabularySize: 514)
    let error = #expect(throws: TokenizerError.self) {
      try tokenizer.write(to: URL(fileURLWithPath: "/dev/null/tokenizer"))
    }
    #expect("\(try #require(error))".hasPrefix("/dev/null/tokenizer: cannot write the tokenizer: "))
  }
}
