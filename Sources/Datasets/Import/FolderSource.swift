import Files
public import Foundation
import Imaging

/// A folder of images with captions, as people and other tools lay them out.
///
/// The caption of `cat.png` is that of `cat.txt`, `cat.caption` or `cat.json` beside it, or of a row
/// in `metadata.jsonl` or `metadata.csv`. Images in WebDataset tar files are read too. An image
/// without a caption takes one by its ``Fallback``.
public struct FolderSource: IndexedSampleSource, Sendable {
  /// What an image without a caption takes for one.
  public enum Fallback: String, Sendable, CaseIterable {
    /// Its name, `red apple` of `red_apple.jpg`, unless that is a number or a camera's; then the name
    /// of its folder.
    case auto
    /// The name of its folder, as in folders of classes.
    case folder
    /// Its name.
    case name
    /// None: it is skipped.
    case skip
  }

  /// The folder.
  public let directory: URL
  /// Paths of the images, relative to the folder, sorted.
  public let paths: [String]
  private let keys: [String]
  private let licence: String
  private let style: String?
  private let largestSide: Int
  private let fallback: Fallback
  private let texts: CaptionFiles
  private let table: CaptionTable
  private let shards: ShardReader?
  private let faults: [SampleFault]
  private let unused: ImportReport

  /// Lists the images; those with a side above `largestSide` pixels will be reduced.
  ///
  /// - Throws: `DataError.unreadable` if the folder is missing, `.empty` if it holds no image.
  public init(
    directory: URL, licence: String = "unknown", style: String? = nil, largestSide: Int = 512,
    fallback: Fallback = .auto
  ) throws(DataError) {
    self.directory = directory
    self.licence = licence
    self.style = style
    self.largestSide = largestSide
    self.fallback = fallback
    let walk = try FileBytes.walk(directory)
    let paths = walk.files.filter { Shard.imageExtensions.contains(PathName.pathExtension($0)) }
    self.paths = paths
    let tars = walk.files.filter { PathName.pathExtension($0) == "tar" }
    let table = CaptionTable(walk.files, in: directory)
    let texts = CaptionFiles(walk.files, images: paths, in: directory)
    (self.table, self.texts) = (table, texts)
    var faults = walk.unreadable.map(SampleFault.init(unreadable:))
    faults += walk.files.compactMap { SampleFault(foreign: $0, in: directory) }
    faults += table.faults
    faults += Self.parquetTables(walk.files, tars: tars, in: directory)
    var unused = ImportReport()
    for path in texts.withoutImage(paths) { unused.add(unused: "text file of no image", path) }
    let known = Set(paths)
    for path in table.entries.keys.sorted() where !known.contains(path) {
      unused.add(unused: "row of no image", path)
    }
    for path in table.repeated { unused.add(unused: "further row of an image", path) }
    let shards =
      tars.isEmpty
      ? nil
      : try ShardReader(directory: directory, files: tars, skippingFiles: true, &faults)
    if let shards { unused.addUnused(of: shards.report) }
    self.shards = shards
    self.faults = faults
    self.unused = unused
    guard !paths.isEmpty || shards?.count ?? 0 > 0 else {
      let first = faults.first.map { "; \($0.error.description.dropLast())" } ?? ""
      throw .empty(
        directory: directory.path, reason: "there is no .png, .jpg, .webp or .tar file\(first)")
    }
    keys = Self.keys(paths.map(PathName.stem) + (shards?.keys ?? []))
  }

  /// Tables that are not read; those of img2dataset repeat the captions in the tar file beside them.
  private static func parquetTables(
    _ files: [String], tars: [String], in directory: URL
  ) -> [SampleFault] {
    let shards = Set(tars.map(PathName.stem))
    return files.compactMap { path in
      guard PathName.pathExtension(path) == "parquet", !shards.contains(PathName.stem(path)) else {
        return nil
      }
      return SampleFault(
        "Parquet table", path,
        .malformed(
          file: directory.appendingPathComponent(path).path, entry: nil,
          problem:
            "Parquet tables are not read; write the captions to metadata.csv, as pandas does "
            + "with read_parquet(\"\(PathName.base(path))\").to_csv(\"metadata.csv\", index=False)")
      )
    }
  }

