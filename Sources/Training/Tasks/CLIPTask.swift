public import CLIP
import Config
public import Foundation
import Metrics
public import Torch
public import TorchNN
import UnCLIP

/// Training of CLIP: pictures and their captions are made to have like embeddings.
///
/// Source: Radford et al. 2021, section 2.3.
public final class CLIPTask: TrainingTask {
  /// Pictures with the tokens of their captions.
  public struct Batch {
    let images: Tensor
    let ids: Tensor
  }

  /// The name of what is trained.
  public let stage = "clip"
  /// What is trained, averaged and saved.
  public var module: any Module { clip }

  private let clip: CLIPModel
  private let tokenizer: CLIPTokenizer
  private let objective: EvaluationObjective
  private let stream: PictureStream

  /// A CLIP with new weights.
  public init(
    _ config: CLIPConfig, objective: EvaluationObjective, stream: PictureStream,
    tokenizer: CLIPTokenizer, using random: RandomSource
  ) {
    clip = CLIPModel(config, using: random)
    self.tokenizer = tokenizer
    self.objective = objective
    self.stream = stream
  }

  /// Checks the shape of both towers.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  static func validate(_ config: CLIPConfig, file: String) throws(ConfigError) {
    let (text, vision) = (config.text, config.vision)
    let counts = [
      ("text.hidden_size", text.hiddenSize), ("text.intermediate_size", text.intermediateSize),
      ("text.num_hidden_layers", text.numHiddenLayers),
      ("text.num_attention_heads", text.numAttentionHeads),
      ("text.max_position_embeddings", text.maxPositionEmbeddings),
      ("text.projection_dim", text.projectionDim), ("vision.hidden_size", vision.hiddenSize),
      ("vision.intermediate_size", vision.intermediateSize),
      ("vision.num_hidden_layers", vision.numHiddenLayers),
      ("vision.num_attention_heads", vision.numAttentionHeads),
      ("vision.image_size", vision.imageSize), ("vision.patch_size", vision.patchSize),
    ]
    for (key, count) in counts where count < 1 {
      throw invalid(file, key, count, "it must be 1 or more")
    }
    let divisions = [
      ("text.num_attention_heads", text.numAttentionHeads, "hidden_size", text.hiddenSize),
      ("vision.num_attention_heads", vision.numAttentionHeads, "hidden_size", vision.hiddenSize),
      ("vision.patch_size", vision.patchSize, "image_size", vision.imageSize),
    ]
    for (key, part, name, whole) in divisions where whole % part != 0 {
      throw invalid(file, key, part, "it must divide \(name), \(whole)")
    }
    guard text.projectionDim == vision.projectionDim else {
      throw invalid(
        file, "vision.projection_dim", vision.projectionDim,
        "it must be the text tower's, \(text.projectionDim)")
    }
  }

  private static func invalid(
    _ file: String, _ key: String, _ value: Int, _ expected: String
  ) -> ConfigError {
    .invalid(file: file, key: "model." + key, value: "\(value)", expected: expected)
  }

  /// Takes over the weights of a model folder.
  func start(from folder: ModelFolder) throws {
    try clip.load(CLIPModel.load(from: folder.url).stateDict(), file: folder.url)
  }

  /// The batch of an index, a pure function of it.
  public func batch(at index: Int) throws -> Batch { encoded(try stream.batch(at: index)) }

  /// The loss of a batch.
  public func loss(_ batch: Batch, of part: Int, using random: RandomSource) -> Losses {
    let images = clip.vision(batch.images)
    let texts = clip.text(batch.ids).embeds
    return Losses(
      total: clip.contrastiveLoss(imageEmbeds: images, textEmbeds: texts),
      parts: ["logit_scale": clip.logitScale.value.detached().exp()])
  }

  /// Keeps the temperature from falling too low.
  public func didStep() { clip.clampLogitScale() }

  /// Recall of captions by pictures and of pictures by captions, on held-out concepts and on
  /// as many that training shows.
  public func evaluate() throws -> [String: Double] {
    var metrics: [String: Double] = [:]
    let heldOut = stream.samples(heldOut: true, limit: objective.evaluationCount)
    let count = heldOut?.captions.count ?? objective.evaluationCount
    let seen = stream.samples(heldOut: false, limit: count)
    for (name, pictures) in [("held_out", heldOut), ("seen", seen)] {
      guard let pictures else { continue }
      let batch = encoded(pictures)
      let retrieval = Retrieval(
        imageEmbeddings: clip.vision(batch.images), textEmbeddings: clip.text(batch.ids).embeds)
      for (k, recall) in retrieval.imageToText { metrics["\(name)_image_to_text_\(k)"] = recall }
      for (k, recall) in retrieval.textToImage { metrics["\(name)_text_to_image_\(k)"] = recall }
      metrics["\(name)_count"] = Double(pictures.captions.count)
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

  private func encoded(_ pictures: Pictures) -> Batch {
    let ids = tokenizer.batch(
      pictures.captions, contextLength: clip.text.config.maxPositionEmbeddings)
    return Batch(images: pictures.images, ids: ids.to(pictures.images.device))
  }
}
