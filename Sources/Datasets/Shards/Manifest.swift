public import Foundation

/// What a data set folder holds: `manifest.json` beside the shards.
public struct Manifest: Sendable, Equatable, Codable {
  /// One tar file of the set.
  public struct Shard: Sendable, Equatable, Codable {
    /// File name in the folder.
    public var file: String
    /// Number of samples inside.
    public var samples: Int
    /// Size of the file.
    public var bytes: Int
  }

  /// The constant `swift-unclip-dataset`.
  public var format: String
  /// The version of the layout, 1.
  public var version: Int
  /// Name of the set, the stem of its shards.
  public var name: String
  /// Number of samples in all.
  public var samples: Int
  /// Samples per source.
  public var sources: [String: Int]
  /// Samples per licence.
  public var licences: [String: Int]
  /// The tar files in order.
  public var shards: [Shard]

  static let formatName = "swift-unclip-dataset"
  static let fileName = "manifest.json"

  /// Reads `manifest.json` of a folder, or nil if there is none.
  ///
  /// - Throws: `DataError.malformed` if it is no manifest, of an unknown version, or names a file
  ///   outside the folder.
  public static func read(in directory: URL) throws(DataError) -> Manifest? {
    let url = directory.appendingPathComponent(fileName)
    guard FileBytes.exists(url) else { return nil }
    let text = try FileBytes.text(url)
    let manifest: Manifest
    do {
      manifest = try JSONDecoder().decode(Manifest.self, from: Data(text.utf8))
    } catch {
      throw .malformed(
        file: url.path, entry: nil,
        problem: "this is no data set manifest (\(Self.brief(error))); write the data set again")
    }
    guard manifest.format == formatName, manifest.version == 1 else {
      throw .malformed(
        file: url.path, entry: nil,
        problem: "the format is \(manifest.format) version \(manifest.version) but"
          + " \(formatName) version 1 is read; write the data set again")
    }
    for shard in manifest.shards where shard.file.contains("/") || shard.file.hasPrefix(".") {
      throw .malformed(
        file: url.path, entry: "shard \(shard.file)",
        problem: "a shard is a file name in the same folder, not a path")
    }
    return manifest
  }

  func write(in directory: URL) throws(DataError) {
    let url = directory.appendingPathComponent(Self.fileName)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let data: Data
    do {
      data = try encoder.encode(self)
    } catch {
      throw .unwritable(file: url.path, reason: Self.brief(error))
    }
    try FileBytes.write(data, to: url)
  }

  /// Returns a short phrase for a coding error.
  static func brief(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .keyNotFound(let key, _): return "the key \(key.stringValue) is missing"
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return "\(path) is no \(type)"
    case .dataCorrupted: return "it is not valid JSON"
    @unknown default: return "it cannot be decoded"
    }
  }
}