  /// Makes a key of each name, letters and digits alone, with a number where two would be alike.
  private static func keys(_ names: [String]) -> [String] {
    var taken: Set<String> = []
    var numbers: [String: Int] = [:]
    return names.map { name in
      let plain = String(
        name.suffix(70).map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
      var key = "file_\(plain)"
      while !taken.insert(key).inserted {
        numbers[plain, default: 1] += 1
        key = "file_\(plain)_\(numbers[plain] ?? 0)"
      }
      return key
    }
  }

  /// Number of images.
  public var count: Int { keys.count }

  /// Returns the image at `index` with its caption.
  ///
  /// - Throws: `DataError` if the image or its caption cannot be read.
  public func sample(at index: Int) throws(DataError) -> Sample {
    var report = ImportReport()
    do throws(SampleFault) {
      return try sample(at: index, &report)
    } catch {
      throw error.error
    }
  }

  /// Gives each sample in order to `body` and skips what cannot be read.
  ///
  /// - Parameters:
  ///   - strict: Whether the first file that cannot be read ends it instead.
  ///   - body: Takes each sample.
  /// - Returns: Where the captions came from, and what was skipped.
  /// - Throws: What `body` throws, and `DataError` of the first file when `strict`.
  public func forEachSample(
    strict: Bool, _ body: (Sample) throws(DataError) -> Void
  ) throws(DataError) -> ImportReport {
    var report = unused
    for fault in faults {
      if strict { throw fault.error }
      report.add(fault)
    }
    for index in 0..<count {
      let sample: Sample
      do throws(SampleFault) {
        sample = try self.sample(at: index, &report)
      } catch {
        if strict { throw error.error }
        report.add(error)
        continue
      }
      try body(sample)
    }
    return report
  }

  private func sample(
    at index: Int, _ report: inout ImportReport
  ) throws(SampleFault) -> Sample {
    guard index < paths.count else { return try shardSample(at: index, &report) }
    let path = paths[index]
    let (caption, origin) = try caption(of: path)
    let image = try Image.sample(at: directory.appendingPathComponent(path), name: path)
    report.add(caption: origin, path)
    let folder = PathName.folder(path)
    return Sample(
      key: keys[index], image: reduced(image).converted(toChannels: 4), caption: caption,
      source: "folder", licence: licence, group: folder.isEmpty ? nil : folder, style: style)
  }

  private func shardSample(
    at index: Int, _ report: inout ImportReport
  ) throws(SampleFault) -> Sample {
    guard let shards else { preconditionFailure("image \(index) of \(count) lies nowhere") }
    var sample = try shards.decoded(at: index - paths.count)
    report.add(caption: "tar", sample.key)
    sample.key = keys[index]
    sample.image = reduced(sample.image)
    if sample.licence == "unknown" { sample.licence = licence }
    sample.style = sample.style ?? style
    return sample
  }

  private func caption(of path: String) throws(SampleFault) -> (text: String, origin: String) {
    if let (text, kind) = try texts.caption(of: path) { return (text, ".\(kind)") }
    if let entry = table.entries[path] { return (entry.caption, entry.origin) }
    let name = NameCaption(PathName.base(PathName.stem(path)))
    let folder = NameCaption(PathName.base(PathName.folder(path)))
    switch fallback {
    case .auto where !name.isDescriptive && folder.isDescriptive:
      return (folder.text, ImportReport.folderName)
    case .folder where !folder.text.isEmpty: return (folder.text, ImportReport.folderName)
    case .auto, .folder, .name:
      return (name.text.isEmpty ? "image" : name.text, ImportReport.fileName)
    case .skip:
      throw SampleFault(
        "image without a caption", path,
        .malformed(
          file: directory.appendingPathComponent(path).path, entry: nil,
          problem: "it has no caption; write one into a .txt file of the same name"))
    }
  }

  private func reduced(_ image: Image) -> Image {
    let long = max(image.width, image.height)
    guard long > largestSide else { return image }
    return image.resized(
      width: max(1, image.width * largestSide / long),
      height: max(1, image.height * largestSide / long), filter: .lanczos)
  }
}

/// The words of a file's or folder's name.
struct NameCaption {
  /// The words, with spaces between them.
  let text: String
  /// True if a word says what is shown: false for `IMG_1234`, `0007` and hashes.
  let isDescriptive: Bool

  init(_ name: Substring) {
    let words = name.split { $0 == "_" || $0 == "-" || $0.isWhitespace }
    text = words.joined(separator: " ")
    let isHash = name.count >= 16 && name.allSatisfy { $0.isHexDigit || $0 == "-" }
    isDescriptive =
      !isHash
      && words.contains { word in
        word.count > 1 && word.allSatisfy(\.isLetter)
          && !Self.cameraWords.contains(word.lowercased())
      }
  }

  private static let cameraWords: Set<String> = [
    "img", "image", "images", "imag", "dsc", "dscn", "dscf", "pic", "pict", "picture", "photo",
    "photos", "frame", "file", "screenshot", "scan", "pxl", "mvi", "vid", "dji", "gopr", "cimg",
    "sam", "wp", "wa", "untitled", "sample", "train", "test", "val", "data",
  ]
}
