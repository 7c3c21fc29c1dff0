import CLIP
import Foundation
import Imaging
import UnCLIP

/// An edit whose files are read: commands make it from their options, and `verify` from a record.
struct Edit {
  /// What is recorded of each frame; all but some mixtures of latents have one.
  let records: [EditRecord]
  private let work: Work

  private enum Work {
    case latents(ImageEdit)
    case inpainting(Inpainting)
    case start(Image)
    case upscale(Image)
    /// With the model's own components where there are none.
    case probe(Image, EmbeddingPCA?)
  }

  /// Takes an edit through embeddings and noises.
  init(_ operation: EditRecord.Operation, _ edit: ImageEdit, of inputs: [EditInput]) {
    records = edit.frames.indices.map { EditRecord(operation, edit, frame: $0, of: inputs) }
    work = .latents(edit)
  }

  /// Takes an edit of one image's pixels, or of its embedding's components.
  ///
  /// - Throws: `CommandError` for a mask that does not fit the image or says nothing.
  /// - Precondition: the operation mixes no latents.
  init(
    _ record: EditRecord, image: Image, mask: Image? = nil, pca: EmbeddingPCA? = nil
  ) throws(CommandError) {
    records = [record]
    switch record.operation {
    case .start: work = .start(image)
    case .upscale: work = .upscale(image)
    case .probe: work = .probe(image, pca)
    case .inpaint, .outpaint:
      work = .inpainting(try Inpainting(record, image: image, mask: mask))
    case .vary, .interpolate, .diff, .mix:
      preconditionFailure("\(record.operation) is made of latents")
    }
  }

  /// Makes what a record says again.
  /// - Throws: As ``SourceFinder/find(_:as:)`` and ``init(_:image:mask:pca:)``.
  init(repeating record: EditRecord, from finder: SourceFinder) throws {
    guard record.operation.mixesLatents else {
      guard let file = record.sources.first?.file else {
        preconditionFailure("a record of \(record.operation) without a file")
      }
      let image: SourceFile<Image> = try finder.find(file)
      let mask = try record.mask.map { try finder.find($0, as: Image.self) }
      let pca = try record.pca.map { try finder.find($0, as: EmbeddingPCA.self) }
      try self.init(record, image: image.content, mask: mask?.content, pca: pca?.content)
      return
    }
    let sources = try record.sources.map { source -> ImageSource in
      guard let file = source.file else { return .prompt(source.prompt ?? "") }
      return try finder.find(file).content
    }
    self.init(records: [record], work: .latents(record.edit(of: sources)))
  }

  private init(records: [EditRecord], work: Work) {
    (self.records, self.work) = (records, work)
  }

  /// The texts that the text encoder reads beside the settings' own.
  var texts: [String] {
    let record = records.first
    let prompts = Set(records.flatMap { $0.sources.compactMap(\.prompt) })
    return prompts.sorted() + [record?.from, record?.to].compactMap { $0 }
  }

  /// The paths of the images, without masks and latents.
  var imagePaths: [String] {
    records.flatMap(\.sources).compactMap(\.path)
      .filter { !ImageSource.isLatent(URL(fileURLWithPath: $0)) }
  }

  /// The settings that a model takes for it unless asked otherwise.
  func defaultSampling(of pipeline: UnCLIPPipeline) -> SamplingSettings {
    if case .latents(let edit) = work { return pipeline.sampling(for: edit) }
    return pipeline.defaults.sampling
  }

  /// Whether all seeds give the same image.
  func ignoresSeed(_ settings: GenerationSettings) -> Bool {
    guard case .latents(let edit) = work else { return false }
    return edit.noise == .inverted && settings.sampling.decoderEta == 0
      && !edit.sources.contains { if case .prompt = $0 { true } else { false } }
  }

