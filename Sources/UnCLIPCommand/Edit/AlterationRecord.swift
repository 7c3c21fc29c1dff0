import Files
import Foundation
import Imaging
import UnCLIP

/// An image that a command reads, with what names its content.
struct SourceImage {
  let path: String
  let sha256: String
  let image: Image

  /// Reads a PNG, JPEG or WebP file.
  /// - Throws: `ImageError`.
  init(_ path: String) throws(ImageError) {
    let url = URL(fileURLWithPath: path)
    let data = Data(try readFile(url))
    self.path = path
    sha256 = Files.sha256(data)
    image = try ImageDecoder.decode(data, name: path)
  }
}

/// How an image was made from another, as in its PNG file's text chunks beside the settings.
struct AlterationRecord: Equatable, Sendable {
  /// What was done.
  enum Operation: String, CaseIterable, Sendable {
    case inpaint, outpaint, upscale
    /// Generated from a prompt, starting from an image.
    case start = "image-to-image"
  }

  /// A file by path and content.
  struct File: Equatable, Sendable {
    var path: String
    var sha256: String
  }

  /// A number of an operation, by its key in the metadata.
  enum Number: String, CaseIterable, Sendable {
    case strength, window, feather, tile, left, top, right, bottom
    case maskInverted = "mask_inverted"
    case maskResized = "mask_resized"

    /// What it may be; all but the strength are whole.
    func allows(_ value: Double) -> Bool {
      let range: ClosedRange<Int>
      switch self {
      case .strength: return value > 0 && Inpainting.strengthRange.contains(value)
      case .window: range = Inpainting.windowRange
      case .feather: range = Inpainting.featherRange
      case .tile: range = UnCLIPPipeline.tileRange
      case .left, .top, .right, .bottom: range = Inpainting.spaceRange
      case .maskInverted, .maskResized: range = 1...1
      }
      return Int(exactly: value).map(range.contains) ?? false
    }
  }

  var operation: Operation
  var source: File
  var mask: File?
  /// What differs from the operation's defaults.
  var numbers: [Number: Double]

  /// Texts by key, in the order they are written.
  var chunks: [(key: String, value: String)] {
    [("alteration", operation.rawValue), ("source", source.path), ("source_sha256", source.sha256)]
      + (mask.map { [("mask", $0.path), ("mask_sha256", $0.sha256)] } ?? [])
      + Number.allCases.compactMap { key in
        numbers[key].map { (key.rawValue, Self.short($0)) }
      }
  }

  /// Reads an image's text chunks; nil for one that was not made from another so.
  /// - Throws: `CommandError.data` for chunks that are missing or impossible.
  init?(chunks: [String: String], file: String) throws(CommandError) {
    guard let name = chunks["alteration"] else { return nil }
    func impossible(_ key: String, _ value: String) -> CommandError {
      .data("\(file) says '\(value)' as its '\(key)', which is not possible.")
    }
    guard let operation = Operation(rawValue: name) else { throw impossible("alteration", name) }
    guard let path = chunks["source"], let sha256 = chunks["source_sha256"] else {
      throw .data("\(file) does not say which image it was made from, so it cannot be made again.")
    }
    self.operation = operation
    source = File(path: path, sha256: sha256)
    if let path = chunks["mask"] {
      mask = File(path: path, sha256: chunks["mask_sha256"] ?? "")
    }
    numbers = [:]
    for key in Number.allCases {
      guard let text = chunks[key.rawValue] else { continue }
      guard let number = Double(text), key.allows(number) else {
        throw impossible(key.rawValue, text)
      }
      numbers[key] = number
    }
  }

  /// Groups what a command was given.
  init(
    _ operation: Operation, of source: SourceImage, mask: SourceImage? = nil,
    _ numbers: [Number: Double?] = [:]
  ) {
    self.operation = operation
    self.source = File(path: source.path, sha256: source.sha256)
    self.mask = mask.map { File(path: $0.path, sha256: $0.sha256) }
    self.numbers = numbers.compactMapValues { $0 }
  }

  /// A number of the record as a whole one; nil where it has none.
  func whole(_ key: Number) -> Int? { numbers[key].map { Int($0) } }

  private static func short(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
