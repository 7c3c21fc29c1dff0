public import CLIP
import Config
import Datasets
public import Distribution
public import Foundation
import ImageMetrics
public import Torch
public import TorchNN
import UnCLIP

/// Training of CLIP: images and their captions learn similar embeddings.
///
/// Source: Radford et al. 2021, section 2.3.
public final class CLIPTask: TrainingTask {
  /// Images with the tokens of their captions.
  public struct Batch {
    let images: Tensor
    let ids: Tensor
    let keys: [String]
    /// Which rows of the batch they are; nil for all.
    var rows: BatchRows?
    /// What the captions are searched among while the vision tower is frozen.
    var search: ImageCatalogue.Search?
  }

  /// What is minimised and measured.
  public struct Objective: Codable, Sendable, Equatable {
    /// The largest number of images to evaluate: held-out ones, and as many seen ones.
    public var evaluationCount: Int
    /// Whether the vision tower is frozen and the text tower learns to find each caption's image
    /// among all seen in training and the composed ones of the batch. It needs a trained CLIP to start
    /// from. Source: Zhai et al. 2022, "LiT".
    public var locksImages: Bool

    enum CodingKeys: String, CodingKey {
      case evaluationCount = "evaluation_count"
      case locksImages = "locks_images"
    }

    /// Groups the values.
    public init(evaluationCount: Int, locksImages: Bool) {
      self.evaluationCount = evaluationCount
      self.locksImages = locksImages
    }

    /// Checks each value.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    func validate(file: String) throws(ConfigError) {
      try ConfigCheck(objective: file).evaluation(evaluationCount)
    }
  }

  /// The name of the stage.
  public let stage = "clip"
  /// The module that is trained, averaged and saved.
  public var module: any Module { clip }
  /// Both towers, or the text tower alone.
  public var parts: [TrainedPart] {
    [TrainedPart(name: "", module: objective.locksImages ? clip.text : clip)]
  }

  private let clip: CLIPModel
  private let tokenizer: CLIPTokenizer
  private let objective: Objective
  private let stream: ImageStream
  private let ranks: Ranks
  private var catalogue: ImageCatalogue?

  /// A CLIP with new weights, trained by this process or several.
  public init(
    _ config: CLIPConfig, objective: Objective, stream: ImageStream,
    tokenizer: CLIPTokenizer, ranks: Ranks = .one, using random: RandomSource
  ) {
    self.ranks = ranks
    clip = CLIPModel(config, using: random)
    self.tokenizer = tokenizer
    self.objective = objective
    self.stream = stream
    guard objective.locksImages else { return }
    clip.vision.freeze()
    clip.logitScale.setFrozen(true)
  }

  /// Loads the weights of a model folder.
  func start(from folder: ModelFolder) throws {
    try clip.load(CLIPModel.load(from: folder.url).stateDict(), file: folder.url)
  }

  /// Rows of the batch at an index, a pure function of it.
  public func batch(at index: Int, rows: BatchRows) throws -> Batch {
    guard objective.locksImages else {
      var batch = encoded(try stream.batch(at: index, rows: rows))
      batch.rows = rows
      return batch
    }
    let images = try catalogue ?? makeCatalogue()
    catalogue = images
    let whole = try stream.batch(at: index)
    var batch = encoded(rows.isWhole ? whole : try stream.batch(at: index, rows: rows))
    batch.rows = rows
    batch.search = noGrad { images.search(whole, rows: rows.range, embed: { clip.vision($0) }) }
    return batch
  }

  /// Keys of the samples in the batch that was made last.
  public func sampleKeys(at index: Int, rows: BatchRows) -> [String] { stream.shownKeys }

  private func makeCatalogue() throws -> ImageCatalogue {
    let seen = try stream.seen(atOnce: 64)
    return noGrad { ImageCatalogue(of: seen, embed: { clip.vision($0) }) }
  }

  /// The loss of a batch.
  public func loss(_ batch: Batch, of part: Int, using random: RandomSource) -> Losses {
    if let search = batch.search {
      var logits = clip.logits(
        imageEmbeds: search.images, textEmbeds: clip.text(batch.ids).embeds
      ).transposed()  // [B, N + M]
      if let mask = search.mask { logits = logits + mask }
      return Losses(
        total: F.crossEntropy(logits, Tensor(search.targets, device: logits.device)))
    }
    let images = clip.vision(batch.images)
    let texts = clip.text(batch.ids).embeds
    let total =
      if let rows = batch.rows, !rows.isWhole {
        clip.contrastiveLoss(
          imageEmbeds: images, textEmbeds: texts, from: rows.range.lowerBound,
          gathered: ranks.concatenated)
      } else {
        clip.contrastiveLoss(imageEmbeds: images, textEmbeds: texts)
      }
    return Losses(
      total: total,
      parts: ["logit_scale": clip.logitScale.value.detached().exp()])
  }

  /// Clamps the temperature.
  public func didStep() { clip.clampLogitScale() }

  /// Measures the recall of captions by images and of images by captions, on held-out concepts and
  /// on as many seen ones.
  public func evaluate() throws -> [String: Double] {
    var metrics: [String: Double] = [:]
    let heldOut = stream.samples(heldOut: true, limit: objective.evaluationCount)
    let count = heldOut?.captions.count ?? objective.evaluationCount
    let seen = stream.samples(heldOut: false, limit: count)
    for (name, images) in [("held_out", heldOut), ("seen", seen)] {
      guard let images else { continue }
      let batch = encoded(images)
      let retrieval = Retrieval(
        imageEmbeddings: clip.vision(batch.images), textEmbeddings: clip.text(batch.ids).embeds)
      for (k, recall) in retrieval.imageToText { metrics["\(name)_image_to_text_\(k)"] = recall }
      for (k, recall) in retrieval.textToImage { metrics["\(name)_text_to_image_\(k)"] = recall }
      metrics["\(name)_count"] = Double(images.captions.count)
    }
    return metrics
  }

  /// Writes the averaged weights as parts of a model folder.
  public func export(to folder: URL) throws {
    let model = ModelFolder(folder)
    let side = clip.vision.config.imageSize
    try clip.save(
      to: folder, tokenizer: tokenizer, preprocessor: .symmetric(size: side), dtype: .float32)
    try model.writeIndex()
  }

  private func encoded(_ images: Images) -> Batch {
    let ids = tokenizer.batch(
      images.captions, contextLength: clip.text.config.maxPositionEmbeddings)
    return Batch(
      images: images.images, ids: ids.to(images.images.device), keys: images.keys)
  }
}
