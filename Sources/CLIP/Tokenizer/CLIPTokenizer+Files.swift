import Files
public import Foundation
import Torch

extension CLIPTokenizer {
  /// Reads a tokenizer folder of the Hugging Face layout: `vocab.json` and `merges.txt`, or
  /// `tokenizer.json` where these are not; when there, `tokenizer_config.json` and
  /// `special_tokens_map.json`, which has the last word on special tokens.
  ///
  /// - Throws: ``TokenizerError`` for a missing or broken file, a merge of unknown symbols, a
  ///   special token outside the vocabulary, an impossible context length.
  public init(folder: URL) throws(TokenizerError) {
    let vocabularyURL = folder.appending(path: "vocab.json")
    let mergesURL = folder.appending(path: "merges.txt")
    let configURL = folder.appending(path: "tokenizer_config.json")
    let mapURL = folder.appending(path: "special_tokens_map.json")
    let singleURL = folder.appending(path: "tokenizer.json")

    let files = FileManager.default
    let isSingle =
      !files.fileExists(atPath: vocabularyURL.path) && files.fileExists(atPath: singleURL.path)
    let tables: TokenizerTables
    if isSingle {
      tables = try TokenizerTables(
        Self.contents(of: singleURL), file: singleURL.path)
    } else {
      guard let vocabulary = VocabularyFile.parse(try Self.contents(of: vocabularyURL)) else {
        throw TokenizerError.invalidJSON(
          file: vocabularyURL.path, expected: "a table of tokens and ids")
      }
      tables = TokenizerTables(vocabulary: vocabulary, merges: try Self.readMerges(at: mergesURL))
    }
    // transformers, too, reads a folder without the settings.
    func settings(_ url: URL, _ expected: String) throws(TokenizerError) -> TokenizerConfig {
      guard files.fileExists(atPath: url.path) else { return TokenizerConfig() }
      return try Self.decode(TokenizerConfig.self, at: url, expected: expected)
    }
    let config = try settings(configURL, "tokenizer settings")
    let map = try settings(mapURL, "a table of special tokens")

    // transformers writes 1e30 for "no limit"; no CLIP tower is that long.
    let length = config.model_max_length ?? 77
    guard length >= 2 else {
      throw TokenizerError.invalidSetting(
        file: configURL.path, key: "model_max_length", value: "\(length)", expected: "at least 2")
    }
    // A token given as its text alone has its settings in one of two tables.
    var normalized = tables.normalized
    for token in (config.added_tokens_decoder ?? [:]).values {
      normalized[token.token.text] = token.token.isNormalized
    }
    func token(
      _ key: KeyPath<TokenizerConfig, TokenizerConfig.Entry?>, _ stock: SpecialToken
    ) -> SpecialToken {
      guard let entry = map[keyPath: key] ?? config[keyPath: key] else { return stock }
      if entry.isWhole { return entry.token }
      let text = entry.token.text
      return SpecialToken(text, isNormalized: normalized[text] ?? false)
    }
    try self.init(
      vocabulary: tables.vocabulary, merges: tables.merges,
      start: token(\.bos_token, Self.stockStart), end: token(\.eos_token, Self.stockEnd),
      padding: token(\.pad_token, Self.stockEnd),
      contextLength: length > 1_000_000 ? 77 : Int(length),
      vocabularyFile: isSingle ? singleURL.path : vocabularyURL.path,
      mergesFile: isSingle ? singleURL.path : mergesURL.path)
  }

  /// Writes the four files of the Hugging Face layout; the same tokenizer gives the same bytes.
  ///
  /// - Throws: ``TokenizerError/unwritable(file:reason:)``.
  public func write(to folder: URL) throws(TokenizerError) {
    let vocabulary = tokens.enumerated().map { "\(quoted($1)):\($0)" }.joined(separator: ",")
    let merges = merges.map { "\($0.left) \($0.right)\n" }.joined()
    func entry(_ token: SpecialToken) -> String {
      guard token.isNormalized else { return quoted(token.text) }
      return """
        {"content": \(quoted(token.text)), "lstrip": false, "normalized": true, \
        "rstrip": false, "single_word": false}
        """
    }
    let specials = """
        "bos_token": \(entry(start)),
        "eos_token": \(entry(end)),
        "pad_token": \(entry(padding)),
        "unk_token": \(entry(end))
      """
    let config = """
      {
      \(specials),
        "do_lower_case": true,
        "model_max_length": \(contextLength),
        "tokenizer_class": "CLIPTokenizer"
      }

      """
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw TokenizerError.unwritable(
        file: folder.path, reason: "the folder cannot be made, \(reason(of: error))")
    }
    let files = [
      ("vocab.json", "{\(vocabulary)}"), ("merges.txt", "#version: 0.2\n\(merges)"),
      ("tokenizer_config.json", config), ("special_tokens_map.json", "{\n\(specials)\n}\n"),
    ]
    for (name, text) in files {
      let url = folder.appending(path: name)
      do {
        try AtomicFile.write(Data(text.utf8), to: url)
      } catch {
        throw TokenizerError.unwritable(file: url.path, reason: reason(of: error))
      }
    }
  }

  /// Reads a JSON file of a known shape.
  private static func decode<T: Decodable>(
    _ type: T.Type, at url: URL, expected: String
  ) throws(TokenizerError) -> T {
    let data = try contents(of: url)
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw TokenizerError.invalidJSON(file: url.path, expected: expected)
    }
  }

  private static func contents(of url: URL) throws(TokenizerError) -> Data {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw TokenizerError.missingFile(file: url.path)
    }
    if GitLFS.isPointer(data) { throw TokenizerError.pointer(file: url.path) }
    return data
  }

  /// Reads lines of two symbols, after a heading that begins with `#version`, if any.
  private static func readMerges(
    at url: URL
  ) throws(TokenizerError) -> [(left: String, right: String)] {
    let contents = try contents(of: url)
    let text: [UInt8]
    do throws(PlainText.NotText) {
      text = Array(try PlainText.decode(contents).utf8)
    } catch {
      throw .notText(file: url.path, reason: error.description)
    }
    var merges: [(left: String, right: String)] = []
    for (index, bytes) in text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated()
    {
      if index == 0, bytes.starts(with: "#version".utf8) { continue }
      let trimmed = bytes.last == 0x0D ? bytes.dropLast() : bytes
      if trimmed.isEmpty { continue }
      let parts = trimmed.split(separator: 0x20, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw TokenizerError.malformedMerge(
          file: url.path, line: index + 1, text: String(decoding: trimmed, as: UTF8.self))
      }
      merges.append(
        (String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self)))
    }
    return merges
  }
}

