import Dispatch
import Foundation
import Imaging

/// The form in which images are handed out.
struct ImageOutput: Equatable {
  /// The format of the files.
  var format = ImageFormat.png
  /// The quality of a format that has one, 0 to 100.
  var quality = 100

  /// Returns an image's file in this form.
  ///
  /// - Parameters:
  ///   - png: The file as it is stored; it is returned as it is where nothing is to be changed.
  ///   - side: Columns and rows; nil keeps its own.
  /// - Throws: `ImageError`.
  func file(of png: Data, side: Int? = nil) throws(ImageError) -> Data {
    if format == .png {
      guard let side else { return png }
      let header = try ImageHeader.read(png, name: "image")
      if header.width == side, header.height == side { return png }
    }
    var image = try ImageDecoder.decode(png, name: "image")
    if let side { image = image.resized(width: side, height: side, filter: .lanczos) }
    switch format {
    case .png: return Data(try PNGEncoder.encode(image))
    case .jpeg:
      return Data(try JPEGEncoder.encode(image, quality: max(1, quality), fullColor: quality > 90))
    case .webp: return Data(try WebPEncoder.encode(image, quality: quality))
    }
  }
}

/// The name of an image's file in an address: `ID.png` as it is stored, `ID-512.png` in another size,
/// `ID-512-q80.webp` in another format.
struct ImageFileName: Equatable {
  /// The id of the image.
  var id: String
  /// The form of the file.
  var output = ImageOutput()
  /// Columns and rows; nil for its own.
  var side: Int?

  /// Names a file.
  init(id: String, output: ImageOutput = ImageOutput(), side: Int? = nil) {
    (self.id, self.output, self.side) = (id, output, side)
  }

  /// Reads a name; nil for what is none.
  init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard text.utf8.count <= 100, parts.count == 2,
      let format = ImageFormat(pathExtension: String(parts[1]))
    else { return nil }
    var words = parts[0].split(separator: "-", omittingEmptySubsequences: false)[...]
    guard let id = words.popFirst(), !id.isEmpty, id.utf8.count <= 64,
      id.utf8.allSatisfy("0123456789abcdef".utf8.contains)
    else { return nil }
    self.id = String(id)
    output.format = format
    if let side = words.first.flatMap({ Int($0) }) {
      guard GenerationRequest.sizes.contains("\(side)x\(side)") else { return nil }
      self.side = side
      words.removeFirst()
    }
    if let word = words.first, word.first == "q", let quality = Int(word.dropFirst()) {
      guard format != .png, (0...100).contains(quality) else { return nil }
      output.quality = quality
      words.removeFirst()
    }
    guard words.isEmpty, text == self.text else { return nil }
  }

  /// The name.
  var text: String {
    let ending = output.format == .jpeg ? "jpg" : output.format.rawValue.lowercased()
    return id + (side.map { "-\($0)" } ?? "")
      + (output.format == .png ? "" : "-q\(output.quality)") + "." + ending
  }

  /// What an address is signed for.
  var signed: String { text.hasSuffix(".png") ? String(text.dropLast(4)) : text }
}

/// Decoding and encoding of images, one after the other and beside the tasks that answer requests.
enum ImageWork {
  private static let queue = DispatchQueue(label: "images", qos: .utility)

  /// Does such work.
  static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { done in
      queue.async { done.resume(with: Result { try body() }) }
    }
  }
}
