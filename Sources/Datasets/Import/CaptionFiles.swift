import Files
import Foundation

/// Text files that lie beside images and hold their captions.
struct CaptionFiles {
  /// Extensions in the order in which they are looked for.
  static let extensions = ["txt", "caption", "json"]

  private let directory: URL
  /// The file by its path without extension, then by its extension in lower case.
  private let files: [String: [String: String]]
  /// Those paths in lower case, for an image whose name differs in case only.
  private let lowered: [String: String]
  private let stems: Set<String>

  /// Finds the caption files among `paths`; `images` are the images that may have one.
  init(_ paths: [String], images: [String], in directory: URL) {
    self.directory = directory
    var files: [String: [String: String]] = [:]
    for path in paths {
      let kind = PathName.pathExtension(path)
      guard Self.extensions.contains(kind) else { continue }
      files[PathName.stem(path), default: [:]][kind] = path
    }
    self.files = files
    lowered = Dictionary(files.keys.sorted().map { ($0.lowercased(), $0) }) { first, _ in first }
    stems = Set(images.map(PathName.stem))
  }

  /// Returns the stem of an image's caption files: of the same name, of the name with the image's
  /// extension, or of a name in other case that is no other image's.
  private func stem(of image: String) -> String? {
    let stem = PathName.stem(image)
    if files[stem] != nil { return stem }
    if files[image] != nil { return image }
    guard let other = lowered[stem.lowercased()], !stems.contains(other) else { return nil }
    return other
  }

  /// Reads the caption of an image, with the extension of its file; nil if it has no caption file.
  ///
  /// - Throws: `SampleFault` for a file that cannot be read or has only a blank caption.
  func caption(of image: String) throws(SampleFault) -> (text: String, kind: String)? {
    guard let kinds = stem(of: image).flatMap({ files[$0] }) else { return nil }
    var blank: String?
    for kind in Self.extensions {
      guard let path = kinds[kind] else { continue }
      let url = directory.appendingPathComponent(path)
      let bytes: [UInt8]
      do throws(DataError) {
        bytes = try FileBytes.read(url)
      } catch {
        throw SampleFault("file that cannot be read", path, error)
      }
      if kind == "json" {
        if let caption = try SampleFields.decode(bytes, name: path, file: url.path).caption {
          return (caption, kind)
        }
        continue
      }
      let text = try SampleFields.captionText(bytes, name: path, file: url.path)
      let caption = SampleFields.normalized(text)
      if !caption.isEmpty { return (caption, kind) }
      blank = blank ?? path
    }
    guard let blank else { return nil }
    throw SampleFault(
      "empty caption", blank,
      .malformed(
        file: directory.appendingPathComponent(blank).path, entry: nil,
        problem: "the caption is empty; write what the image shows"))
  }

  /// Returns the text files that belong to no image.
  func withoutImage(_ images: [String]) -> [String] {
    let used = Set(images.compactMap(stem))
    return files.filter { !used.contains($0.key) }.values
      .flatMap { kinds in Self.extensions.compactMap { $0 == "json" ? nil : kinds[$0] } }.sorted()
  }
}