/// Quotes a JSON string; the tokens hold no control characters.
private func quoted(_ text: String) -> String {
  let escaped = text.replacingOccurrences(of: "\\", with: "\\\\")
  return "\"\(escaped.replacingOccurrences(of: "\"", with: "\\\""))\""
}

/// The keys read of `tokenizer_config.json` and `special_tokens_map.json`; the others describe
/// Python classes.
private struct TokenizerConfig: Decodable {
  var bos_token: Entry?
  var eos_token: Entry?
  var pad_token: Entry?
  var model_max_length: Double?
  var added_tokens_decoder: [String: Entry]?

  /// A token given as its text or as an object.
  struct Entry: Decodable {
    let token: SpecialToken
    /// Whether it is given with its settings.
    let isWhole: Bool

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      do {
        token = SpecialToken(try container.decode(String.self))
        isWhole = false
      } catch {
        let spelled = try container.decode(SpelledToken.self)
        token = SpecialToken(spelled.content, isNormalized: spelled.normalized ?? false)
        isWhole = true
      }
    }
  }
}

/// A special token with the one setting that matters here.
private struct SpelledToken: Decodable {
  let content: String
  let normalized: Bool?
}

/// The vocabulary and the merges, from two files or from one `tokenizer.json`.
private struct TokenizerTables {
  var vocabulary: [String: Int]
  var merges: [(left: String, right: String)]
  /// Whether a special token is matched after cleaning, by its text.
  var normalized: [String: Bool] = [:]
}

extension TokenizerTables {
  /// The keys of a `tokenizer.json` that differ between CLIPs.
  private struct File: Decodable {
    let model: Model
    let added_tokens: [SpelledToken]?

    struct Model: Decodable {
      let type: String?
      let vocab: [String: Int]
      let merges: [Merge]
      let end_of_word_suffix: String?
    }

    /// `"a b"` or `["a", "b"]`.
    struct Merge: Decodable {
      let parts: [String]

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
          parts = try container.decode([String].self)
        } catch {
          parts = try container.decode(String.self).split(
            separator: " ", omittingEmptySubsequences: false
          ).map(String.init)
        }
      }
    }
  }

  /// Reads a `tokenizer.json`, as transformers 5 writes it alone.
  ///
  /// - Throws: ``TokenizerError`` for another layout and for a tokenizer that is not CLIP's.
  fileprivate init(_ data: Data, file: String) throws(TokenizerError) {
    let found: File
    do {
      found = try JSONDecoder().decode(File.self, from: data)
    } catch {
      throw TokenizerError.invalidJSON(
        file: file, expected: "a byte-pair encoding with vocabulary and merges")
    }
    let suffix = found.model.end_of_word_suffix ?? ""
    guard suffix == ByteSymbols.endOfWord else {
      throw TokenizerError.invalidSetting(
        file: file, key: "end_of_word_suffix", value: "\"\(suffix)\"",
        expected: "\"\(ByteSymbols.endOfWord)\", as in every CLIP")
    }
    vocabulary = found.model.vocab
    merges = []
    for (index, merge) in found.model.merges.enumerated() {
      guard merge.parts.count == 2, !merge.parts[0].isEmpty, !merge.parts[1].isEmpty else {
        throw TokenizerError.malformedMerge(
          file: file, line: index + 1, text: merge.parts.joined(separator: " "))
      }
      merges.append((merge.parts[0], merge.parts[1]))
    }
    for token in found.added_tokens ?? [] {
      normalized[token.content] = token.normalized ?? false
    }
  }
}
