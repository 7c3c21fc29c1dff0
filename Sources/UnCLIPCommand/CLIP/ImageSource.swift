import ArgumentParser
import Datasets
import Foundation
import Imaging

/// Images to embed: files, or a data set in tar shards.
struct ImageSourceOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Image files, or folders of them.", valueName: "path"))
  var images: [String] = []

  @Option(
    help: ArgumentHelp("A folder of tar shards, whose images to embed.", valueName: "folder"))
  var data: String?

  /// Finds the images that the options name; nil where they name none.
  /// - Throws: `CommandError`, `DataError`.
  func source() throws -> ImageSource? {
    if let data {
      return .shards(try ShardReader(directory: URL(fileURLWithPath: data, isDirectory: true)))
    }
    return images.isEmpty ? nil : .files(try ImageFiles.all(images))
  }
}

/// Images by their index, read when they are wanted.
enum ImageSource {
  case files([String])
  case shards(ShardReader)

  /// A name of each image.
  var names: [String] {
    switch self {
    case .files(let files): files
    case .shards(let reader): reader.keys
    }
  }

  /// Reads an image.
  /// - Throws: `ImageError`, `DataError`.
  func image(at index: Int) throws -> Image {
    switch self {
    case .files(let files): try Image(contentsOf: URL(fileURLWithPath: files[index]))
    case .shards(let reader): try reader.sample(at: index).image
    }
  }
}
