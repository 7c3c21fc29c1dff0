import Config
import Foundation

/// The fields of a JSON record, by whatever tool: those of another name or type are passed over.
struct SampleFields: Decodable {
  let caption: String?
  let keywords: [String]?
  let source: String?
  let licence: String?
  let group: String?
  let style: String?
  let core: Bool?
  let part: DataSplit.Part?

  /// Names of the caption, in the order in which they are looked for.
  static let captionKeys = ["caption", "text", "prompt"]

  init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: JSONKey.self)
    caption = Self.caption(in: keys)
    keywords = keys.lenient([String].self, "keywords")
    source = keys.lenient(String.self, "source")
    licence = keys.lenient(String.self, "licence")
    group = keys.lenient(String.self, "group")
    style = keys.lenient(String.self, "style")
    core = keys.lenient(Bool.self, "core")
    part = keys.lenient(DataSplit.Part.self, "part")
  }

  /// Returns the caption in a record, of a list the first; nil if it has none or it is blank.
  static func caption(in keys: KeyedDecodingContainer<JSONKey>) -> String? {
    captionKeys.lazy.compactMap {
      keys.lenient(String.self, $0) ?? keys.lenient([String].self, $0)?.first
    }.map(normalized).first { !$0.isEmpty }
  }

  /// Returns the caption on one line, with single spaces.
  static func normalized(_ text: String) -> String {
    text.split { $0.isWhitespace }.joined(separator: " ")
  }

  /// Decodes the text of a JSON file or of an entry of a shard.
  ///
  /// - Throws: `SampleFault` for other text, or a caption that lost letters.
  static func decode(
    _ bytes: some Collection<UInt8>, name: String, file: String, entry: String? = nil
  ) throws(SampleFault) -> SampleFields {
    let text = try captionText(bytes, name: name, file: file, entry: entry)
    let fields: SampleFields
    do {
      fields = try JSONDecoder().decode(SampleFields.self, from: Data(text.utf8))
    } catch {
      throw SampleFault(
        "caption file that cannot be read", name,
        .malformed(
          file: file, entry: entry,
          problem: "this is no caption of a sample (\(Manifest.brief(error)))"))
    }
    // The same letter may stand there as an escape.
    if let caption = fields.caption {
      _ = try captionText(Array(caption.utf8), name: name, file: file, entry: entry)
    }
    return fields
  }

  /// Decodes the text of a caption file or of an entry of a shard.
  ///
  /// - Throws: `SampleFault` for another encoding.
  static func captionText(
    _ bytes: some Collection<UInt8>, name: String, file: String, entry: String? = nil
  ) throws(SampleFault) -> String {
    do throws(DataError) {
      return try FileBytes.text(bytes, file: file, entry: entry)
    } catch {
      throw SampleFault("caption that is not UTF-8", name, error)
    }
  }
}

extension KeyedDecodingContainer<JSONKey> {
  /// Returns the value of a key; nil if there is none or it is of another type.
  func lenient<Value: Decodable>(_ type: Value.Type, _ key: String) -> Value? {
    do {
      return try decodeIfPresent(type, forKey: JSONKey(key))
    } catch {
      return nil
    }
  }
}
