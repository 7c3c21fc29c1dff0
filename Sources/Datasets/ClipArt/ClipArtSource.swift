import Dispatch
public import Foundation
import Imaging
import Synchronization

/// Things from the Open Clip Art collection with English names: about 1600 images.
///
/// Patterns, icon sets, maps, flags, images without an English caption, blank, tiny, huge and very
/// long ones, and near duplicates are skipped.
public struct ClipArtSource: SampleSource, Sendable {
  /// The folders and the word list that clip art is made from.
  public struct Files: Sendable {
    /// Folder of SVG files with metadata.
    public var drawings: URL
    /// Folder of their renderings as PNG at the same relative paths; nil renders the drawings anew.
    public var images: URL?
    /// English words, one a line.
    public var words: URL

    /// Names the folders and the word list.
    public init(drawings: URL, images: URL?, words: URL) {
      self.drawings = drawings
      self.images = images
      self.words = words
    }

    /// Finds the files of Debian packages, downloading them when needed.
    ///
    /// - Parameters:
    ///   - packages: Where they are kept.
    ///   - rendered: Takes the package of renderings too, of which a twelfth have 1024 pixels.
    /// - Throws: `DataError.package` if a package cannot be had.
    public init(from packages: PackageStore, rendered: Bool = true) throws(DataError) {
      let folder = "usr/share/openclipart"
      let list = "usr/share/dict/american-english"
      drawings = try packages.root(of: "openclipart-svg", containing: ["\(folder)/svg"])
        .appendingPathComponent("\(folder)/svg")
      images =
        rendered
        ? try packages.root(of: "openclipart-png", containing: ["\(folder)/png"])
          .appendingPathComponent("\(folder)/png") : nil
      words = try packages.root(of: "wamerican", containing: [list]).appendingPathComponent(list)
    }
  }

  private struct Item: Sendable {
    let path: String
    let image: URL
    let caption: String
    let keywords: [String]
  }

  /// Longest side of an image, in pixels; larger ones are reduced, and what is rendered anew is as large.
  public let largestSide: Int
  private let items: [Item]

  /// Reads the metadata of all drawings; images are decoded by `forEachSample`.
  ///
  /// - Parameters:
  ///   - files: Where they are.
  ///   - largestSide: The longest side of an image, in pixels; larger ones are reduced.
  /// - Throws: `DataError.unreadable`; `.package` if `rsvg-convert` is needed and missing; `.empty` if no
  ///   drawing has an English name and an image.
  public init(_ files: Files, largestSide: Int = 512) throws(DataError) {
    self.largestSide = largestSide
    if files.images == nil { try DrawingRenderer.check() }
    items = try Self.candidates(files)
    guard !items.isEmpty else {
      throw .empty(
        directory: files.drawings.path, reason: "no drawing has an English name and an image")
    }
  }

  /// Number of drawings with an English name; about a tenth are blank, tiny or like another one.
  public var estimatedCount: Int { items.count }

  /// Gives the images trimmed, padded by 8 % to a square and at most `largestSide` pixels a side.
  ///
  /// - Throws: What `body` throws.
  public func forEachSample(_ body: (Sample) throws(DataError) -> Void) throws(DataError) {
    var fingerprints: [ImageFingerprint] = []
    let chunk = 32
    for start in stride(from: 0, to: items.count, by: chunk) {
      let range = start..<min(items.count, start + chunk)
      let ready = Mutex<[Int: (Image, ImageFingerprint)]>([:])
      DispatchQueue.concurrentPerform(iterations: range.count) { offset in
        let file = items[start + offset].image
        guard let framed = FramedClipArt(file, largestSide: largestSide) else { return }
        ready.withLock { $0[start + offset] = (framed.image, framed.fingerprint) }
      }
      for index in range {
        guard let (image, fingerprint) = ready.withLock({ $0[index] }),
          !fingerprints.contains(where: { $0.isNear(fingerprint) })
        else { continue }
        fingerprints.append(fingerprint)
        try body(sample(items[index], image))
      }
    }
  }

  private func sample(_ item: Item, _ image: Image) -> Sample {
    let folder = item.path.split(separator: "/").dropLast().joined(separator: "/")
    return Sample(
      key: Self.key(item.path), image: image, caption: item.caption, keywords: item.keywords,
      source: "openclipart", licence: "CC-PDDC", group: folder, style: "clip art",
      isCore: ClipArtWords.isCore(folder))
  }

  private static func key(_ path: String) -> String {
    let name = path.dropLast(4).map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
    return "clipart_" + String(name.suffix(80))
  }

  // MARK: Words

  private static func candidates(_ files: Files) throws(DataError) -> [Item] {
    let lines = try FileBytes.text(files.words).split(whereSeparator: \.isNewline)
    let filter = ClipArtWords(dictionary: Set(lines.map { $0.lowercased() }))
    var found: [(path: String, metadata: ClipArtMetadata)] = []
    var titles: [String: Int] = [:]
    for path in try FileBytes.list(files.drawings, extensions: ["svg"], followingLinks: false) {
      let bytes = try FileBytes.read(files.drawings.appendingPathComponent(path))
      let metadata: ClipArtMetadata
      do throws(DataError) {
        metadata = try ClipArtMetadata(svg: bytes, file: path)
      } catch {
        continue  // without readable metadata there is no caption
      }
      titles[metadata.title.lowercased(), default: 0] += 1
      if metadata.isPublicDomain, ClipArtWords.isObject(path) { found.append((path, metadata)) }
    }
    var items: [Item] = []
    var images: Set<String> = []
    for (path, metadata) in found {
      let count = titles[metadata.title.lowercased()] ?? 0
      guard let caption = filter.caption(for: path, metadata, titleCount: count) else { continue }
      let drawing = files.drawings.appendingPathComponent(path)
      let image =
        files.images.map {
          $0.appendingPathComponent(String(path.dropLast(3)) + "png").resolvingSymlinksInPath()
        } ?? drawing
      guard FileBytes.exists(image), images.insert(image.path).inserted else { continue }
      items.append(
        Item(
          path: path, image: image, caption: caption,
          keywords: ClipArtWords.keywords(metadata, path: path, caption: caption)))
    }
    return items
  }
}
