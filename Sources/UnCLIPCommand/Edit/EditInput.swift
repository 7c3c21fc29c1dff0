import Files
import Foundation
import Imaging
import UnCLIP

/// What an image is made from, as a command names it: a prompt, or the file of an image or a latent.
enum EditInput {
  case prompt(String)
  case file(SourceFile<ImageSource>)

  /// Reads a file.
  /// - Throws: As ``SourceFile/init(_:)``.
  init(file path: String) throws { self = .file(try SourceFile(path)) }

  /// Reads a file, or takes a prompt: a file is what ends like an image or a latent.
  /// - Throws: As ``SourceFile/init(_:)``; `CommandError` for what may be either.
  init(_ text: String) throws {
    self = try Self.isFile(text) ? .init(file: text) : .prompt(text)
  }

  /// Its content.
  var source: ImageSource {
    switch self {
    case .prompt(let prompt): .prompt(prompt)
    case .file(let file): file.content
    }
  }

  /// The prompt; nil for a file.
  var prompt: String? { if case .prompt(let prompt) = self { prompt } else { nil } }

  /// The path; nil for a prompt.
  var path: String? { if case .file(let file) = self { file.path } else { nil } }

  /// A short name: the prompt, or the file's without its ending.
  var name: String {
    switch self {
    case .prompt(let prompt): prompt
    case .file(let file): file.name
    }
  }

  /// Whether a text names a file rather than being a prompt.
  /// - Throws: `CommandError` where only a person can tell.
  static func isFile(_ text: String) throws(CommandError) -> Bool {
    guard !text.isEmpty else { return false }
    let url = URL(fileURLWithPath: text)
    let ends = ImageFormat(pathExtension: url.pathExtension) != nil || ImageSource.isLatent(url)
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
