import CLIP
import Datasets
import Diffusion
public import Foundation
public import Imaging
import Metrics
import Torch
import TorchNN
public import UnCLIP

/// Measures a trained model on the images it was trained on, stage by stage, in a minute.
///
/// It says whether the model draws what it was shown when it is told so, not whether it can draw
/// anything else.
public struct ModelEvaluation {
  /// What was measured, by name; a stage that the model or the data lacks has no measures.
  public typealias Measures = [String: Double]

  private let folder: ModelFolder
  private let pipeline: UnCLIPPipeline
  private let clip: FrozenCLIP
  private let samples: [EvaluationSample]
  private let references: Tensor  // [N, 3, 64, 64]
  private let embeddings: Tensor  // [N, D]
  private let places: [String: Int]
  private let judge: ConceptJudge
  private let directories: [URL]
  private let seed: UInt64

  /// Everyday names of emoji, drawn from their images' embeddings and from their captions.
  static let names = [
    "red apple", "banana", "grapes", "watermelon", "strawberry", "pizza", "hamburger", "hot dog",
    "birthday cake", "doughnut", "cat face", "dog face", "fish", "butterfly", "honeybee", "octopus",
    "elephant", "penguin", "snake", "turtle", "rabbit face", "pig face", "grinning face",
    "crying face", "smiling face with sunglasses", "sun", "cloud with rain", "snowman", "rainbow",
    "umbrella", "automobile", "bus", "airplane", "sailboat", "bicycle", "rocket", "red heart",
    "blue heart", "star", "key", "guitar",
  ]
  /// Phrasings the text tower is asked for.
  static let forms: [(name: String, phrase: @Sendable (String) -> String)] = [
    ("bare", { $0 }), ("photo", { "a photo of " + NounPhrase.withArticle($0) }),
    ("the", { "the " + $0 }), ("table", { $0 + " on a table" }),
    ("beautiful", { "a beautiful " + $0 }),
  ]

