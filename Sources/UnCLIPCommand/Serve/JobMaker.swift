import CLIP
import Config
import Foundation
import Imaging
import Torch
import UnCLIP
import UnCLIPServer

/// Does the jobs of a server with one model, as the commands do theirs.
struct JobMaker {
  let pipeline: UnCLIPPipeline
  /// The model as it was opened; the memory is that of ``ready()``.
  private let model: ModelDescription

  /// Tells the server of an event, or only asks whether to go on.
  ///
  /// - Throws: `JobFailure.cancelled` when nobody wants the job any more.
  typealias Listener = (JobEvent?) throws -> Void

  /// Takes an open model.
  /// - Throws: What its fingerprint and its settings do.
  init(_ pipeline: UnCLIPPipeline) throws {
    self.pipeline = pipeline
    let (folder, defaults) = (pipeline.folder, pipeline.defaults)
    model = ModelDescription(
      name: defaults.name, version: defaults.version,
      fingerprint: try folder.wholeFingerprint(), sizes: pipeline.sizes,
      defaultSize: defaults.size ?? pipeline.sizes.last ?? pipeline.decoderSize,
      operations: (FoundModel(folder.url)?.commands ?? []).compactMap(JobRequest.Operation.init),
      parts: ModelFolder.Part.allCases.filter(folder.has).map(\.rawValue),
      defaults: try JSONEncoder().encode(defaults.sampling), domain: defaults.domain,
      card: Self.card(of: folder))
  }

  /// Loads the networks that drawing needs, which the first job would wait for.
  func load() throws {
    let folder = pipeline.folder
    switch pipeline.defaults.sampling.priorKind {
    case .diffusion where folder.has(.prior): _ = try pipeline.prior.loaded()
    case .autoregressive where folder.has(.autoregressivePrior):
      _ = try pipeline.autoregressivePrior.loaded()
    default: break
    }
    _ = try pipeline.decoder.loaded()
    for upsampler in pipeline.upsamplers { _ = try upsampler.loaded() }
    if folder.has(.imageEncoder) { _ = try pipeline.imageEncoder.loaded() }
  }

  /// Describes the model, with the memory that it takes now.
  func ready() -> ModelDescription {
    var model = model
    model.memory = residentMemory()
    return model
  }

  /// The model card in the folder.
  private static func card(of folder: ModelFolder) -> String? {
    let url = folder.url.appending(path: "README.md")
    do {
      let data = try Data(contentsOf: url)
      return data.count <= 1 << 20 ? String(decoding: data, as: UTF8.self) : nil
    } catch {
      return nil
    }
  }

  /// Does a job.
  ///
  /// - Parameters:
  ///   - files: The paths of its stored files by their SHA-256.
  ///   - tell: Takes what happens, and is asked at every step.
  /// - Throws: What ``failure(of:in:)`` knows.
  func run(_ request: JobRequest, files: [String: String], tell: Listener) throws {
    try request.check(for: model)
    let stored = StoredFiles(paths: files)
    try tell(nil)
    switch request.operation {
    case .embed: try tell(.result(embeddings(request, stored, tell: tell)))
    case .classify: try tell(.result(classes(request, stored, tell: tell)))
    default: try makeImages(request, stored, tell: tell)
    }
  }

  // MARK: Images

  private func makeImages(_ request: JobRequest, _ stored: StoredFiles, tell: Listener) throws {
    let edit = try Edit(request, stored)
    var settings = try settings(request, edit)
    if edit == nil { try pipeline.folder.require(settings.sampling.priorKind.parts) }
    let prepared = try edit?.prepared(with: pipeline, settings)
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    let hasFrames = request.operation == .interpolate || request.operation == .diff
    let first = request.seed ?? 0
    var shown: ContinuousClock.Instant?
    var partials = PartialImages(limit: request.partialImages)
    for index in 0..<request.count {
      settings.seed = hasFrames ? first : first + UInt64(index)
      let (image, record) = try generator.image(
        settings, edit: prepared, frame: hasFrames ? index : 0
      ) { progress in
        guard progress.stage != .text else { return try tell(nil) }
        var step = JobStep(
          stage: progress.stage.rawValue, step: progress.step, stepCount: progress.stepCount,
          index: index, count: request.count)
        let now = ContinuousClock.now
        let isTime =
          request.previews && shown.map { now - $0 >= Self.previewInterval } ?? true
        let isPartial = partials.isDue(step)
        if isPartial || isTime, let preview = progress.preview {
          step.preview = try Self.preview(preview)
          if isPartial { step.partial = partials.next(of: step.index) }
          shown = now
        }
        try tell(.step(step))
      }
      let png = Data(try PNGEncoder.encode(image, text: record.chunks()))
      try tell(
        .image(
          JobImage(
            index: index, seed: settings.seed, width: image.width, height: image.height, png: png,
            embedding: embedding(of: image))))
    }
  }

  /// The least time between two previews.
  private static let previewInterval = Duration.milliseconds(250)

  /// Which previews are partial images: so many of each image, evenly over its steps.
  private struct PartialImages {
    let limit: Int
    private var count = 0
    private var index = 0

    init(limit: Int) { self.limit = limit }

    /// Whether the preview of a step would be one.
    func isDue(_ step: JobStep) -> Bool {
      let count = step.index == index ? count : 0
      // What comes after the decoder is nearly the image.
      let isLate =
        step.stage != GenerationProgress.Stage.decoder.rawValue
        || step.step * (limit + 1) >= (count + 1) * step.stepCount
      return count < limit && isLate
    }

