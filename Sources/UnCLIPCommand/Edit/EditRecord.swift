import Foundation
import UnCLIP

/// How an image was made from others, as its PNG file's text chunk `edit` says; with the settings and
/// the same files enough to make it again.
struct EditRecord: Codable, Equatable, Sendable {
  /// What was done.
  enum Operation: String, Codable, CaseIterable, Sendable {
    case vary, interpolate, diff, mix
    case inpaint, outpaint, upscale, probe
    /// Generated from a prompt, starting from an image.
    case start = "image-to-image"

    /// Whether it mixes embeddings and noises: an ``ImageEdit``.
    var mixesLatents: Bool { [.vary, .interpolate, .diff, .mix].contains(self) }
  }

  /// A file by path and content.
  struct File: Codable, Equatable, Sendable {
    var path: String
    /// The hash; nil where an older version did not write it.
    var sha256: String?

    enum CodingKeys: String, CodingKey {
      case path = "file"
      case sha256
    }
  }

  /// A prompt or a file.
  struct Source: Codable, Equatable, Sendable {
    /// The prompt; nil for a file.
    var prompt: String?
    /// The path of the file; nil for a prompt.
    var path: String?
    var sha256: String?
    /// Its weight among several; 1 if nil.
    var weight: Double?

    enum CodingKeys: String, CodingKey {
      case prompt, sha256, weight
      case path = "file"
    }

    /// The file; nil for a prompt.
    var file: File? { path.map { File(path: $0, sha256: sha256) } }
  }

  var operation: Operation
  /// What it was made from; of several only what has a weight.
  var sources: [Source]
  /// The mask; nil where the image's transparency says what is generated anew.
  var mask: File?
  /// The principal components; nil for the model's own.
  var pca: File?
  /// Where denoising starts.
  var noise: ImageEdit.Noise?
  /// The texts whose difference moves the embedding, and how far.
  var from: String?
  var to: String?
  var theta: Double?
  // Below: what differs from an operation's defaults, named as its options are.
  var strength: Double?
  var feather: Int?
  var invertsMask: Bool?
  var resizesMask: Bool?
  var window: Int?
  var left: Int?
  var top: Int?
  var right: Int?
  var bottom: Int?
  var tile: Int?
  var upsampler: Upsampler.Level?
  var components: [Int]?
  var columns: Int?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case operation, sources, mask, pca, noise, from, to, theta, strength, feather, window, left, top
    case right, bottom, tile, upsampler, components, columns
    case invertsMask = "invert_mask"
    case resizesMask = "resize_mask"
  }

  /// Begins the record of what is made of one file.
  init(_ operation: Operation, of file: File) {
    self.operation = operation
    sources = [Source(path: file.path, sha256: file.sha256)]
  }

  /// Records a frame of an edit of `inputs`.
  init(_ operation: Operation, _ edit: ImageEdit, frame: Int, of inputs: [EditInput]) {
    self.operation = operation
    let weighted = zip(inputs, edit.frames[frame].weights).filter { $0.1 > 0 }
    sources = weighted.map { input, weight in
      let weight = weighted.count == 1 ? nil : weight
      switch input {
      case .prompt(let prompt): return Source(prompt: prompt, weight: weight)
      case .file(let file): return Source(path: file.path, sha256: file.sha256, weight: weight)
      }
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
      self.init(.vary, of: File(path: path))
      noise = .fresh
      return
    }
    guard let text = chunks["edit"] else { return nil }
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(text.utf8))
    } catch {
      let shown = text.count > 200 ? text.prefix(200) + "…" : text
      throw .data("\(file) says '\(shown)' as its 'edit', which is not possible.")
    }
    if let (key, value) = impossible {
      throw .data(
        "\(file) says '\(value)' as '\(key.rawValue)' of its 'edit', which is not possible.")
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
      frames: [.init(weights: self.sources.map { $0.weight ?? 1 }, theta: theta ?? 0)],
      difference: difference, noise: noise ?? .fresh)
  }

  // MARK: Checks

  /// The first value that no command writes, and its key; anyone may have written the file.
  private var impossible: (CodingKeys, value: String)? {
    let prompts = sources.compactMap(\.prompt)
    let isMixed = operation == .interpolate || operation == .mix
    guard isMixed ? !sources.isEmpty : sources.count == 1, isMixed || prompts.isEmpty,
      sources.allSatisfy({ ($0.prompt == nil) != ($0.path == nil) })
    else {
      return (.sources, sources.map { $0.path ?? $0.prompt ?? "" }.joined(separator: ", "))
    }
    do throws(RequestError) {
      var weights = edit(of: sources.map { _ in .prompt("") })
      weights.frames[0].theta = 0
      try weights.validate()
    } catch {
      return (.sources, sources.map { "\($0.weight ?? 1)" }.joined(separator: ", "))
    }
    for (key, value, isAllowed) in [
      (.theta, theta, ImageEdit.thetaRange.contains),
      (.strength, strength, { $0 > 0 && Inpainting.strengthRange.contains($0) }),
    ] as [(CodingKeys, Double?, (Double) -> Bool)] {
      if let value, !isAllowed(value) { return (key, "\(value)") }
    }
    for (key, value, range) in [
      (.feather, feather, Inpainting.featherRange), (.window, window, Inpainting.windowRange),
      (.left, left, Inpainting.spaceRange), (.top, top, Inpainting.spaceRange),
      (.right, right, Inpainting.spaceRange), (.bottom, bottom, Inpainting.spaceRange),
      (.tile, tile, UnCLIPPipeline.tileRange), (.columns, columns, ProbeCommand.columnRange.range),
    ] as [(CodingKeys, Int?, ClosedRange<Int>)] {
      if let value, !range.contains(value) { return (key, "\(value)") }
    }
    guard operation == .probe else { return nil }
    let components = components ?? []
    let isPossible =
      ComponentList.countRange.contains(components.count) && components.allSatisfy { $0 >= 0 }
    return isPossible ? nil : (.components, components.map(String.init).joined(separator: ","))
  }
}
