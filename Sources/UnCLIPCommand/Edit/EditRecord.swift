import Foundation
import UnCLIP

/// What an edited image was made from, as its PNG file's text chunk `edit` says; enough to make it
/// again from the same files.
struct EditRecord: Codable, Equatable, Sendable {
  /// A prompt or a file.
  struct Source: Codable, Equatable, Sendable {
    /// The prompt; nil for a file.
    var prompt: String?
    /// The path of the file; nil for a prompt.
    var file: String?
    /// The hash of the file; nil where an older version did not write it.
    var sha256: String?
    /// Its weight.
    var weight: Double
  }

  /// The sources that have a weight.
  var sources: [Source]
  /// Where denoising starts.
  var noise: ImageEdit.Noise
  /// The texts whose difference moves the embedding, and how far; nil without.
  var from: String?
  var to: String?
  var theta: Double?

  /// Records a frame of an edit of `inputs`.
  init(_ edit: ImageEdit, frame: Int, of inputs: [EditInput]) {
    let weights = edit.frames[frame].weights
    sources = zip(inputs, weights).filter { $0.1 > 0 }.map { input, weight in
      Source(
        prompt: input.path == nil ? input.text : nil, file: input.path, sha256: input.sha256,
        weight: weight)
    }
    noise = edit.noise
    from = edit.difference?.from
    to = edit.difference?.to
    theta = edit.difference.map { _ in edit.frames[frame].theta }
  }

  /// Reads an image's text chunks; nil for an image that was made from a prompt alone.
  /// - Throws: `CommandError.data` for a record that is impossible.
  init?(chunks: [String: String], file: String) throws(CommandError) {
    if let path = chunks["original"] {
      // The first versions recorded variations so.
      sources = [Source(file: path, weight: 1)]
      noise = .fresh
      return
    }
    guard let text = chunks["edit"] else { return nil }
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(text.utf8))
      try edit(of: sources.map { _ in .prompt("") }).validate()
    } catch {
      throw .data("\(file) says '\(text)' as its 'edit', which is not possible.")
    }
  }

  /// The chunk's text.
  func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// Returns the edit of one frame that this records.
  func edit(of sources: [ImageSource]) -> ImageEdit {
    var difference: ImageEdit.TextDifference?
    if let from, let to { difference = .init(from: from, to: to) }
    return ImageEdit(
      sources: sources,
      frames: [.init(weights: self.sources.map(\.weight), theta: theta ?? 0)],
      difference: difference, noise: noise)
  }

  /// Finds the sources of `image` again: among `given` files by their hashes, else at their paths.
  /// - Throws: `CommandError` where one is not there or is another file now; as
  ///   ``EditInput/init(file:)``.
  func inputs(given paths: [String], for image: String) throws -> [EditInput] {
    let given = try paths.map { try EditInput(file: $0) }
    return try sources.map { source in
      guard let file = source.file else { return EditInput(prompt: source.prompt ?? "") }
      func fits(_ input: EditInput) -> Bool {
        source.sha256 == nil || source.sha256 == input.sha256
      }
      if let found = given.first(where: fits) { return found }
      guard FileManager.default.fileExists(atPath: file) else {
        let known = given.isEmpty ? "" : " and is not what --source names"
        throw CommandError.noInput(
          "\(image) was made from \(file), which is not there any more\(known); say where it is "
            + "with --source.")
      }
      let input = try EditInput(file: file)
      guard fits(input) else {
        throw CommandError.data(
          "\(image) was made from another \(file) than the one that is there now; name the one it "
            + "was made from with --source (its SHA-256 is \(source.sha256 ?? "")).")
      }
      return input
    }
  }
}
