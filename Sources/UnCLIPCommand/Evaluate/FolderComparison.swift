import Datasets
import Distribution
import Files
import Foundation
import ImageMetrics
import Imaging
import Torch
import Training

/// Two folders of images, compared as sets.
struct FolderComparison {
  let features: ImageFeatures
  let strictness: StrictOption
  let progress: ProgressReporter
  /// The processes that share the work.
  let ranks: Ranks

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

  /// Some images of a set, whose features are computed at once.
  private struct Batch {
    var images: ImageSet
    var range: Range<Int>
  }

  /// Reads the images of folders a few at a time, and computes their features. Several processes take
  /// turns with the batches, and the first adds them up in the order of the images, so that the result is
  /// that of one process, bit for bit.
  ///
  /// - Parameter name: What progress calls them.
  /// - Returns: In the first process; nil in the others.
  /// - Throws: `CommandError.data` for fewer than two images that can be read; what reading throws.
  func gather(_ folders: [String], name: String) throws -> Gathered? {
    let sets = try ranks.agreeing { try folders.map(Self.images) }
    let names = sets.flatMap(\.names)
    if ranks.count > 1 {
      try ranks.requireSame([("the images of \(name)", Self.fingerprint(of: names))])
    }
    let skipped = try ranks.agreeing {
      try SkippedImages(sets.flatMap(\.faults), strict: strictness.strict)
    }
    let batches = sets.flatMap { images in
      stride(from: 0, to: images.names.count, by: ImageFeatures.batch).map { start in
        Batch(
          images: images, range: start..<min(start + ImageFeatures.batch, images.names.count))
      }
    }
    var found = Gathered(set: FeatureSet(width: features.source.width))
    var done = 0
    for start in stride(from: 0, to: batches.count, by: ranks.count) {
      let round = batches[start..<min(start + ranks.count, batches.count)]
      let (indices, rows) = try gather(round)
      try ranks.onRoot {
        var row = 0
        for (batch, indices) in zip(round, indices) {
          try add(batch, indices, to: &found, skipped)
          if !indices.isEmpty { found.set.add(rows[row..<row + indices.count]) }
          row += indices.count
          done += batch.range.count
        }
        progress.update(name, step: done, of: names.count)
      }
    }
    return try ranks.onRoot {
      try skipped.finish(found: found.set.count)
      found.skipped = skipped.counts
      guard found.set.count > 1 else {
        throw CommandError.data(
          "\(folders.joined(separator: ", ")) holds 1 image that can be read, but only sets of 2 or "
            + "more can be compared; give more images.")
      }
      return found
    }
  }

  /// Computes the features of a batch in each process.
  ///
  /// - Returns: For each batch, the images that can be read; the features of all, in order.
  private func gather(_ round: ArraySlice<Batch>) throws -> (indices: [[Int]], rows: Tensor) {
    let own = try ranks.agreeing { () -> (indices: [Int], rows: Tensor) in
      let none = Tensor.zeros([0, features.source.width])
      guard ranks.rank < round.count else { return ([], none) }
      let batch = round[round.startIndex + ranks.rank]
      // What cannot be read is reported by the first process.
      let quiet = try SkippedImages([], strict: false)
      let (indices, images) = try batch.images.read(batch.range, quiet)
      return (indices, images.isEmpty ? none : try features(images))
    }
    let indices = try ranks.gathered(JSONEncoder().encode(own.indices)).map {
      try JSONDecoder().decode([Int].self, from: $0)
    }
    return (indices, try ranks.gather(own.rows.to(.float32), counts: indices.map(\.count)))
  }

  /// Notes what of a batch cannot be read, and keeps the first images of all.
  private func add(
    _ batch: Batch, _ indices: [Int], to found: inout Gathered, _ skipped: SkippedImages
  ) throws {
    let isRead = Set(indices)
    for index in batch.range {
      let isShown = found.shown.count < Self.shown
      guard isShown || !isRead.contains(index) else { continue }
      let image = try skipped.read { () throws(SampleFault) in
        try batch.images.image(at: index)
      }
      if isShown, let image { found.shown.append(image.fitted(inSquareOf: 128)) }
    }
  }

  /// As ``gather(_:name:)``, from a file if it is there, else written to it; without one if nil.
  ///
  /// - Throws: `FeatureError` for a file of other features or other images; `CheckpointError`.
  func gather(_ folders: [String], name: String, cachedIn file: URL?) throws -> Gathered? {
    guard let file else { return try gather(folders, name: name) }
    let kept = try ranks.onRoot { () -> Gathered? in
      guard FileManager.default.fileExists(atPath: file.path) else { return nil }
      return Gathered(
        set: try FeatureSet(
          contentsOf: file, source: features.source, images: try fingerprint(folders)))
    }
    if try ranks.any(kept.flatMap(\.self) != nil) { return kept.flatMap(\.self) }
    let found = try gather(folders, name: name)
    try ranks.onRoot {
      try found?.set.write(
        to: file, source: features.source, images: try fingerprint(folders) ?? "")
    }
    return found
  }

  private func fingerprint(_ folders: [String]) throws -> String? {
    folders.isEmpty ? nil : try Self.fingerprint(ofFilesIn: folders)
  }

  private static func fingerprint(of names: [String]) -> String {
    var fingerprint = Fingerprint()
    for name in names { fingerprint.add(name) }
    return fingerprint.text
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
  private static func fingerprint(ofFilesIn folders: [String]) throws -> String {
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
