package import Files
package import Foundation
package import Imaging

/// Where captions came from, and what was skipped and why.
public struct ImportReport: Sendable, Equatable, Codable {
  /// How many files or samples have something in common, with the names of the first.
  public struct Count: Sendable, Equatable, Codable {
    /// What they have in common: `.txt`, `GIF image`.
    public var kind: String
    /// How many there are.
    public var count: Int
    /// The first names.
    public var examples: [String]
    /// Why the first was skipped, and what to do.
    public var reason: String?

    /// The number, and the first names in brackets.
    public var summary: String {
      "\(count) (\(examples.joined(separator: ", "))\(count > examples.count ? ", …" : ""))"
    }
  }

  /// Images by the source of their caption.
  public private(set) var captions: [Count] = []
  /// What was skipped, by the reason.
  public private(set) var skipped: [Count] = []
  /// Captions that were found and not used, by the reason.
  public private(set) var unused: [Count] = []

  private static let exampleCount = 3
  static let fileName = "file name"
  static let folderName = "folder name"

  /// Makes an empty report.
  public init() {}

  /// Images whose own or folder's name is their caption, as none was found.
  public var withoutCaption: [Count] {
    captions.filter { [Self.fileName, Self.folderName].contains($0.kind) }
  }

  /// A line for each kind of what was skipped, without a full stop.
  public var warnings: [String] {
    skipped.map { count in
      "skipped \(count.kind): \(count.summary)" + (count.reason.map { ": \($0)" } ?? "")
    }
  }

  mutating func add(caption kind: String, _ name: String) { Self.add(kind, name, to: &captions) }

  mutating func add(unused kind: String, _ name: String) { Self.add(kind, name, to: &unused) }

  /// Adds what is skipped.
  package mutating func add(_ fault: SampleFault) {
    Self.add(fault.kind, fault.name, fault.error.reason, to: &skipped)
  }

  /// Adds what another report lists as unused.
  mutating func addUnused(of other: ImportReport) { unused += other.unused }

  private static func add(
    _ kind: String, _ name: String, _ reason: String? = nil, to counts: inout [Count]
  ) {
    guard let index = counts.firstIndex(where: { $0.kind == kind }) else {
      return counts.append(Count(kind: kind, count: 1, examples: [name], reason: reason))
    }
    counts[index].count += 1
    if counts[index].examples.count < exampleCount { counts[index].examples.append(name) }
  }
}

/// Why one file or sample is skipped; `strict` throws its error instead.
package struct SampleFault: Error {
  /// The reason that it shares with others: `broken image`.
  let kind: String
  /// The file or sample.
  let name: String
  /// The whole sentence.
  package let error: DataError

  package init(_ kind: String, _ name: String, _ error: DataError) {
    (self.kind, self.name, self.error) = (kind, name, error)
  }

  /// An image that cannot be decoded; `start` are its first bytes.
  init(
    _ error: ImageError, start: some Collection<UInt8>, name: String, file: String,
    entry: String? = nil
  ) {
    let foreign = ForeignFormat(start: start)
    let kind: String
    var problem = ""
    switch error {
    case .unknownFormat:
      kind = foreign.map { "\($0.rawValue) image" } ?? "file that is no image"
      problem = foreign?.problem ?? "it is no image; give a PNG, JPEG or WebP file"
    case .animated:
      kind = "animated image"
      problem = "it is an animated WebP image; give a single frame"
    case .tooManyPixels(_, let width, let height, let limit):
      kind = "image that is too large"
      problem = "it has \(width)x\(height) pixels, over the limit of \(limit); make it smaller"
    case .tooManyBytes(_, let count, let limit):
      kind = "image that is too large"
      problem = "it has \(count) bytes, over the limit of \(limit); make it smaller"
    case .empty:
      kind = "broken image"
      problem = "the file is empty; fetch or save it again"
    case .damaged(_, let format, let reason):
      kind = "broken image"
      problem = "it is not a whole \(format.rawValue) file (\(reason)); fetch or save it again"
    case .unreadable(_, let reason):
      self.init("file that cannot be read", name, .unreadable(file: file, reason: reason))
      return
    case .unencodable, .unencodableAnimation, .unknownExtension, .unknownAnimation, .unwritable:
      kind = "broken image"
      problem = "\(error)"
    }
    self.init(kind, name, .malformed(file: file, entry: entry, problem: problem))
  }
}

