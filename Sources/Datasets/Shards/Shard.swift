import Foundation
import Imaging

/// One mapped tar file of a data set, indexed by sample.
package struct Shard: Sendable {
  struct Record: Sendable {
    let key: String
    let image: TarEntry
    /// `key.json`.
    let json: TarEntry?
    /// `key.txt` or `key.caption`.
    let text: TarEntry?
  }

  /// Extensions of the image files that are read.
  package static let imageExtensions: Set<String> = ["png", "jpg", "jpeg", "jpe", "jfif", "webp"]

  let data: Data
  let file: String
  let records: [Record]
  /// Samples that are skipped: of an image format that is not read, or without a caption.
  let faults: [SampleFault]
  /// Captions without an image.
  let unused: [String]

  /// Groups the entries by the name before the first dot, as WebDataset does; files of other kinds,
  /// without an extension or of the system are passed over.
  ///
  /// - Throws: `DataError.unreadable`, or `.malformed` if the archive is damaged.
  init(contentsOf url: URL) throws(DataError) {
    file = url.path
    data = try FileBytes.map(url)
    var order: [String] = []
    var files: [String: [String: TarEntry]] = [:]
    for entry in try TarReader.entries(of: data, file: url.path) {
      let base = PathName.base(entry.name)
      guard let dot = base.firstIndex(of: "."), dot > base.startIndex else { continue }
      let key = String(entry.name[..<dot])
      let kind = base[base.index(after: dot)...].lowercased()
      let slot = Self.imageExtensions.contains(kind) ? "image" : kind
      if files[key] == nil { order.append(key) }
      // Of two images or two captions of a sample the first is taken.
      if files[key]?[slot] == nil { files[key, default: [:]][slot] = entry }
    }
    var records: [Record] = []
    var faults: [SampleFault] = []
    var unused: [String] = []
    for key in order {
      guard let files = files[key] else { continue }
      let (json, text) = (files["json"], files["txt"] ?? files["caption"])
      func fault(_ kind: String, _ problem: String) {
        faults.append(
          SampleFault(
            kind, key, .malformed(file: url.path, entry: "sample \(key)", problem: problem)))
      }
      if let image = files["image"] {
        if json != nil || text != nil {
          records.append(Record(key: key, image: image, json: json, text: text))
        } else {
          fault("image without a caption", "its caption (json or txt) is missing")
        }
      } else if let format = files.keys.sorted().lazy
        .compactMap({ ForeignFormat(pathExtension: $0) }).first
      {
        fault("\(format.rawValue) image", format.problem)
      } else if let text {
        unused.append(text.name)
      }
    }
    (self.records, self.faults, self.unused) = (records, faults, unused)
  }

  /// Decodes the caption and metadata of a sample: the caption of the JSON file, else of the text.
  ///
  /// - Throws: `SampleFault` if neither holds a caption.
  func info(_ record: Record) throws(SampleFault) -> SampleInfo {
    var fields: SampleFields?
    var broken: SampleFault?
    if let json = record.json {
      do throws(SampleFault) {
        fields = try SampleFields.decode(
          data[json.range], name: record.key, file: file, entry: "entry \(json.name)")
      } catch {
        broken = error
      }
    }
    if let caption = fields?.caption { return SampleInfo(caption: caption, fields) }
    if let text = record.text {
      let entry = "entry \(text.name)"
      let caption = SampleFields.normalized(
        try SampleFields.captionText(data[text.range], name: record.key, file: file, entry: entry))
      if !caption.isEmpty { return SampleInfo(caption: caption, fields) }
      broken =
        broken
        ?? SampleFault(
          "empty caption", record.key,
          .malformed(file: file, entry: entry, problem: "the caption is empty"))
    }
    throw broken
      ?? SampleFault(
        "image without a caption", record.key,
        .malformed(
          file: file, entry: "entry \(record.json?.name ?? record.key)",
          problem: "it has no caption, text or prompt, and there is no txt file beside it"))
  }

  /// Returns the longer side of the stored image in pixels, read from its header.
  ///
  /// - Throws: `SampleFault` if it has none.
  func side(_ record: Record) throws(SampleFault) -> Int {
    do throws(ImageError) {
      let header = try ImageHeader.read(
        [UInt8](data[record.image.range]), name: record.image.name)
      return max(header.width, header.height)
    } catch {
      throw fault(error, of: record)
    }
  }

  /// Decodes the image to RGBA.
  ///
  /// - Throws: `SampleFault` if it cannot be decoded.
  func image(_ record: Record) throws(SampleFault) -> Image {
    let bytes = [UInt8](data[record.image.range])
    do throws(ImageError) {
      return try ImageDecoder.decode(bytes, name: record.image.name).converted(toChannels: 4)
    } catch {
      throw fault(error, of: record)
    }
  }

  private func fault(_ error: ImageError, of record: Record) -> SampleFault {
    SampleFault(
      error, start: data[record.image.range].prefix(12), name: record.key, file: file,
      entry: "entry \(record.image.name)")
  }
}
