import ArgumentParser
import CLIP
import Classics
import Datasets
import Foundation
import Imaging
import Torch
import Training

/// Images for a model: files, or the held-out ones of a data set.
struct ClassicImages: ParsableArguments {
  private static let countRange = OptionRange("--count", 1...10_000)

  @Argument(help: ArgumentHelp("Image files, or folders of them.", valueName: "image"))
  var images: [String] = []

  @OptionGroup var set: HeldOutOptions

  @Option(
    name: [.customShort("n"), .long],
    help: countRange.help("Largest number of images from --data"))
  var count = 16

  func validate() throws {
    if images.isEmpty == set.data.isEmpty {
      let both = images.isEmpty ? "" : ", not both"
      throw ValidationError("Give images or a data set with --data\(both).")
    }
    try Self.countRange.check(count)
  }

  /// Reads images `[B, C, S, S]` in [-1, 1] of the size that a model takes.
  /// - Throws: `CommandError.data` for an image of another size; `ImageError`, `DataError`.
  func tensor(for shape: any ImageConfig, device: Device) throws -> Tensor {
    guard images.isEmpty else {
      let images = try ImageFiles(images).paths.map { try Self.image($0, shape) }
      return Tensor(images: images, range: .symmetric, device: device)
    }
    return try set.images(for: shape, limit: count, device: device).images
  }

  private static func image(_ file: String, _ shape: any ImageConfig) throws -> Image {
    let image = try Image(contentsOf: URL(fileURLWithPath: file))
    let side = shape.imageSize
    guard image.width == side, image.height == side else {
      throw CommandError.data(
        "\(file) is \(image.width) x \(image.height) pixels, but the model takes \(side) x "
          + "\(side): give it images of that size.")
    }
    return image.composited(over: (255, 255, 255)).converted(toChannels: shape.channels)
  }
}

/// `--data` and what of it is held out.
struct HeldOutOptions: ParsableArguments {
  private static let fractionRange = OptionRange("--held-out", 0.0...1)

  @Option(
    help: ArgumentHelp(
      "A data set folder, of which the held-out images are taken; may be given several "
        + "times.", valueName: "folder"))
  var data: [String] = []

  @Option(
    help: fractionRange.help(
      "The fraction of concepts that is held out",
      note: "as in the training configuration; of a set with a test split, that split is",
      valueName: "fraction"))
  var heldOut = 0.02

  func validate() throws {
    try Self.fractionRange.check(heldOut)
  }

  /// Reads held-out images.
  /// - Throws: `DataError`, `CommandError.data` when nothing is held out.
  func images(
    for shape: any ImageConfig, limit: Int, device: Device
  ) throws -> LabeledImages {
    let folders = data.map { URL(fileURLWithPath: $0, isDirectory: true) }
    let found = try LabeledImages.heldOut(
      in: folders, share: heldOut, size: shape.imageSize, channels: shape.channels, limit: limit,
      device: device)
    guard let found else {
      throw CommandError.data(
        "\(data.joined(separator: " and ")) holds no image that is held out: name the test "
          + "split, or give a larger fraction with --held-out.")
    }
    return found
  }
}

/// The file and the scale of a sheet of images.
struct SheetOptions: ParsableArguments {
  private static let scaleRange = OptionRange("--scale", 1...16)

  @Option(
    name: .out,
    help: ArgumentHelp("The sheet: a .png, .jpg or .webp file.", valueName: "file"))
  var out: String

  @Option(
    help: scaleRange.help("Every pixel becomes a square of n x n"))
  var scale = 2

  @OptionGroup var files: OutputFiles

  func validate() throws {
    if ImageFormat(pathExtension: URL(fileURLWithPath: out).pathExtension) == nil {
      throw ValidationError("--out is \(out), but its name must end in .png, .jpg or .webp.")
    }
    try Self.scaleRange.check(scale)
  }

  /// Checks the file before any work; `inputs` are what is read.
  /// - Throws: As ``OutputFiles/check(_:inputs:replacesFolders:)``.
  func check(inputs: [String] = []) throws(CommandError) {
    try files.check([OutputFile(out)], inputs: inputs)
  }

  /// Writes rows of images, `[B, C, S, S]` each, one below the other, so that a column belongs to
  /// one image. Columns beyond 16 continue below.
  func write(rows: [Tensor]) throws {
    let most = 16
    let cells = rows.map { [Image]($0) }
    let count = cells.first?.count ?? 0
    let ordered = stride(from: 0, to: count, by: most).flatMap { start in
      cells.flatMap { $0[start..<min(start + most, count)] }
    }
    try write(ordered, columns: min(most, count))
  }

  /// Writes images in a grid; a PNG file also says `text`.
  func write(
    _ images: [Image], columns: Int, text: [(key: String, value: String)] = []
  ) throws {
    let cells = images.map { image in
      scale == 1
        ? image
        : image.resized(
          width: image.width * scale, height: image.height * scale, filter: .box)
    }
    let url = URL(fileURLWithPath: out)
    let isPNG = ImageFormat(pathExtension: url.pathExtension) == .png
    try ContactSheet.grid(cells, columns: columns).write(
      to: url, text: isPNG ? text : [], replacing: files.force)
    try Output.line(url.path)
  }
}
