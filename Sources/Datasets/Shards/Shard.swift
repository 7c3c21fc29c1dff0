import Foundation
import Imaging

/// One mapped tar file of a data set, indexed by sample.
struct Shard: Sendable {
  struct Record: Sendable {
    let key: String
    let image: TarEntry
    let words: TarEntry
  }

  static let imageExtensions: Set<String> = ["png", "jpg", "jpeg", "webp"]

  let data: Data
  let file: String
  let records: [Record]

  /// Groups the entries by the name before the first dot, as WebDataset does.
  ///
  /// - Throws: `DataError.malformed` if the archive is damaged, an entry is of an unknown kind, or
  ///   a sample lacks its image or caption.
  init(contentsOf url: URL) throws(DataError) {
    file = url.path
    data = try FileBytes.map(url)
    var order: [String] = []
    var parts: [String: [String: TarEntry]] = [:]
    for entry in try TarReader.entries(of: data, file: url.path) {
      let folderEnd = entry.name.lastIndex(of: "/").map(entry.name.index(after:))
      let base = entry.name[(folderEnd ?? entry.name.startIndex)...]
      guard let dot = base.firstIndex(of: "."), dot > base.startIndex else {
        throw .malformed(
          file: url.path, entry: "entry \(entry.name)",
          problem: "the name has no extension; a sample is key.png with key.json or key.txt")
      }
      let key = String(entry.name[..<dot])
      let kind = base[base.index(after: dot)...].lowercased()
      if parts[key] == nil { order.append(key) }
      let slot = try Self.slot(kind, file: url.path, entry: entry.name)
      guard parts[key, default: [:]].updateValue(entry, forKey: slot) == nil else {
        throw .malformed(
          file: url.path, entry: "entry \(entry.name)",
          problem: "the sample \(key) has two files of this kind")
      }
    }
    var records: [Record] = []
    for key in order {
      guard let image = parts[key]?["image"] else {
        throw .malformed(
          file: url.path, entry: "sample \(key)",
          problem: "its image (png, jpg or webp) is missing")
      }
      guard let words = parts[key]?["json"] ?? parts[key]?["txt"] else {
        throw .malformed(
          file: url.path, entry: "sample \(key)", problem: "its caption (json or txt) is missing")
      }
      records.append(Record(key: key, image: image, words: words))
    }
    self.records = records
  }

  private static func slot(
    _ kind: String, file: String, entry: String
  ) throws(DataError) -> String {
    if imageExtensions.contains(kind) { return "image" }
    if kind == "json" || kind == "txt" { return kind }
    throw .malformed(
      file: file, entry: "entry \(entry)",
      problem: "files of kind .\(kind) are not read; png, jpg, webp, json and txt are")
  }

  /// Decodes the caption and metadata of a sample.
  ///
  /// - Throws: `DataError.malformed` if they are no JSON with a caption.
  func info(_ record: Record) throws(DataError) -> SampleInfo {
    let bytes = data[record.words.range]
    if record.words.name.hasSuffix(".txt") {
      return SampleInfo(
        caption: String(decoding: bytes, as: UTF8.self)
          .trimmingCharacters(in: .whitespacesAndNewlines))
    }
    do {
      return try JSONDecoder().decode(SampleInfo.self, from: Data(bytes))
    } catch {
      throw .malformed(
        file: file, entry: "entry \(record.words.name)",
        problem: "this is no caption of a sample (\(Manifest.brief(error)))")
    }
  }

  /// Returns the longer side of the stored image in pixels, read from its header.
  ///
  /// - Throws: `DataError.malformed` if it has none.
  func side(_ record: Record) throws(DataError) -> Int {
    do throws(ImageError) {
      let header = try ImageHeader.read(
        [UInt8](data[record.image.range]), name: record.image.name)
      return max(header.width, header.height)
    } catch {
      throw .malformed(file: file, entry: "entry \(record.image.name)", problem: "\(error)")
    }
  }

  /// Decodes the image to RGBA.
  ///
  /// - Throws: `DataError.malformed` if it cannot be decoded.
  func image(_ record: Record) throws(DataError) -> Image {
    do throws(ImageError) {
      return try ImageDecoder.decode([UInt8](data[record.image.range]), name: record.image.name)
        .converted(toChannels: 4)
    } catch {
      throw .malformed(file: file, entry: "entry \(record.image.name)", problem: "\(error)")
    }
  }
}
