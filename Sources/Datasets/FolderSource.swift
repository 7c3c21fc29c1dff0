public import Foundation
import Imaging

/// A folder of images, each with its caption in a text file of the same name beside it.
///
/// `cat.png` goes with `cat.txt`, also in subfolders, which become groups. An image without a text
/// file takes its file name as caption: `red_apple.jpg` is `red apple`.
public struct FolderSource: IndexedSampleSource, Sendable {
  /// The folder.
  public let directory: URL
  /// Paths of the images, relative to the folder, sorted.
  public let paths: [String]
  private let keys: [String]
  private let licence: String
  private let style: String?
  private let largestSide: Int

  /// Lists the images; those with a side above `largestSide` pixels will be reduced.
  ///
  /// - Throws: `DataError.unreadable` if the folder is missing, `.empty` if it holds no image.
  public init(
    directory: URL, licence: String = "unknown", style: String? = nil, largestSide: Int = 512
  ) throws(DataError) {
    self.directory = directory
    self.licence = licence
    self.style = style
    self.largestSide = largestSide
    paths = try FileBytes.list(directory, extensions: Shard.imageExtensions)
    guard !paths.isEmpty else {
      throw .empty(
        directory: directory.path,
        reason: "there is no .png, .jpg or .webp file; captions are"
          + " read from .txt files of the same names")
    }
    var taken: Set<String> = []
    keys = paths.map { path in
      let name = path.split(separator: ".").dropLast().joined(separator: "_")
      let plain = String(
        name.suffix(70).map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
      var key = "file_\(plain)"
      var number = 2
      while !taken.insert(key).inserted {
        key = "file_\(plain)_\(number)"
        number += 1
      }
      return key
    }
  }

  /// Number of images.
  public var count: Int { paths.count }

  /// Returns the image at `index` with its caption.
  ///
  /// - Throws: `DataError.malformed` if the image cannot be decoded or its caption is empty.
  public func sample(at index: Int) throws(DataError) -> Sample {
    let path = paths[index]
    let url = directory.appendingPathComponent(path)
    let image: Image
    do throws(ImageError) {
      image = try Image(contentsOf: url)
    } catch {
      throw .malformed(file: url.path, entry: nil, problem: "\(error)")
    }
    let folder = path.split(separator: "/").dropLast().joined(separator: "/")
    return Sample(
      key: keys[index], image: Self.reduced(image, to: largestSide).converted(toChannels: 4),
      caption: try caption(of: url), source: "folder", licence: licence,
      group: folder.isEmpty ? nil : folder, style: style)
  }

  private func caption(of url: URL) throws(DataError) -> String {
    let text = url.deletingPathExtension().appendingPathExtension("txt")
    guard FileBytes.exists(text) else {
      return url.deletingPathExtension().lastPathComponent
        .split { $0 == "_" || $0 == "-" || $0.isWhitespace }.joined(separator: " ")
    }
    let words = try FileBytes.text(text).split { $0.isWhitespace }.joined(separator: " ")
    guard !words.isEmpty else {
      throw .malformed(
        file: text.path, entry: nil, problem: "the caption is empty; write what the image shows")
    }
    return words
  }

  private static func reduced(_ image: Image, to side: Int) -> Image {
    let long = max(image.width, image.height)
    guard long > side else { return image }
    return image.resized(
      width: max(1, image.width * side / long), height: max(1, image.height * side / long),
      filter: .lanczos)
  }
}