    /// Counts one more of an image, and returns its number.
    mutating func next(of image: Int) -> Int {
      if image != index { (index, count) = (image, 0) }
      defer { count += 1 }
      return count
    }
  }

  private static func preview(_ image: Image) throws(ImageError) -> Data {
    let isLarge = max(image.width, image.height) > 256
    let small = isLarge ? image.fitted(inSquareOf: 256, filter: .bilinear) : image
    return Data(try PNGEncoder.encode(small, compression: 1))
  }

  /// The settings of a job's images but for the seed.
  private func settings(_ request: JobRequest, _ edit: Edit?) throws -> GenerationSettings {
    var base = edit?.defaultSampling(of: pipeline) ?? pipeline.defaults.sampling
    if [.start, .inpaint, .outpaint].contains(edit?.records.first?.operation) {
      base.prepareForImage()
    }
    return try pipeline.settings(
      for: ImageRequest(
        prompt: request.prompt ?? "", negative: request.negativePrompt ?? "", size: request.size,
        sampling: request.sampling(over: base, parts: model.parts)))
  }

  /// The embedding by which an image is found again; nil without an image encoder.
  private func embedding(of image: Image) throws -> [Float]? {
    guard pipeline.folder.has(.imageEncoder) else { return nil }
    return try pipeline.embedding(of: image).to(.float32).array(of: Float.self)
  }

  // MARK: JSON

  /// The result of `embed`.
  private struct Embeddings: Encodable {
    struct Row: Encodable {
      var kind: String
      var prompt: String?
      var file: String?
      var embedding: [Float]
    }

    var count: Int
    var width: Int
    var normalized = false
    var embeddings: [Row]
  }

  private func embeddings(
    _ request: JobRequest, _ stored: StoredFiles, tell: Listener
  ) throws -> Data {
    var rows: [Embeddings.Row] = []
    for (index, source) in request.sources.enumerated() {
      if let file = source.file {
        let image = try stored.image(file, field: "sources[\(index)]").content
        let embedding = try pipeline.embedding(of: image).to(.float32).array(of: Float.self)
        rows.append(.init(kind: "image", file: file, embedding: embedding))
      } else {
        let prompt = source.prompt ?? ""
        let embedding = pipeline.textEncoder([prompt]).to(.float32).array(of: Float.self)
        rows.append(.init(kind: "text", prompt: prompt, embedding: embedding))
      }
      try tell(.step(step("embed", index, of: request)))
    }
    return try encoded(
      Embeddings(count: rows.count, width: rows.first?.embedding.count ?? 0, embeddings: rows))
  }

  /// The result of `classify`.
  private struct Classes: Encodable {
    struct Image: Encodable {
      var file: String
      var guesses: [ClassifyCommand.Report.Guess]
    }

    var images: [Image]
  }

  private func classes(
    _ request: JobRequest, _ stored: StoredFiles, tell: Listener
  ) throws -> Data {
    let images = try request.sources.enumerated().map { index, source in
      try stored.image(source.file ?? "", field: "sources[\(index)]").content
    }
    let labels = request.labels ?? []
    let classifier = ZeroShotClassifier(
      labels: labels, templates: [ClassifyCommand.defaultTemplate],
      scale: exp(try CLIPFolder(pipeline.folder.url).logitScale()), encoder: pipeline.textEncoder)
    var found: [Classes.Image] = []
    for (index, image) in images.enumerated() {
      let probabilities = classifier.probabilities(of: try pipeline.embedding(of: image))[0]
        .array(of: Double.self)
      let guesses = ClassifyCommand.Report.Guess.ranked(labels, probabilities)
      found.append(.init(file: request.sources[index].file ?? "", guesses: guesses))
      try tell(.step(step("classify", index, of: request)))
    }
    return try encoded(Classes(images: found))
  }

  private func step(_ stage: String, _ index: Int, of request: JobRequest) -> JobStep {
    let count = request.sources.count
    return JobStep(stage: stage, step: index + 1, stepCount: count, index: index, count: count)
  }

  private func encoded(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
  }

  // MARK: Failures

  /// What the server hears of an error; no path of this machine is in it.
  func failure(of error: any Error, in request: JobRequest) -> JobFailure {
    switch error {
    case let failure as JobFailure: return failure
    case JobRefusal.invalid(let sentence, let field): return .invalid(sentence, field: field)
    case let error as RequestError:
      if case .invalid(let sentence, let field) = JobRequest.refusal(of: error) {
        return .invalid(sentence, field: field)
      }
    case ModelFolderError.missing: return .invalid(sentence(for: error), field: "operation")
    case is LatentError, CommandError.usage, CommandError.data:
      return .invalid(sentence(for: error), field: nil)
    default: break
    }
    let name = "\(pipeline.defaults.name) \(pipeline.defaults.version)"
    let settings =
      [("seed", "\(request.seed ?? 0)")]
      + request.settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value.text) }
    let list = settings.map { "\($0) \($1)" }.joined(separator: ", ")
    return .failed(
      "The model \(name) failed in \(request.operation.rawValue) with \(list): "
        + sentence(for: error))
  }

  private func sentence(for error: any Error) -> String {
    CommandEntry.sentence(for: error)
      .replacing(pipeline.folder.url.path, with: pipeline.defaults.name)
  }
}