  /// The stages that run.
  ///
  /// - Parameter upsamplers: Those that enlarge what is drawn to the settings' size.
  func stages(
    for settings: GenerationSettings, _ upsamplers: Set<GenerationProgress.Stage>
  ) -> Set<GenerationProgress.Stage> {
    let needsPrior: Bool
    switch work {
    case .upscale: return [(records[0].upsampler ?? .first).stage]
    case .start: needsPrior = true
    case .probe: needsPrior = false
    case .inpainting: needsPrior = !settings.prompt.isEmpty
    case .latents(let edit):
      needsPrior = edit.sources.contains { if case .prompt = $0 { true } else { false } }
    }
    return upsamplers.union(needsPrior ? [.text, .prior, .decoder] : [.text, .decoder])
  }

  /// Parts that the model must have, besides text encoder and decoder.
  private func parts(for settings: GenerationSettings) -> [ModelFolder.Part] {
    switch work {
    case .upscale: [(records[0].upsampler ?? .first).part]
    case .start: settings.sampling.priorKind.parts
    case .probe: [.imageEncoder]
    case .inpainting:
      settings.prompt.isEmpty ? [.imageEncoder] : settings.sampling.priorKind.parts
    case .latents(let edit):
      edit.sources.flatMap { source -> [ModelFolder.Part] in
        switch source {
        case .prompt: settings.sampling.priorKind.parts
        case .image: [.imageEncoder]
        case .latent: []
        }
      }
    }
  }

  // MARK: Making it

  /// An edit with a model, which was found to fit.
  struct Prepared {
    let edit: Edit
    fileprivate let make: (GenerationSettings, Int, Progress) throws -> Image

    /// Generates a frame.
    func image(
      _ settings: GenerationSettings, frame: Int, progress: Progress
    ) throws -> Image {
      try make(settings, frame, progress)
    }
  }

  typealias Progress = (GenerationProgress) throws -> Void

  /// Checks the edit against a model; sources are encoded and inverted once for all frames.
  ///
  /// - Parameter settings: Of all images, but for prompt and seed.
  /// - Throws: `ModelFolderError` for a part that is missing; as `UnCLIPPipeline.editor(_:_:)`.
  func prepared(
    with pipeline: UnCLIPPipeline, _ settings: GenerationSettings
  ) throws -> Prepared {
    for part in parts(for: settings) { try pipeline.folder.require([part]) }
    let record = records[0]
    let make: (GenerationSettings, Int, Progress) throws -> Image
    switch work {
    case .latents(let edit):
      let editor = try pipeline.editor(edit, settings)
      make = { try editor.image(frame: $1, seed: $0.seed, progress: $2) }
    case .inpainting(let inpainting):
      make = { try pipeline.inpainted(inpainting, $0, progress: $2) }
    case .start(let image):
      make = {
        try pipeline.image(
          $0, startingFrom: image, strength: record.strength ?? 1, progress: $2)
      }
    case .upscale(let image):
      make = {
        try pipeline.upscaled(
          image, by: record.upsampler ?? .first, sampling: $0.sampling, seed: $0.seed,
          tile: record.tile, progress: $2)
      }
    case .probe(let image, let pca):
      let pca = try pca ?? pipeline.folder.loadPCA()
      let width = try pipeline.imageEncoder.loaded().width
      guard pca.width == width else {
        throw CommandError.data(
          "\(record.pca?.path ?? ModelFolder.pcaName) is of embeddings of \(pca.width) values, but "
            + "the model makes \(width); fit it with this model by unclip pca.")
      }
      make = { settings, _, progress in
        let drawn = try pipeline.reconstructions(
          of: image, components: record.components ?? [], pca: pca, settings: settings,
          progress: progress)
        let square = image.composited(over: (255, 255, 255)).croppedToSquare()
          .resized(width: settings.size, height: settings.size)
        return ContactSheet.grid([square] + drawn, columns: record.columns ?? drawn.count + 1)
      }
    }
    return Prepared(edit: self, make: make)
  }
}