extension SampleFault {
  /// An image file of a format that is not read, as its name says; nil for any other file.
  ///
  /// - Parameter name: What reports call it; the path if not given.
  package init?(foreign path: String, in folder: URL, name: String? = nil) {
    guard let format = ForeignFormat(pathExtension: PathName.pathExtension(path)) else {
      return nil
    }
    self.init(
      "\(format.rawValue) image", name ?? path,
      .malformed(
        file: folder.appendingPathComponent(path).path, entry: nil, problem: format.problem))
  }

  /// A subfolder that cannot be read.
  package init(unreadable fault: FileError) {
    self.init(
      "folder that cannot be read", fault.path,
      .unreadable(file: fault.path, reason: fault.reason))
  }
}

extension Image {
  /// Reads an image file that may be skipped.
  ///
  /// - Parameter name: What reports call it.
  package static func sample(at url: URL, name: String) throws(SampleFault) -> Image {
    do throws(ImageError) {
      return try Image(contentsOf: url)
    } catch {
      throw SampleFault(error, start: FileBytes.start(of: url), name: name, file: url.path)
    }
  }
}

/// An image format that is known and not read.
enum ForeignFormat: String, CaseIterable {
  case gif = "GIF"
  case heic = "HEIC"
  case avif = "AVIF"
  case tiff = "TIFF"
  case bmp = "BMP"
  case jpegXL = "JPEG XL"
  case jpeg2000 = "JPEG 2000"
  case svg = "SVG"
  case photoshop = "Photoshop"
  case raw = "camera raw"

  private static let extensions: [String: ForeignFormat] = [
    "gif": .gif, "heic": .heic, "heif": .heic, "hif": .heic, "avif": .avif, "tif": .tiff,
    "tiff": .tiff, "bmp": .bmp, "dib": .bmp, "jxl": .jpegXL, "jp2": .jpeg2000, "j2k": .jpeg2000,
    "svg": .svg, "psd": .photoshop, "dng": .raw, "cr2": .raw, "cr3": .raw, "nef": .raw,
    "arw": .raw, "orf": .raw, "rw2": .raw, "raf": .raw,
  ]

  /// The format of a file name's extension in lower case, or nil.
  init?(pathExtension: String) {
    guard let format = Self.extensions[pathExtension] else { return nil }
    self = format
  }

  /// The format that a file's first bytes announce, or nil.
  init?(start: some Collection<UInt8>) {
    let head = Array(start.prefix(12))
    let brand = head.count == 12 ? String(decoding: head[4...], as: UTF8.self) : ""
    if head.starts(with: Array("GIF8".utf8)) {
      self = .gif
    } else if head.starts(with: [0x49, 0x49, 0x2A, 0]) || head.starts(with: [0x4D, 0x4D, 0, 0x2A]) {
      self = .tiff
    } else if head.starts(with: Array("8BPS".utf8)) {
      self = .photoshop
    } else if brand == "ftypavif" || brand == "ftypavis" {
      self = .avif
    } else if brand.hasPrefix("ftyphe") || brand == "ftypmif1" || brand == "ftypmsf1" {
      self = .heic
    } else if head.starts(with: [0xFF, 0x0A]) || brand.hasPrefix("JXL ") {
      self = .jpegXL
    } else if brand.hasPrefix("jP  ") {
      self = .jpeg2000
    } else if head.starts(with: Array("BM".utf8)) {
      self = .bmp
    } else {
      return nil
    }
  }

  /// Why it is not read, and what to do.
  var problem: String { "\(rawValue) images are not read; convert it to PNG, JPEG or WebP" }
}
