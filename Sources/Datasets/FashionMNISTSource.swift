public import Foundation
import Imaging

/// Fashion-MNIST: 70,000 grey images of clothes, 28 pixels a side, in ten classes.
public struct FashionMNISTSource: IndexedSampleSource, Sendable {
  /// The gzipped IDX files of one part.
  public struct Files: Sendable {
    /// Images, magic 2051.
    public var images: URL
    /// Classes, magic 2049.
    public var labels: URL

    /// Names the files.
    public init(images: URL, labels: URL) {
      self.images = images
      self.labels = labels
    }

    /// Finds the files of a Debian package, which is downloaded where it is missing; `training`
    /// selects the 60,000 training images, else the 10,000 test images.
    ///
    /// - Throws: `DataError.package` if the package is not available.
    public init(from packages: PackageStore, training: Bool = true) throws(DataError) {
      let stem = "usr/share/datasets/fashion-mnist/" + (training ? "train" : "t10k")
      let names = ["\(stem)-images-idx3-ubyte.gz", "\(stem)-labels-idx1-ubyte.gz"]
      let root = try packages.root(of: "dataset-fashion-mnist", containing: names)
      images = root.appendingPathComponent(names[0])
      labels = root.appendingPathComponent(names[1])
    }
  }

  /// Names of the classes in the order of their numbers.
  public static let classes = [
    "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
  ]

  /// Number of images.
  public let count: Int
  /// The class of each image, 0 ... 9.
  public let labels: [UInt8]
  private let pixels: [UInt8]
  private let width: Int
  private let height: Int
  private let stem: String

  /// Reads both files; `limit` keeps only the first images.
  ///
  /// - Throws: `DataError.unreadable`, or `.malformed` if a file is no IDX file of the right kind
  ///   or the files do not match.
  public init(_ files: Files, limit: Int = .max) throws(DataError) {
    let images = try Self.inflated(files.images)
    let classes = try Self.inflated(files.labels)
    let image = ByteReader(bytes: images, file: files.images.lastPathComponent)
    let label = ByteReader(bytes: classes, file: files.labels.lastPathComponent)
    try Self.check(image, magic: 2051)
    try Self.check(label, magic: 2049)
    let total = try image.uint32(at: 4)
    height = try image.uint32(at: 8)
    width = try image.uint32(at: 12)
    guard try label.uint32(at: 4) == total, (1...1024).contains(width), (1...1024).contains(height)
    else {
      throw .malformed(
        file: image.file, entry: nil,
        problem: "\(total) images of \(width)x\(height) do not fit"
          + " \(try label.uint32(at: 4)) labels in \(label.file)")
    }
    count = min(max(0, limit), total)
    pixels = try image.slice(at: 16, count: count * width * height)
    labels = try label.slice(at: 8, count: count)
    if let wrong = labels.first(where: { $0 > 9 }) {
      throw .malformed(
        file: label.file, entry: nil, problem: "a label is \(wrong) but classes run from 0 to 9")
    }
    stem = files.images.lastPathComponent.hasPrefix("t10k") ? "test" : "train"
  }

  /// Returns the image at `index`, opaque, white on black as stored.
  public func sample(at index: Int) throws(DataError) -> Sample {
    let bytes = width * height
    let image = Image(
      width: width, height: height, channels: 1,
      pixels: Array(pixels[index * bytes..<(index + 1) * bytes]))
    let name = Self.classes[Int(labels[index])]
    return Sample(
      key: "fashion_\(stem)_\(index)", image: image.converted(toChannels: 4), caption: name,
      source: "fashion-mnist", licence: "MIT", group: "Fashion/\(name)", style: "photo",
      part: stem == "test" ? .heldOut : .train)
  }

  private static func check(_ reader: ByteReader, magic: Int) throws(DataError) {
    let found = try reader.uint32(at: 0)
    guard found == magic else {
      throw .malformed(
        file: reader.file, entry: nil,
        problem: "the file begins with \(found) but an IDX file of this kind with \(magic)")
    }
  }

  /// Reads a file, unpacked if it is gzipped.
  static func inflated(_ url: URL) throws(DataError) -> [UInt8] {
    let bytes = try FileBytes.read(url)
    return Gzip.isGzip(bytes)
      ? try Gzip.unpacked(bytes, file: url.lastPathComponent) : bytes
  }
}
