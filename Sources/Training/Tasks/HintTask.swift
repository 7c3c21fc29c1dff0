import CLIP
public import Config
public import Foundation
public import Imaging
public import Torch
public import TorchNN
public import UnCLIP

/// Training of the image hint: a coarse image from CLIP's embeddings of it and of its caption.
public final class HintTask: TrainingTask {
  /// The trained networks, under the name it has in a model folder.
  final class Networks: Module {
    let imageHint: ImageHint

    init(imageHint: ImageHint) { self.imageHint = imageHint }
  }

  /// The hint's shape in a training configuration.
  public struct Model: Codable, Sendable, Equatable {
    /// The network.
    public var hint: ImageHintConfig

    /// Holds the network's shape.
    public init(hint: ImageHintConfig) { self.hint = hint }
  }

  /// What is minimised and measured.
  public struct Objective: Codable, Sendable, Equatable {
    /// Fraction of image embeddings replaced by the mean one.
    public var imageDropRate: Double
    /// Fraction of captions replaced by the empty one.
    public var textDropRate: Double
    /// Largest standard deviation of the noise added to standardised image embeddings.
    public var embeddingNoise: Double
    /// How many of the image embeddings the prior samples.
    public var drawnEmbeddings: DrawnEmbeddings
    /// Batches whose embeddings are computed once and then cycled.
    public var embeddingBatches: Int
    /// The largest number of images to evaluate.
    public var evaluationCount: Int

    enum CodingKeys: String, CodingKey {
      case imageDropRate = "image_drop_rate"
      case textDropRate = "text_drop_rate"
      case embeddingNoise = "embedding_noise"
      case drawnEmbeddings = "drawn_embeddings"
      case embeddingBatches = "embedding_batches"
      case evaluationCount = "evaluation_count"
    }

    /// Groups the values.
    public init(
      imageDropRate: Double, textDropRate: Double, embeddingNoise: Double,
      drawnEmbeddings: DrawnEmbeddings, embeddingBatches: Int, evaluationCount: Int
    ) {
      self.imageDropRate = imageDropRate
      self.textDropRate = textDropRate
      self.embeddingNoise = embeddingNoise
      self.drawnEmbeddings = drawnEmbeddings
      self.embeddingBatches = embeddingBatches
      self.evaluationCount = evaluationCount
    }

    /// Checks each value.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String) throws(ConfigError) {
      let check = ConfigCheck(objective: file)
      try check.fraction("image_drop_rate", imageDropRate)
      try check.fraction("text_drop_rate", textDropRate)
      try check.number("embedding_noise", embeddingNoise, in: 0...1000)
      try drawnEmbeddings.validate(file: file)
      try check.count("embedding_batches", embeddingBatches, in: 1...1_000_000)
      try check.evaluation(evaluationCount)
    }
  }

  /// Coarse images with their embeddings by CLIP and the prior.
  public struct Batch {
    let images: Tensor
    let embeddings: Embeddings
  }

  /// The name of the stage.
  public let stage = "hint"
  /// The module that is trained, averaged and saved.
  public var module: any Module { networks }

  private let networks: Networks
  private let objective: Objective
  private let data: EmbeddedImages
  private let unconditional: TextConditioning
  private var hint: ImageHint { networks.imageHint }
  /// The cycled batches, kept because a step costs less than rendering its images again.
  private var batches: [Int: Batch] = [:]

  /// A hint with random weights; its embeddings' statistics are not set.
  init(
    _ model: Model, objective: Objective, data: EmbeddedImages, clip: FrozenCLIP,
    using random: RandomSource
  ) {
    networks = Networks(imageHint: ImageHint(model.hint, using: random))
    self.objective = objective
    self.data = data
    unconditional = clip.text([""])
  }

  /// Measures the embeddings' mean and standard deviation on the cycled batches. A resumed run has
  /// them in its checkpoint.
  func measureStatistics() throws {
    let embeddings = try (0..<objective.embeddingBatches).map { try data.embeddings(at: $0) }
    hint.setStatistics(
      imageEmbeddings: Tensor.concatenated(embeddings.map(\.image), over: 0),
      textEmbeddings: Tensor.concatenated(embeddings.map(\.text.embedding), over: 0))
  }

  /// Loads the weights and statistics of a model folder.
  /// - Throws: `TrainingError.missingPart`, `ConfigError`, `CheckpointError`.
  func start(from folder: ModelFolder) throws {
    guard let other = try folder.loadImageHint() else {
      throw TrainingError.missingPart(
        folder: folder.url.path, part: ModelFolder.Part.imageHint.rawValue, stage: stage)
    }
    try hint.load(other.stateDict(), file: folder.folder(of: .imageHint))
  }

  /// Rows of the batch at an index, a pure function of it. A run asks for the same rows each time.
  public func batch(at index: Int, rows: BatchRows) throws -> Batch {
    let position = index % objective.embeddingBatches
    if let batch = batches[position] { return batch }
    let (images, embeddings) = try data.batch(at: position, rows: rows)
    let batch = Batch(
      images: resized(images.images, to: hint.config.sampleSize), embeddings: embeddings)
    batches[position] = batch
    return batch
  }

  /// The loss of a batch.
  public func loss(_ batch: Batch, of part: Int, using random: RandomSource) -> Losses {
    let embeddings = batch.embeddings
    let (count, width) = embeddings.image.shape2
    let device = embeddings.image.device
    func chosen(_ rate: Double) -> Tensor {
      random.bernoulli(rate, [count], dtype: .bool, device: device)
    }
    let deviations = random.uniform([count, 1], device: device) * objective.embeddingNoise
    let noise = random.normal([count, width], device: device) * deviations
    let text = embeddings.text.replaced(where: chosen(objective.textDropRate), by: unconditional)
    let image = hint(
      imageEmbedding: embeddings.mixed(drawn: chosen(objective.drawnEmbeddings.fraction)),
      textEmbedding: text.embedding, imageNoise: noise,
      imageDropped: chosen(objective.imageDropRate))
    return Losses(total: F.mseLoss(image, batch.images))
  }

  /// Measures the mean squared error of coarse images of seen and of held-out concepts, from the
  /// images' own embeddings and, if there is a prior, from those it samples.
  public func evaluate() throws -> [String: Double] {
    var metrics: [String: Double] = [:]
    for (name, heldOut) in [("seen", false), ("held_out", true)] {
      let limit = objective.evaluationCount
      guard let (batch, embeddings) = try data.evaluationImages(heldOut, limit: limit) else {
        continue
      }
      let images = resized(batch.images, to: hint.config.sampleSize)
      for (source, embedding) in [("true", embeddings.image), ("drawn", embeddings.drawn)] {
        guard let embedding else { continue }
        let image = hint(imageEmbedding: embedding, textEmbedding: embeddings.text.embedding)
        metrics["\(name)_\(source)_error"] = F.mseLoss(image, images).item()
      }
    }
    return metrics
  }

  /// Pairs seen images with their coarse images, from the prior's embeddings if there are any.
  public func sample(using random: RandomSource) throws -> Image? {
    guard let (batch, embeddings) = try data.evaluationImages(false, limit: 16) else {
      return nil
    }
    let coarse = hint(
      imageEmbedding: embeddings.drawn ?? embeddings.image,
      textEmbedding: embeddings.text.embedding)
    let originals = resized(batch.images, to: hint.config.sampleSize)
    return sheet(pairing: [Image](originals), with: [Image](coarse))
  }

  /// Writes the averaged weights as a part of a model folder.
  public func export(to folder: URL) throws {
    try ModelFolder(folder).saveImageHint(hint, dtype: .float32)
  }
}
