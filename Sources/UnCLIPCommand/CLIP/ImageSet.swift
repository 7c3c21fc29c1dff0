import ArgumentParser
import Datasets
import Foundation
import Imaging

/// Images to embed: files, or a data set in tar shards.
struct ImageSetOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Image files, or folders of them.", valueName: "path"))
  var images: [String] = []

  @Option(
    help: ArgumentHelp("A folder of tar shards, whose images to embed.", valueName: "folder"))
  var data: String?

  /// Finds the images that the options name; nil where they name none.
  /// - Throws: `CommandError`, `DataError`.
  func source() throws -> ImageSet? {
    if let data {
      return .shards(try ShardReader(directory: URL(fileURLWithPath: data, isDirectory: true)))
    }
    return images.isEmpty ? nil : .files(try ImageFiles(images))
  }
}

/// Images by their index, read when they are wanted.
enum ImageSet {
  case files(ImageFiles)
  case shards(ShardReader)

  /// A name of each image.
  var names: [String] {
    switch self {
    case .files(let files): files.paths
    case .shards(let reader): reader.keys
    }
  }

  /// What is known not to be readable.
  var faults: [SampleFault] {
    switch self {
    case .files(let files): files.faults
    case .shards: []
    }
  }

  /// Reads some images; returns those that can be read, with their indices.
  /// - Throws: As ``SkippedImages/read(_:)``.
  func read(
    _ indices: Range<Int>, _ skipped: SkippedImages
  ) throws(DataError) -> (indices: [Int], images: [Image]) {
    var (found, images): ([Int], [Image]) = ([], [])
    for index in indices {
      let read = try skipped.read { () throws(SampleFault) in try image(at: index) }
      guard let read else { continue }
      found.append(index)
      images.append(read)
    }
    return (found, images)
  }

  /// Reads one image.
  func image(at index: Int) throws(SampleFault) -> Image {
    switch self {
    case .files(let files):
      let path = files.paths[index]
      return try Image.sample(at: URL(fileURLWithPath: path), name: path)
    case .shards(let reader):
      return try reader.decoded(at: index).image
    }
  }
}
