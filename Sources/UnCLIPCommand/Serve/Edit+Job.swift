import Foundation
import Imaging
import UnCLIP
import UnCLIPServer

/// The files that a job names, by the hash of their content.
struct StoredFiles {
  /// Where they lie.
  let paths: [String: String]

  /// Reads an image.
  /// - Throws: `JobFailure.invalid` for one that is not there or is none.
  func image(_ hash: String, field: String) throws(JobFailure) -> SourceFile<Image> {
    try read(hash, field: field)
  }

  /// Reads an image to make others of.
  /// - Throws: As ``image(_:field:)``.
  func input(_ hash: String, field: String) throws(JobFailure) -> EditInput {
    .file(try read(hash, field: field))
  }

  /// It is recorded by its hash with the ending of its format: the server's paths are its own, and
  /// who downloads the image can lay the file beside it.
  private func read<Content>(
    _ hash: String, field: String
  ) throws(JobFailure) -> SourceFile<Content> {
    guard let path = paths[hash], FileManager.default.fileExists(atPath: path) else {
      throw .invalid("There is no stored file \(hash); upload it again - '\(field)'", field: field)
    }
    do {
      let bytes = try readFile(URL(fileURLWithPath: path))
      let format = ImageFormat(bytes: bytes) ?? .png
      let ending = format == .jpeg ? "jpg" : format.rawValue.lowercased()
      return try SourceFile("\(hash).\(ending)", bytes, sha256: hash)
    } catch {
      let sentence = CommandEntry.sentence(for: error).replacing(path, with: hash)
      throw .invalid("\(sentence) - '\(field)'", field: field)
    }
  }
}

extension Edit {
  /// Makes the edit of a job; nil for images of a prompt alone.
  ///
  /// - Throws: `JobFailure.invalid` for files that do not serve; `RequestError` and `CommandError`
  ///   for what they cannot be used for.
  init?(_ request: JobRequest, _ stored: StoredFiles) throws {
    func input(_ index: Int) throws -> EditInput {
      let source = request.sources[index]
      guard let file = source.file else { return .prompt(source.prompt ?? "") }
      return try stored.input(file, field: "sources[\(index)]")
    }
    let noise = request.noise.flatMap(ImageEdit.Noise.init)
    switch request.operation {
    case .embed, .classify: return nil
    case .generate, .inpaint, .outpaint, .upscale:
      guard let hash = request.sources.first?.file else { return nil }
      let image = try stored.image(hash, field: "sources[0]")
      let mask = try request.mask.map { try stored.image($0, field: "mask") }
      let record = EditRecord(request, of: image.recorded, mask: mask?.recorded)
      try Self.check(record, image.content, mask: mask?.content)
      try self.init(record, image: image.content, mask: mask?.content)
    case .vary:
      let input = try input(0)
      self.init(.vary, .variation(of: input.source, noise: noise ?? .fresh), of: [input])
    case .diff:
      let input = try input(0)
      let edit = try ImageEdit.difference(
        of: input.source, by: .init(from: request.from ?? "", to: request.to ?? ""),
        theta: request.theta ?? 0.35, frames: request.count > 1 ? request.count : nil,
        noise: noise ?? .inverted)
      self.init(.diff, edit, of: [input])
    case .mix:
      let inputs = try request.sources.indices.map(input)
      let edit = try ImageEdit.mixture(
        of: zip(inputs, request.sources).map { ($0.source, $1.weight ?? 1) }, noise: noise ?? .fresh
      )
      self.init(.mix, edit, of: inputs)
    case .interpolate:
      let inputs = try request.sources.indices.map(input)
      let hasImage = inputs.contains { $0.path != nil }
      let count = request.count
      let fractions =
        count == 1
        ? [request.theta ?? 0.5] : (0..<count).map { Double($0) / Double(count - 1) }
      let edit = ImageEdit(
        sources: inputs.map(\.source),
        frames: fractions.map { .init(weights: Self.weights(at: $0, of: inputs.count)) },
        noise: noise ?? (hasImage ? .inverted : .fresh))
      self.init(.interpolate, edit, of: inputs)
    }
  }

  /// Checks image and mask as making the edit does, whose sentences name the command's options.
  private static func check(
    _ record: EditRecord, _ image: Image, mask: Image?
  ) throws(RequestError) {
    if record.operation == .inpaint {
      _ = try Inpainting(image, mask: mask, feather: record.feather ?? 0)
    } else if record.operation == .outpaint {
      _ = try Inpainting(
        extending: image, left: record.left ?? 0, top: record.top ?? 0, right: record.right ?? 0,
        bottom: record.bottom ?? 0)
    }
  }

  /// The weights of inputs at a fraction of the way from the first to the last.
  private static func weights(at fraction: Double, of count: Int) -> [Double] {
    let way = fraction * Double(count - 1)
    let start = min(Int(way), count - 2)
    var weights = Array(repeating: 0.0, count: count)
    (weights[start], weights[start + 1]) = (1 - (way - Double(start)), way - Double(start))
    return weights
  }
}

extension EditRecord {
  /// Records a job on one image's pixels.
  fileprivate init(_ request: JobRequest, of file: File, mask: File?) {
    func new(_ space: Int?) -> Int? { (space ?? 0) > 0 ? space : nil }
    switch request.operation {
    case .inpaint: self.init(.inpaint, of: file)
    case .outpaint: self.init(.outpaint, of: file)
    case .upscale: self.init(.upscale, of: file)
    default: self.init(.start, of: file)
    }
    self.mask = mask
    strength = request.operation == .generate ? request.strength ?? 0.6 : request.strength
    feather = request.feather
    // The first needs no word, as in the command's records.
    upsampler = request.upsampler.flatMap(Upsampler.Level.init).flatMap { $0 == .first ? nil : $0 }
    (left, top) = (new(request.left), new(request.top))
    (right, bottom) = (new(request.right), new(request.bottom))
  }
}
