import Files
import Foundation
import Imaging
import UnCLIP

/// What a file holds that images are made from.
protocol FileContent {
  /// Reads the bytes of the file at `url`.
  static func read(_ bytes: [UInt8], at url: URL) throws -> Self
}

extension Image: FileContent {
  static func read(_ bytes: [UInt8], at url: URL) throws -> Image {
    try ImageDecoder.decode(bytes, name: url.path)
  }
}

extension ImageSource: FileContent {
  /// Reads an image, or the latent of one.
  static func read(_ bytes: [UInt8], at url: URL) throws -> ImageSource {
    isLatent(url) ? .latent(try ImageLatent(contentsOf: url)) : .image(try .read(bytes, at: url))
  }

  /// Whether a file is taken for a latent, by its ending.
  static func isLatent(_ url: URL) -> Bool { url.pathExtension.lowercased() == "safetensors" }
}

extension EmbeddingPCA: FileContent {
  static func read(_ bytes: [UInt8], at url: URL) throws -> EmbeddingPCA {
    try EmbeddingPCA(contentsOf: url)
  }
}

/// A file that images are made from: its path, its content, and the hash that names the content.
struct SourceFile<Content: FileContent> {
  let path: String
  let sha256: String
  let content: Content

  /// Reads a file.
  /// - Throws: `ImageError`, `CheckpointError` and `LatentError`.
  init(_ path: String) throws {
    let bytes = try readFile(URL(fileURLWithPath: path))
    try self.init(path, bytes, sha256: Files.sha256(Data(bytes)))
  }

  /// Takes the bytes of a file that is recorded by another path than it lies at.
  /// - Throws: As ``init(_:)``.
  init(_ path: String, _ bytes: [UInt8], sha256: String) throws {
    self.path = path
    self.sha256 = sha256
    content = try Content.read(bytes, at: URL(fileURLWithPath: path))
  }

  /// The name without folder and ending.
  var name: String { URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent }

  /// What a record says of it.
  var recorded: EditRecord.File { .init(path: path, sha256: sha256) }
}

/// Finds the files again that an image was made from.
struct SourceFinder {
  /// The image.
  let image: String
  /// Files of `--source` and their hashes.
  private let given: [(path: String, sha256: String)]

  /// Hashes the files of `--source`.
  /// - Throws: `ImageError` for one that cannot be read.
  init(of image: String, given paths: [String]) throws(ImageError) {
    self.image = image
    given = try paths.map { path throws(ImageError) in
      (path, Files.sha256(Data(try readFile(URL(fileURLWithPath: path)))))
    }
  }

  /// Reads a recorded file: what `--source` names with its hash, else what lies at its path.
  ///
  /// The first versions recorded no hash; what `--source` names then is the file.
  /// - Throws: `CommandError` where it is not there, or another file now; as ``SourceFile/init(_:)``.
  func find<Content>(
    _ file: EditRecord.File, as type: Content.Type = Content.self
  ) throws -> SourceFile<Content> {
    if let found = given.first(where: { file.sha256 == nil || $0.sha256 == file.sha256 }) {
      return try SourceFile(found.path)
    }
    guard FileManager.default.fileExists(atPath: file.path) else {
      let known = given.isEmpty ? "" : " and is not what --source names"
      throw CommandError.noInput(
        "\(image) was made from \(file.path), which is not there any more\(known); say where it is "
          + "with --source.")
    }
    let bytes = try readFile(URL(fileURLWithPath: file.path))
    let sha256 = Files.sha256(Data(bytes))
    // Before it is read: another file may be of a kind that cannot be.
    guard file.sha256 == nil || file.sha256 == sha256 else {
      throw CommandError.data(
        "\(image) was made from another \(file.path) than the one that is there now; name the one it "
          + "was made from with --source (its SHA-256 is \(file.sha256 ?? "")).")
    }
    return try SourceFile(file.path, bytes, sha256: sha256)
  }
}
