import CLIP
import Datasets
import Diffusion
import Files
public import Foundation
public import ImageMetrics
import Imaging
import Torch
import TorchNN
public import UnCLIP

/// Measures a trained model on the images it was trained on, stage by stage, in a minute.
///
/// The metrics say how well the model generates its training images from their embeddings and
/// captions, not whether it generalises.
public struct ModelEvaluation {
  /// A group of metrics.
  public enum Measurement: String, Sendable, CaseIterable {
    /// The classifier itself, on true, noisy and blurred images.
    case classifier
    /// The text tower, on phrasings.
    case text
    /// The prior's embeddings.
    case prior
    /// Images of everyday names, from their embeddings and from their captions.
    case names
    /// Images of prompts.
    case prompts
    /// Images of plain shapes in named colours, some of which training never shows together.
    case shapes
    /// Images of the data's own captions: their distance to other images, and the CLIP score.
    case captions
    /// The upsamplers.
    case upsampler
    /// Each stage given what the stage before should have made.
    case stages
    /// Images of captions at several scales of guidance.
    case guidance

    /// What is said before it starts.
    var title: String { self == .text ? "text tower" : rawValue }
  }

  /// Metrics by name; a stage that the model or the data lacks has none.
  public typealias Measures = [String: Double]

  let pipeline: UnCLIPPipeline
  let clip: FrozenCLIP
  let samples: [EvaluationSample]
  let references: Tensor  // [N, 3, 64, 64]
  let embeddings: Tensor  // [N, D]
  private let indices: [String: Int]
  let classifier: ConceptJudge
  let directories: [URL]
  /// How the model samples.
  public let sampling: SamplingSettings
  let seed: UInt64
  /// The features of the metrics that compare sets; nil for the model's own CLIP's embeddings.
  let features: ImageFeatures?
  /// What computes the features of the metrics that compare sets.
  public let source: FeatureSource
  let bootstrap: Bootstrap

  /// Everyday names of emoji, generated from their images' embeddings and from their captions.
  static let names = [
    "red apple", "banana", "grapes", "watermelon", "strawberry", "pizza", "hamburger", "hot dog",
    "birthday cake", "doughnut", "cat face", "dog face", "fish", "butterfly", "honeybee", "octopus",
    "elephant", "penguin", "snake", "turtle", "rabbit face", "pig face", "grinning face",
    "crying face", "smiling face with sunglasses", "sun", "cloud with rain", "snowman", "rainbow",
    "umbrella", "automobile", "bus", "airplane", "sailboat", "bicycle", "rocket", "red heart",
    "blue heart", "star", "key", "guitar",
  ]
  /// Phrasings that the text tower is measured with.
  static let forms: [(name: String, phrase: @Sendable (String) -> String)] = [
    ("bare", { $0 }), ("photo", { "a photo of " + NounPhrase.withArticle($0) }),
    ("the", { "the " + $0 }), ("table", { $0 + " on a table" }),
    ("beautiful", { "a beautiful " + $0 }),
  ]

