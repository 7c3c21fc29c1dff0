import Files
public import Foundation
import Imaging

/// Fashion-MNIST: 70,000 grey images of clothes, 28 pixels a side, in ten classes.
public struct FashionMNISTSource: IndexedSampleSource, Sendable {
  /// The gzipped IDX files of one split.
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

    /// Finds the files of a Debian package, downloading it when needed; `training` picks the 60,000
    /// training images, else the 10,000 test images.
    ///
    /// - Throws: `DataError.package` if the package cannot be had.
    public init(from packages: PackageStore, training: Bool = true) throws(DataError) {
      let stem = "usr/share/datasets/fashion-mnist/" + (training ? "train" : "t10k")
      let names = ["\(stem)-images-idx3-ubyte.gz", "\(stem)-labels-idx1-ubyte.gz"]
      let root = try packages.root(of: "dataset-fashion-mnist", containing: names)
      images = root.appendingPathComponent(names[0])
      labels = root.appendingPathComponent(names[1])
    }
  }

  /// Names of the classes in the order of their labels.
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

  /// Reads both files, at most the first `limit` images.
  ///
  /// - Throws: `DataError.unreadable`, or `.malformed` if a file is no IDX file of the right kind
  ///   or they do not fit each other.
  public init(_ files: Files, limit: Int = .max) throws(DataError) {
    let images = try IDXFile(files.images, axes: 3)
    let classes = try IDXFile(files.labels, axes: 1)
    (height, width) = (images.sizes[1], images.sizes[2])
    guard classes.sizes == [images.sizes[0]], (1...1024).contains(width),
      (1...1024).contains(height)
    else {
      throw .malformed(
        file: images.name, entry: nil,
        problem: "\(images.sizes[0]) images of \(width)x\(height) do not fit"
          + " \(classes.sizes[0]) labels in \(classes.name)")
    }
    count = min(max(0, limit), images.sizes[0])
    pixels = try images.values(count * width * height)
    labels = try classes.values(count)
    if let wrong = labels.first(where: { $0 > 9 }) {
      throw .malformed(
        file: classes.name, entry: nil, problem: "a label is \(wrong) but classes run from 0 to 9")
    }
    stem = files.images.lastPathComponent.hasPrefix("t10k") ? "test" : "train"
  }

  /// Returns the image at `index`, opaque, white on black as it is stored.
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
}

/// An IDX file of unsigned bytes, gzipped or not: a magic number, the sizes, the values.
struct IDXFile {
  let name: String
  let sizes: [Int]
  private let bytes: [UInt8]

  init(_ url: URL, axes: Int) throws(DataError) {
    name = url.lastPathComponent
    let stored = try FileBytes.read(url)
    bytes = Gzip.isGzip(stored) ? try Gzip.unpacked(stored, file: name) : stored
    do {
      let (name, magic) = (name, 2048 + axes)
      sizes = try bytes.withUnsafeBytes { bytes in
        let reader = ByteReader(bytes)
        let found = try reader.uint32(at: 0)
        guard found == magic else {
          throw DataError.malformed(
            file: name, entry: nil,
            problem: "the file begins with \(found) but an IDX file of this kind with \(magic)")
        }
        return try (1...axes).map { try reader.uint32(at: 4 * $0) }
      }
    } catch let error as DataError {
      throw error
    } catch {
      throw .malformed(file: name, entry: nil, problem: "\(error)")
    }
  }

  /// Returns the first `count` values.
  func values(_ count: Int) throws(DataError) -> [UInt8] {
    let start = 4 + 4 * sizes.count
    guard count <= bytes.count - start else {
      let problem = ByteReader.Ended(count: bytes.count, needed: start + count)
      throw .malformed(file: name, entry: nil, problem: "\(problem)")
    }
    return Array(bytes[start..<start + count])
  }
}
