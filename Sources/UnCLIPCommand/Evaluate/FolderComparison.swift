import Datasets
import Files
import Foundation
import ImageMetrics
import Imaging
import Training

/// Two folders of images, compared as sets.
struct FolderComparison {
  let features: ImageFeatures
  let strictness: StrictOption
  let progress: ProgressReporter

  /// The features of a set of images, and what was met while they were read.
  struct Gathered {
    var set: FeatureSet
    /// Images that could not be read, by the reason.
    var skipped: [ImportReport.Count] = []
    /// The first images, small enough for a page.
    var shown: [Image] = []
  }

  /// Images of a row of the page.
  private static let shown = 12

  /// Reads the images of folders a few at a time, and computes their features.
  ///
  /// - Parameter name: What progress calls them.
  /// - Throws: `CommandError.data` for fewer than two images that can be read; what reading throws.
  func gather(_ folders: [String], name: String) throws -> Gathered {
    let sets = try folders.map(Self.images)
    let skipped = try SkippedImages(sets.flatMap(\.faults), strictness)
    var found = Gathered(set: FeatureSet(width: features.source.width))
    let all = sets.reduce(0) { $0 + $1.names.count }
    var done = 0
    for images in sets {
      for start in stride(from: 0, to: images.names.count, by: ImageFeatures.batch) {
        let end = min(start + ImageFeatures.batch, images.names.count)
        let (_, read) = try images.read(start..<end, skipped)
        if !read.isEmpty { found.set.add(try features(read)) }
        for image in read where found.shown.count < Self.shown {
          found.shown.append(image.fitted(inSquareOf: 128))
        }
        done += end - start
        progress.update(name, step: done, of: all)
      }
    }
    let place = folders.joined(separator: ", ")
    try skipped.finish(found: found.set.count)
    found.skipped = skipped.counts
    guard found.set.count > 1 else {
      throw CommandError.data(
        "\(place) holds 1 image that can be read, but only sets of 2 or more can be compared; give "
          + "more images.")
    }
    return found
  }

  /// As ``gather(_:name:)``, from a file if it is there, else written to it.
  ///
  /// - Throws: `FeatureError` for a file of other features or other images; `CheckpointError`.
  func gather(_ folders: [String], name: String, cachedIn file: URL) throws -> Gathered {
    let images = folders.isEmpty ? nil : try Self.fingerprint(of: folders)
    if FileManager.default.fileExists(atPath: file.path) {
      return Gathered(
        set: try FeatureSet(contentsOf: file, source: features.source, images: images))
    }
    let found = try gather(folders, name: name)
    try found.set.write(to: file, source: features.source, images: images ?? "")
    return found
  }

  private static func existing(_ folder: String) throws(CommandError) -> URL {
    guard FileManager.default.fileExists(atPath: folder) else {
      throw .noInput("There is no folder \(folder); name a folder of images.")
    }
    return URL(fileURLWithPath: folder, isDirectory: true)
  }

  /// The images of a folder: of tar shards if it holds any, else its files.
  private static func images(_ folder: String) throws -> ImageSet {
    let url = try existing(folder)
    guard FileManager.default.isFolder(url) else {
      throw CommandError.data("\(folder) is a file; name the folder of images that it lies in.")
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw CommandError.data("\(folder) cannot be read: \(reason(of: error)).")
    }
    if names.contains(where: { $0.lowercased().hasSuffix(".tar") }) {
      return .shards(try ShardReader(directory: url))
    }
    return .files(try ImageFiles([folder]))
  }

  /// A hash of the names and sizes of all files in the folders.
  private static func fingerprint(of folders: [String]) throws -> String {
    var fingerprint = Fingerprint()
    for folder in folders {
      let url = try existing(folder)
      do {
        for name in try FolderWalk(url).files {
          let values = try url.appending(path: name).resourceValues(forKeys: [.fileSizeKey])
          fingerprint.add("\(name) \(values.fileSize ?? 0)")
        }
      } catch {
        throw CommandError.data("\(folder) cannot be read: \(reason(of: error)).")
      }
    }
    return fingerprint.text
  }
}