  /// Opens a model and the data it is measured on.
  /// - Parameters:
  ///   - folder: a whole model.
  ///   - directories: data set folders with the emoji among them.
  ///   - seed: of the drawings.
  /// - Throws: `ModelFolderError`, `ConfigError`, `CheckpointError`, `TokenizerError`, `DataError`.
  public init(_ folder: ModelFolder, data directories: [URL], seed: UInt64 = 0) throws {
    self.folder = folder
    self.directories = directories
    self.seed = seed
    pipeline = try UnCLIPPipeline(folder, requiring: [.prior, .imageEncoder])
    clip = try FrozenCLIP(folder)
    let configuration = StreamConfiguration(
      Mixture(
        workers: 0, sceneFraction: 0, shapeFraction: 0, sourceWeights: ["openclipart": 0],
        groupWeights: [:]),
      imageSize: ConceptJudge.side, part: .all)
    samples = try TrainingStream(directories: directories, configuration: configuration).samples()
    references = Self.tensor(samples.map(\.image))
    judge = ConceptJudge(references: references)
    let clip = clip
    let chunks = stride(from: 0, to: samples.count, by: 64).map { [references] start in
      clip.image(references[start..<min(start + 64, references.dim(0))])
    }
    embeddings = Tensor.concatenated(chunks, over: 0)
    places = Dictionary(
      samples.enumerated().map { ($1.info.caption.lowercased(), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Measures every stage.
  ///
  /// - Parameters:
  ///   - prompts: prompts with the concepts that are right for them.
  ///   - observe: told what is measured next.
  /// - Returns: the measures, and a sheet: the names' images, what is drawn of their embeddings
  ///   and of their captions, then the prompts.
  /// - Throws: what drawing throws.
  public func run(
    prompts: AcceptedConcepts, observe: (String) -> Void = { _ in }
  ) throws -> (measures: Measures, sheet: Image) {
    var measures: Measures = ["images": Double(samples.count)]
    func merge(_ more: Measures) { measures.merge(more) { _, new in new } }
    observe("judge")
    merge(checks())
    observe("text tower")
    merge(textTower())
    observe("prior")
    merge(try prior())
    observe("names")
    let (named, nameCells) = try drawnNames()
    merge(named)
    observe("prompts")
    let (prompted, promptCells) = try drawn(prompts)
    merge(prompted)
    observe("upsampler")
    merge(try upsampler())
    let columns = 12
    let blank = Image(
      width: ConceptJudge.side, height: ConceptJudge.side, channels: 3,
      pixels: [UInt8](repeating: 255, count: ConceptJudge.side * ConceptJudge.side * 3))
    var cells: [Image] = []
    for start in stride(from: 0, to: nameCells.first?.count ?? 0, by: columns) {
      for row in nameCells {
        let line = Array(row[start..<min(start + columns, row.count)])
        cells += line + Array(repeating: blank, count: columns - line.count)
      }
    }
    return (measures, ContactSheet.grid(cells + promptCells, columns: columns))
  }

  /// The judge on what it must and must not find: true images, noised, and blurred to 4 pixels.
  private func checks() -> Measures {
    let own = (0..<samples.count).map { Set([$0]) }
    let noise = RandomSource(seed: 0).normal(references.shape) * 0.2
    let blurred = F.interpolate(
      F.averagePool2d(references, kernel: ConceptJudge.side / 4),
      size: (ConceptJudge.side, ConceptJudge.side),
      mode: .bicubic)
    return [
      "judge_truth": judge.recall(of: references, accepted: own, at: 1),
      "judge_noise": judge.recall(of: references + noise, accepted: own, at: 1),
      "judge_blur": judge.recall(of: blurred, accepted: own, at: 1),
    ]
  }

  /// Share of the names whose embedding is nearest to their own image's, by phrasing.
  private func textTower() -> Measures {
    let chosen = Array(stride(from: 0, to: samples.count, by: max(1, samples.count / 150)))
    var measures: Measures = [:]
    for form in Self.forms {
      let sentences = chosen.map { form.phrase(NounPhrase.plain(samples[$0].info.caption)) }
      measures["text_\(form.name)"] = recall(of: clip.text(sentences).embedding, chosen)
    }
    return measures
  }

  /// How near the prior comes to the embedding of a caption's image.
  private func prior() throws -> Measures {
    let prior = try folder.loadPrior()
    let chosen = Array(stride(from: 0, to: samples.count, by: max(1, samples.count / 100)))
    let drawn = try prior.embeddings(
      of: clip.text(chosen.map { samples[$0].caption }), unconditional: clip.text([""]),
      sampling: pipeline.defaults.sampling.prior, using: RandomSource(seed: seed))
    let truth = Tensor.concatenated(chosen.map { embeddings[$0..<$0 + 1] }, over: 0)
    return ["prior_cosine": meanCosine(drawn, truth), "prior_recall": recall(of: drawn, chosen)]
  }

  /// Share of the rows whose nearest image by CLIP is their own.
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

  /// The names drawn from their images' embeddings and from their captions, and how much
  /// drawings of two seeds differ.
  private func drawnNames() throws -> (Measures, [[Image]]) {
    let own = Self.names.compactMap { places[$0] }
    guard !own.isEmpty else { return ([:], []) }
    let truth = Tensor.concatenated(own.map { references[$0..<$0 + 1] }, over: 0)
    var measures: Measures = [:]
    var rows = [own.map { samples[$0].image }]
    for (name, isTrue) in [("true", true), ("text", false)] {
      let images = try own.map { place in
        try drawing(of: samples[place].caption, like: isTrue ? samples[place].image : nil)
      }
      let drawn = Self.tensor(images)
      measures["\(name)_recall_1"] = judge.recall(of: drawn, accepted: own.map { [$0] }, at: 1)
      measures["\(name)_error"] = (drawn - truth).square().mean().item()
      measures["\(name)_grain"] = Self.grain(of: drawn, over: truth)
      if !isTrue {
        let others = try own.map { try drawing(of: samples[$0].caption, seedOffset: 1) }
        measures["text_seed_difference"] = (drawn - Self.tensor(others)).square().mean().item()
      }
      rows.append(images)
    }
    measures["names"] = Double(own.count)
    return (measures, rows)
  }

  /// Prompts drawn and judged, by the judge and by CLIP.
  private func drawn(_ prompts: AcceptedConcepts) throws -> (Measures, [Image]) {
    guard !prompts.entries.isEmpty else { return ([:], []) }
    let images = try prompts.entries.map { try drawing(of: $0.prompt) }
    let accepted = prompts.entries.map { Set($0.names.compactMap { places[$0.lowercased()] }) }
    let drawn = Self.tensor(images)
    let byCLIP = nearestByCLIP(clip.image(drawn))
    let byText = nearestByCLIP(clip.text(prompts.entries.map(\.prompt)).embedding)
    func share(_ found: [Int]) -> Double {
      Double(zip(found, accepted).filter { $1.contains($0) }.count) / Double(accepted.count)
    }
    return (
      [
        "prompts": Double(images.count),
        "prompts_recall_1": judge.recall(of: drawn, accepted: accepted, at: 1),
        "prompts_recall_5": judge.recall(of: drawn, accepted: accepted, at: 5),
        "prompts_clip_recall_1": share(byCLIP), "prompts_text_recall_1": share(byText),
      ], images
    )
  }

  /// One image of the decoder's size, from a caption or from another image and its caption.
  private func drawing(
    of prompt: String, like image: Image? = nil, seedOffset: UInt64 = 0
  ) throws -> Image {
    let random = RandomSource(seed: seed &+ seedOffset)
    let conditioning = pipeline.conditioning(prompt)
    let embedding =
      if let image {
        try pipeline.embedding(of: image)
      } else {
        try pipeline.embedding(of: conditioning, using: random)
      }
    return Image(try pipeline.decoded(embedding, conditioning, using: random))
  }

  /// How much nearer the upsampler comes to large images than bicubic does, in decibels, and the
  /// squared error's root where the truth is flat.
  private func upsampler() throws -> Measures {
    guard folder.has(.upsampler) else { return [:] }
    let size = 4 * ConceptJudge.side
    let configuration = StreamConfiguration(
      Mixture(
        workers: 0, sceneFraction: 0, shapeFraction: 0, heldOutFraction: 0.02, minimumSide: size,
        groupWeights: [:]),
      imageSize: size, part: .heldOut)
    let samples: [EvaluationSample]
    do throws(DataError) {
      samples = try TrainingStream(directories: directories, configuration: configuration)
        .samples(limit: 11)
    } catch {
      // Not every data set has large images.
      guard case .empty = error else { throw error }
      return [:]
    }
    let truth = Self.tensor(samples.map(\.image))
    let small = LowResolution.reduced(truth, factor: Upsampler.factor)
    let upsampler = try folder.loadUpsampler()
    let random = RandomSource(seed: seed)
    let large = Tensor.concatenated(
      try (0..<small.dim(0)).map {
        try upsampler.enlarged(
          small[$0..<$0 + 1], sampling: pipeline.defaults.sampling.upsampler, using: random)
      }, over: 0)
    let bicubic = LowResolution.enlarged(small, to: size).clamped(min: -1, max: 1)
    let plain = peakSignalToNoise(bicubic, truth)
    return [
      "upsampler_decibels": peakSignalToNoise(large, truth) - plain, "bicubic_decibels": plain,
      "upsampler_grain": Self.grain(of: large, over: truth),
      "upsampler_images": Double(truth.dim(0)),
    ]
  }

  /// The deviation of fine detail where the true image has none; levels from 0 to 1.
  static func grain(of images: Tensor, over truth: Tensor) -> Double {
    noGrad {
      func detail(_ x: Tensor) -> Tensor { x - LowResolution.blur(x) }
      let flat = (detail(truth).abs().max(over: 1, keepingDims: true) .< 0.01).to(.float32)
      let count = flat.sum().item() * 3
      guard count > 0 else { return 0 }
      return ((detail(images).square() * flat).sum().item() / count).squareRoot() / 2
    }
  }

  private static func tensor(_ images: [Image]) -> Tensor {
    Tensor(images: images, range: .symmetric).contiguous()
  }
}