  /// Opens a model and the data it is measured on.
  /// - Parameters:
  ///   - folder: A complete model.
  ///   - directories: Data set folders, the emoji among them. Signs, letters and clock faces are left
  ///     out: nobody asks for an image of them, and the bundled model was not shown any.
  ///   - features: What the metrics that compare sets see; nil takes the model's own CLIP.
  ///   - seed: The seed of the generated images.
  ///   - settings: Changes how the model samples unless asked otherwise.
  /// - Throws: `ModelFolderError`, `ConfigError`, `CheckpointError`, `TokenizerError`, `DataError`,
  ///   `FeatureError`;
  ///   `RequestError` for settings that the model cannot be sampled with;
  ///   what `settings` throws.
  public init(
    _ folder: ModelFolder, data directories: [URL], features: ImageFeatures? = nil,
    seed: UInt64 = 0, settings: (inout SamplingSettings) throws -> Void = { _ in }
  ) throws {
    self.features = features
    self.directories = directories
    self.seed = seed
    bootstrap = Bootstrap(seed: seed)
    pipeline = try UnCLIPPipeline(folder, requiring: [.imageEncoder])
    var sampling = pipeline.defaults.sampling
    try settings(&sampling)
    try folder.require(sampling.priorKind.parts)
    self.sampling = try pipeline.settings(
      for: ImageRequest(prompt: "", sampling: sampling)
    ).sampling
    clip = try FrozenCLIP(folder)
    source = try features?.source ?? clip.features(of: folder).source
    let configuration = StreamConfiguration(
      Mixture(workers: 0, coreOnly: true, sourceWeights: ["openclipart": 0]),
      imageSize: ConceptJudge.side, part: .all)
    samples = try TrainingStream(directories: directories, configuration: configuration).samples()
    references = Self.tensor(samples.map(\.image))
    classifier = ConceptJudge(references: references)
    let clip = clip
    let chunks = stride(from: 0, to: samples.count, by: 64).map { [references] start in
      clip.image(references[start..<min(start + 64, references.dim(0))])
    }
    embeddings = Tensor.concatenated(chunks, over: 0)
    guard embeddings.isFinite().all().item() == 1 else {
      throw FeatureError.notFinite(source: source.text)
    }
    indices = Dictionary(
      samples.enumerated().map { ($1.info.caption.lowercased(), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Measures every stage.
  ///
  /// - Parameters:
  ///   - prompts: Prompts with their accepted concepts.
  ///   - captions: How many of the data's captions to generate from for the distance to images and
  ///     the CLIP score.
  ///   - measurements: What to measure.
  ///   - observe: Receives the name of each measurement before it starts.
  ///   - guidance: The scales of guidance to measure at.
  /// - Returns: The metrics, and a sheet: the names' images, the images generated from their
  ///   embeddings and from their captions, the prompts' images, and some of the captions'.
  /// - Throws: What sampling throws.
  public func run(
    prompts: AcceptedConcepts, captions: Int = 256,
    measurements: [Measurement] = Measurement.allCases, guidance: [Double] = [],
    observe: (String) -> Void = { _ in }
  ) throws -> EvaluationResult {
    var result = EvaluationResult()
    result.measures["images"] = Double(samples.count)
    var (nameCells, promptCells, captionCells): ([[Image]], [Image], [Image]) = ([], [], [])
    var shapeCells: [Image] = []
    var upsamplerFindings: [StageDiagnosis.Finding]?
    for measurement in Measurement.allCases where measurements.contains(measurement) {
      if measurement == .guidance, guidance.isEmpty { continue }
      observe(measurement.title)
      var found: Measures = [:]
      switch measurement {
      case .classifier: found = checks()
      case .text: found = textTower()
      case .prior: found = try prior()
      case .names: (found, nameCells) = try generatedNames()
      case .prompts: (found, promptCells) = try measured(prompts)
      case .shapes: (found, shapeCells) = try shapes()
      case .captions: captionCells = try generatedCaptions(captions, into: &result)
      case .upsampler: (found, upsamplerFindings) = try upsamplers()
      case .stages: result.stages = try diagnosis(upsamplerFindings ?? upsamplers().1)
      case .guidance: result.guidance = try guidanceCurves(guidance, captions: captions)
      }
      result.measures.merge(found) { _, new in new }
    }
    let shown = 2 * Self.columns
    if nameCells.count == 3 {
      let titles = ["true images", "of their embeddings", "of their names"]
      result.rows += zip(titles, nameCells).map { ($0, Array($1.prefix(shown))) }
    }
    result.rows += [
      ("of prompts", Array(promptCells.prefix(shown))),
      ("of shapes in colours that training never shows", shapeCells),
      ("of the data's captions", Array(captionCells.prefix(shown))),
    ].filter { !$1.isEmpty }
    result.sheet = sheet(
      names: nameCells, [promptCells, shapeCells, Array(captionCells.prefix(4 * Self.columns))])
    return result
  }

  /// Cells of a row of the sheet.
  private static let columns = 12

  /// Sets the rows of the names one below the other, then the prompts and the first captions; nil
  /// without any image.
  private func sheet(names: [[Image]], _ others: [[Image]]) -> Image? {
    let side = ConceptJudge.side
    let blank = Image(width: side, height: side, color: [255, 255, 255])
    func filled(_ line: some Collection<Image>) -> [Image] {
      line
        + Array(repeating: blank, count: (Self.columns - line.count % Self.columns) % Self.columns)
    }
    var cells: [Image] = []
    for start in stride(from: 0, to: names.first?.count ?? 0, by: Self.columns) {
      for row in names { cells += filled(row[start..<min(start + Self.columns, row.count)]) }
    }
    cells += others.flatMap { filled($0) }
    return cells.isEmpty ? nil : ContactSheet.grid(cells, columns: Self.columns)
  }

  /// Recall of the classifier on true images, noisy ones, and ones blurred to 4 pixels.
  private func checks() -> Measures {
    let own = (0..<samples.count).map { Set([$0]) }
    let noise = RandomSource(seed: 0).normal(references.shape) * 0.2
    let blurred = F.interpolate(
      F.averagePool2d(references, kernel: ConceptJudge.side / 4),
      size: (ConceptJudge.side, ConceptJudge.side),
      mode: .bicubic)
    return [
      "judge_truth": classifier.recall(of: references, accepted: own, at: 1),
      "judge_noise": classifier.recall(of: references + noise, accepted: own, at: 1),
      "judge_blur": classifier.recall(of: blurred, accepted: own, at: 1),
    ]
  }

  /// Fraction of the names whose embedding is nearest to their own image's, by phrasing.
  private func textTower() -> Measures {
    let chosen = Array(stride(from: 0, to: samples.count, by: max(1, samples.count / 150)))
    var measures: Measures = [:]
    for form in Self.forms {
      let texts = chosen.map { form.phrase(NounPhrase.plain(samples[$0].info.caption)) }
      measures["text_\(form.name)"] = recall(of: clip.text(texts).embedding, chosen)
    }
    return measures
  }

  /// Compares the prior's samples for captions with the embeddings of their images.
  private func prior() throws -> Measures {
    let chosen = Array(stride(from: 0, to: samples.count, by: max(1, samples.count / 100)))
    guard let sampled = try priorEmbeddings(of: chosen) else { return [:] }
    let truth = rows(chosen, of: embeddings)
    return [
      "prior_cosine": meanCosine(sampled, truth), "prior_recall": recall(of: sampled, chosen),
    ]
  }

  /// Fraction of the rows whose nearest image by CLIP is their own.
  private func recall(of rows: Tensor, _ own: [Int]) -> Double {
    let found = nearestByCLIP(rows)
    return Double(zip(found, own).filter(==).count) / Double(own.count)
  }

  private func nearestByCLIP(_ rows: Tensor) -> [Int] {
    noGrad {
      rows.normalized().matmul(embeddings.normalized().transposed()).argmax(over: 1)
        .array(of: Int64.self).map(Int.init)
    }
  }

  /// Generates the names from their images' embeddings and from their captions, and measures how
  /// much the images of two seeds differ.
  private func generatedNames() throws -> (Measures, [[Image]]) {
    let own = Self.names.compactMap { indices[$0] }
    guard !own.isEmpty else { return ([:], []) }
    let truth = Tensor.concatenated(own.map { references[$0..<$0 + 1] }, over: 0)
    var measures: Measures = [:]
    var rows = [own.map { samples[$0].image }]
    for (name, isTrue) in [("true", true), ("text", false)] {
      let images = try own.enumerated().map { done, index in
        LongWork.report("names", done, of: own.count)
        return try sample(samples[index].caption, like: isTrue ? samples[index].image : nil)
      }
      let generated = Self.tensor(images)
      measures["\(name)_recall_1"] = classifier.recall(
        of: generated, accepted: own.map { [$0] }, at: 1)
      measures["\(name)_error"] = (generated - truth).square().mean().item()
      measures["\(name)_grain"] = Self.grain(of: generated, over: truth)
      if !isTrue {
        let others = try own.map { try sample(samples[$0].caption, seedOffset: 1) }
        measures["text_seed_difference"] = (generated - Self.tensor(others)).square().mean().item()
      }
      rows.append(images)
    }
    measures["names"] = Double(own.count)
    return (measures, rows)
  }

  /// Generates images from prompts and classifies them, by colours and edges and by CLIP.
  private func measured(_ prompts: AcceptedConcepts) throws -> (Measures, [Image]) {
    guard !prompts.entries.isEmpty else { return ([:], []) }
    let images = try prompts.entries.enumerated().map { done, entry in
      LongWork.report("prompts", done, of: prompts.entries.count)
      return try sample(entry.prompt)
    }
    let accepted = prompts.entries.map { Set($0.names.compactMap { indices[$0.lowercased()] }) }
    let generated = Self.tensor(images)
    let byCLIP = nearestByCLIP(clip.image(generated))
    let byText = nearestByCLIP(clip.text(prompts.entries.map(\.prompt)).embedding)
    func fraction(_ found: [Int]) -> Double {
      Double(zip(found, accepted).filter { $1.contains($0) }.count) / Double(accepted.count)
    }
    return (
      [
        "prompts": Double(images.count),
        "prompts_recall_1": classifier.recall(of: generated, accepted: accepted, at: 1),
        "prompts_recall_5": classifier.recall(of: generated, accepted: accepted, at: 5),
        "prompts_clip_recall_1": fraction(byCLIP), "prompts_text_recall_1": fraction(byText),
      ], images
    )
  }

  /// Generates an image of the classifier's size from a caption, or from an image and its caption.
  func sample(
    _ prompt: String, like image: Image? = nil, seedOffset: UInt64 = 0,
    _ settings: SamplingSettings? = nil
  ) throws -> Image {
    let settings = settings ?? sampling
    let random = RandomSource(seed: seed &+ seedOffset)
    let conditioning = pipeline.conditioning(prompt)
    let embedding: Tensor? =
      if let image {
        try pipeline.embedding(of: image)
      } else if settings.priorKind == .none {
        nil
      } else {
        try pipeline.embedding(of: conditioning, settings: settings, using: random)
      }
    let image = Image(
      try pipeline.decoded(embedding, conditioning, settings: settings, using: random))
    let side = ConceptJudge.side
    return image.width == side ? image : image.resized(width: side, height: side)
  }

  /// Root mean square of fine detail where the true image is flat; levels from 0 to 1.
  static func grain(of images: Tensor, over truth: Tensor) -> Double {
    noGrad {
      func detail(_ x: Tensor) -> Tensor { x - LowResolution.blur(x) }
      let flat = (detail(truth).abs().max(over: 1, keepingDims: true) .< 0.01).to(.float32)
      let count = flat.sum().item() * 3
      guard count > 0 else { return 0 }
      return ((detail(images).square() * flat).sum().item() / count).squareRoot() / 2
    }
  }

  static func tensor(_ images: [Image]) -> Tensor {
    Tensor(images: images, range: .symmetric).contiguous()
  }
}
