import Files
import Foundation
import Imaging
import UnCLIP

/// What an edit starts from, as a command names it: a prompt, an image, or the latent of one.
struct EditInput {
  /// The prompt, or the path.
  let text: String
  /// Its content.
  let source: ImageSource
  /// The hash of the file; nil for a prompt.
  let sha256: String?

  /// Takes a prompt.
  init(prompt: String) {
    (text, source, sha256) = (prompt, .prompt(prompt), nil)
  }

  /// Reads the file of an image or a latent.
  /// - Throws: `ImageError`, `CheckpointError` and `LatentError`.
  init(file: String) throws {
    let url = URL(fileURLWithPath: file)
    let bytes = try readFile(url)
    text = file
    source =
      Self.isLatent(url)
      ? .latent(try ImageLatent(contentsOf: url))
      : .image(try ImageDecoder.decode(bytes, name: url.path))
    sha256 = Files.sha256(Data(bytes))
  }

  /// Reads a file, or takes a prompt: a file is what ends like an image or a latent.
  /// - Throws: As ``init(file:)``; `CommandError` for what may be either.
  init(_ text: String) throws {
    if try Self.isFile(text) { try self.init(file: text) } else { self.init(prompt: text) }
  }

  /// The path; nil for a prompt.
  var path: String? { sha256 == nil ? nil : text }

  /// A short name: the prompt, or the file's without its ending.
  var name: String {
    path.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent } ?? text
  }

  /// The parts of a model that it needs.
  var parts: [ModelFolder.Part] {
    switch source {
    case .image: [.imageEncoder]
    // Which prior a prompt needs is a setting, which the editor checks.
    case .prompt, .latent: []
    }
  }

  private static func isLatent(_ url: URL) -> Bool {
    url.pathExtension.lowercased() == "safetensors"
  }

  /// Whether a text names a file rather than being a prompt.
  /// - Throws: `CommandError` where only a person can tell.
  static func isFile(_ text: String) throws(CommandError) -> Bool {
    guard !text.isEmpty else { return false }
    let url = URL(fileURLWithPath: text)
    let ends = ImageFormat(pathExtension: url.pathExtension) != nil || isLatent(url)
    let exists = FileManager.default.fileExists(atPath: url.path)
    if ends, !exists {
      throw .noInput(
        "\"\(text)\" ends like a file, but there is no such file; mend the path, or leave the "
          + "ending out of a prompt.")
    }
    guard !ends, exists, !FileManager.default.isFolder(url) else { return ends }
    guard text.contains("/") else {
      throw .usage(
        "\"\(text)\" may be a prompt, but is also a file here; write \"./\(text)\" for the file, "
          + "or another word in the prompt.")
    }
    return true
  }
}

extension [EditInput] {
  /// The paths of the files.
  var paths: [String] { compactMap(\.path) }
  /// The paths of the images, without latents.
  var imagePaths: [String] {
    filter { if case .image = $0.source { true } else { false } }.map(\.text)
  }
  /// The prompts.
  var prompts: [String] { filter { $0.path == nil }.map(\.text) }
  /// The parts of a model that any needs.
  var parts: [ModelFolder.Part] { flatMap(\.parts) }
}
