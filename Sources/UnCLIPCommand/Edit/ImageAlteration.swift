import Foundation
import Imaging
import UnCLIP

/// One image made from another: what is recorded of it, and the images themselves. Commands make
/// it from their options, and `verify` from a record.
struct ImageAlteration {
  let record: AlterationRecord
  private let source: SourceImage
  /// What is generated anew; nil where there is no mask or new space.
  private let inpainting: Inpainting?

  /// Joins a record and its images.
  ///
  /// - Throws: `CommandError.data` for a mask that does not fit the image or says nothing.
  init(_ record: AlterationRecord, source: SourceImage, mask: SourceImage? = nil) throws {
    self.record = record
    self.source = source
    switch record.operation {
    case .upscale, .start:
      inpainting = nil
    case .inpaint, .outpaint:
      var inpainting = try Self.inpainting(record, source, mask)
      inpainting.window = record.whole(.window)
      inpainting.strength = record.numbers[.strength] ?? 1
      self.inpainting = inpainting
    }
  }

  /// Makes what a record says again.
  ///
  /// - Parameters:
  ///   - sources: Files among which image and mask are looked for, by their hashes, before the
  ///     recorded paths.
  ///   - file: The image that has the record.
  /// - Throws: `CommandError.noInput` for a file that is not there any more, `.data` for one with
  ///   another content; `ImageError`.
  init(repeating record: AlterationRecord, among sources: [String], file: String) throws {
    let given = try sources.map { try SourceImage($0) }
    func find(_ recorded: AlterationRecord.File) throws -> SourceImage {
      if let image = given.first(where: { $0.sha256 == recorded.sha256 }) { return image }
      guard FileManager.default.fileExists(atPath: recorded.path) else {
        let known = given.isEmpty ? "" : " and is not what --source names"
        throw CommandError.noInput(
          "\(file) was made from \(recorded.path), which is not there any more\(known); say where it "
            + "is with --source.")
      }
      let image = try SourceImage(recorded.path)
      guard image.sha256 == recorded.sha256 else {
        throw CommandError.data(
          "\(file) was made from another \(recorded.path) than the one that is there now; name the "
            + "one it was made from with --source (its SHA-256 is \(recorded.sha256)).")
      }
      return image
    }
    try self.init(record, source: find(record.source), mask: record.mask.map(find))
  }

  /// Parts that the model must have for it.
  func parts(for settings: GenerationSettings) -> [ModelFolder.Part] {
    switch record.operation {
    case .upscale: [.upsampler]
    case .start: settings.sampling.priorKind.parts
    case .inpaint, .outpaint:
      settings.prompt.isEmpty ? [.imageEncoder] : settings.sampling.priorKind.parts
    }
  }

  /// The stages that run, besides those of every image.
  func stages(for settings: GenerationSettings) -> Set<GenerationProgress.Stage> {
    switch record.operation {
    case .upscale: []
    case .start: [.text, .prior, .decoder]
    case .inpaint, .outpaint:
      settings.prompt.isEmpty ? [.text, .decoder] : [.text, .prior, .decoder]
    }
  }

  /// Generates the image.
  func image(
    with pipeline: UnCLIPPipeline, _ settings: GenerationSettings,
    progress: (GenerationProgress) throws -> Void
  ) throws -> Image {
    if let inpainting { return try pipeline.inpainted(inpainting, settings, progress: progress) }
    if record.operation == .upscale {
      return try pipeline.upscaled(
        source.image, sampling: settings.sampling, seed: settings.seed, tile: record.whole(.tile),
        progress: progress)
    }
    return try pipeline.image(
      settings, startingFrom: source.image, strength: record.numbers[.strength] ?? 1,
      progress: progress)
  }

  private static func inpainting(
    _ record: AlterationRecord, _ source: SourceImage, _ mask: SourceImage?
  ) throws(CommandError) -> Inpainting {
    var shape = mask?.image
    if let found = shape, let mask, (found.width, found.height) != source.size {
      guard record.numbers[.maskResized] != nil else {
        throw .data(
          "\(mask.path) is \(found.width)x\(found.height) pixels, but \(source.path) is "
            + "\(source.image.width)x\(source.image.height); give a mask of that size, or stretch "
            + "this one with --resize-mask.")
      }
      shape = found.resized(width: source.image.width, height: source.image.height)
    }
    do {
      guard record.operation == .inpaint else {
        return try Inpainting(
          extending: source.image, left: record.whole(.left) ?? 0, top: record.whole(.top) ?? 0,
          right: record.whole(.right) ?? 0, bottom: record.whole(.bottom) ?? 0)
      }
      return try Inpainting(
        source.image, mask: shape, isInverted: record.numbers[.maskInverted] != nil,
        feather: record.whole(.feather) ?? 0)
    } catch .mask(let fault) {
      throw .data(sentence(for: fault, image: source.path, mask: mask?.path))
    } catch {
      throw .usage("\(error)")
    }
  }

  private static func sentence(
    for fault: RequestError.MaskFault, image: String, mask: String?
  ) -> String {
    let name = mask ?? "the transparency of \(image)"
    return switch fault {
    case .keepsAll:
      "\(name) keeps all of \(image), so there is nothing to generate; make white, or transparent, "
        + "what is to be generated anew."
    case .keepsNothing:
      "\(name) keeps nothing of \(image); make black what is to stay, or generate an image from a "
        + "prompt with unclip generate."
    case .noTransparency:
      "\(image) has no transparency that says what to generate; give a mask with --mask."
    case .otherSize: "\(fault)"
    }
  }
}

extension SourceImage {
  fileprivate var size: (Int, Int) { (image.width, image.height) }
}
