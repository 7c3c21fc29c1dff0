public import Foundation

extension CLIPTokenizer {
  /// Reads a tokenizer folder of the Hugging Face layout: `vocab.json`, `merges.txt`,
  /// `tokenizer_config.json` and, when there, `special_tokens_map.json`, which has the last word
  /// on special tokens.
  ///
  /// Throws: ``TokenizerError`` for a missing or broken file, a merge of unknown symbols, a
  /// special token outside the vocabulary, an impossible context length.
  public init(folder: URL) throws(TokenizerError) {
    let vocabularyURL = folder.appending(path: "vocab.json")
    let mergesURL = folder.appending(path: "merges.txt")
    let configURL = folder.appending(path: "tokenizer_config.json")
    let mapURL = folder.appending(path: "special_tokens_map.json")

    guard let vocabulary = VocabularyFile.parse(try Self.contents(of: vocabularyURL)) else {
      throw TokenizerError.invalidJSON(
        file: vocabularyURL.path, expected: "a table of tokens and ids")
    }
    let merges = try Self.readMerges(at: mergesURL)
    let config = try Self.decode(
      TokenizerConfig.self, at: configURL, expected: "tokenizer settings")
    var map = TokenizerConfig()
    if FileManager.default.fileExists(atPath: mapURL.path) {
      map = try Self.decode(TokenizerConfig.self, at: mapURL, expected: "a table of special tokens")
    }

    // transformers writes 1e30 for "no limit"; no CLIP tower is that long.
    let length = config.model_max_length ?? 77
    guard length >= 2 else {
      throw TokenizerError.invalidSetting(
        file: configURL.path, key: "model_max_length", value: "\(length)", expected: "at least 2")
    }
    try self.init(
      vocabulary: vocabulary, merges: merges,
      start: (map.bos_token ?? config.bos_token)?.token ?? Self.stockStart,
      end: (map.eos_token ?? config.eos_token)?.token ?? Self.stockEnd,
      padding: (map.pad_token ?? config.pad_token)?.token ?? Self.stockEnd,
      contextLength: length > 1_000_000 ? 77 : Int(length),
      vocabularyFile: vocabularyURL.path, mergesFile: mergesURL.path)
  }

  /// Writes the four files of the Hugging Face layout; the same tokenizer gives the same bytes.
  ///
  /// Throws: ``TokenizerError/unwritable(file:reason:)``.
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
        file: folder.path, reason: "the folder cannot be made, \(error.localizedDescription)")
    }
    let files = [
      ("vocab.json", "{\(vocabulary)}"), ("merges.txt", "#version: 0.2\n\(merges)"),
      ("tokenizer_config.json", config), ("special_tokens_map.json", "{\n\(specials)\n}\n"),
    ]
    for (name, text) in files {
      let url = folder.appending(path: name)
      do {
        try Data(text.utf8).write(to: url, options: .atomic)
      } catch {
        throw TokenizerError.unwritable(file: url.path, reason: error.localizedDescription)
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
    do {
      return try Data(contentsOf: url)
    } catch {
      throw TokenizerError.missingFile(file: url.path)
    }
  }

  /// Reads lines of two symbols; a first line that begins with `#version` is a heading.
  private static func readMerges(
    at url: URL
  ) throws(TokenizerError) -> [(left: String, right: String)] {
    let text = [UInt8](try contents(of: url))
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

/// A JSON string; the tokens hold no control characters.
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

  /// A token given as its text or as an object.
  struct Entry: Decodable {
    let token: SpecialToken

    private struct Spelled: Decodable {
      let content: String
      let normalized: Bool?
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      do {
        token = SpecialToken(try container.decode(String.self))
      } catch {
        let spelled = try container.decode(Spelled.self)
        token = SpecialToken(spelled.content, isNormalized: spelled.normalized ?? false)
      }
    }
  }
}
