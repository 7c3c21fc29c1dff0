import CLIP
public import Config
public import Diffusion
public import Foundation
public import Imaging
public import Torch
public import TorchNN
public import UnCLIP

/// Training of the decoder: images from their CLIP embeddings and, at times, their captions.
///
/// Source: paper section 2.1.
public final class DecoderTask: TrainingTask {
  /// The trained networks, under the names its parts have in a model folder.
  final class Networks: Module {
    let decoder: UNet
    let textProj: TextProjection

    init(decoder: UNet, textProj: TextProjection) {
      self.decoder = decoder
      self.textProj = textProj
    }
  }

  /// The decoder's shape in a training configuration.
  public struct Model: Codable, Sendable, Equatable {
    /// The U-Net.
    public var unet: UNetConfig
    /// The process over pixels.
    public var scheduler: SchedulerConfig
    /// The decoder's own text encoder; nil takes CLIP's encodings as they are.
    public var textEncoder: DecoderTextConfig?

    enum CodingKeys: String, CodingKey {
      case unet, scheduler
      case textEncoder = "text_encoder"
    }

    /// Groups them.
    public init(
      unet: UNetConfig, scheduler: SchedulerConfig, textEncoder: DecoderTextConfig? = nil
    ) {
      self.unet = unet
      self.scheduler = scheduler
      self.textEncoder = textEncoder
    }

    /// How CLIP's embeddings of this width enter the U-Net.
    func projection(embeddingWidth: Int) -> TextProjectionConfig {
      TextProjectionConfig(
        embeddingWidth: embeddingWidth, contextWidth: unet.crossAttentionDim ?? 0,
        timeWidth: unet.timeEmbedWidth, textEncoder: textEncoder)
    }

    /// Whether the decoder is given an image hint: it is when the U-Net adds its condition.
    public var isHinted: Bool { unet.addsCondition }

    /// Checks both, and that they fit each other.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String) throws(ConfigError) {
      try checkUNet(unet, scheduler, inputChannels: isHinted ? 6 : 3, file: file)
      let check = ConfigCheck(file: file, at: "model.unet")
      for (key, value) in [
        ("cross_attention_dim", unet.crossAttentionDim), ("sample_size", unet.sampleSize),
      ] {
        try check.require(value != nil, key, "null", "a decoder needs it")
      }
      try textEncoder?.validate(
        file: file, at: "model.text_encoder", width: unet.crossAttentionDim ?? 0)
    }
  }

  /// What is minimised and how samples are generated.
  public struct Objective: Codable, Sendable, Equatable {
    /// Fraction of image embeddings replaced by the learned null embedding.
    public var imageDropRate: Double
    /// Fraction of captions replaced by the empty one.
    public var textDropRate: Double
    /// The weight of each timestep.
    public var weighting: LossWeighting
    /// Deviation of the noise that all pixels of a channel share; nil for none.
    public var offsetNoise: Double?
    /// How many of the image embeddings the prior samples.
    public var drawnEmbeddings: DrawnEmbeddings
    /// Batches whose embeddings are computed once and then cycled; 0 computes them at every step.
    public var embeddingBatches: Int
    /// Denoising steps of a sample.
    public var sampleSteps: Int
    /// Guidance scale of a sample.
    public var sampleGuidance: Double

    enum CodingKeys: String, CodingKey {
      case weighting
      case offsetNoise = "offset_noise"
      case imageDropRate = "image_drop_rate"
      case textDropRate = "text_drop_rate"
      case drawnEmbeddings = "drawn_embeddings"
      case embeddingBatches = "embedding_batches"
      case sampleSteps = "sample_steps"
      case sampleGuidance = "sample_guidance"
    }

    /// Groups the values.
    public init(
      imageDropRate: Double, textDropRate: Double, weighting: LossWeighting,
      offsetNoise: Double? = nil,
      drawnEmbeddings: DrawnEmbeddings, embeddingBatches: Int, sampleSteps: Int,
      sampleGuidance: Double
    ) {
      self.imageDropRate = imageDropRate
      self.textDropRate = textDropRate
      self.weighting = weighting
      self.offsetNoise = offsetNoise
      self.drawnEmbeddings = drawnEmbeddings
      self.embeddingBatches = embeddingBatches
      self.sampleSteps = sampleSteps
      self.sampleGuidance = sampleGuidance
    }

    /// Checks each value.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String) throws(ConfigError) {
      let check = ConfigCheck(objective: file)
      try check.fraction("image_drop_rate", imageDropRate)
      try check.fraction("text_drop_rate", textDropRate)
      try drawnEmbeddings.validate(file: file)
      try check.count("embedding_batches", embeddingBatches, in: 0...1_000_000)
      try check.number("offset_noise", offsetNoise ?? 0, in: 0...1)
      try check.count("sample_steps", sampleSteps, in: 1...1000)
      try check.number("sample_guidance", sampleGuidance, in: 0...1000)
    }
  }

  /// Images with their CLIP embeddings.
  public struct Batch {
    let images: Tensor
    let embeddings: Embeddings
  }

  /// The name of the stage.
  public let stage = "decoder"
  /// The module that is trained, averaged and saved.
  public var module: any Module { networks }

  private let networks: Networks
  private let decoder: Decoder
  private let objective: Objective
  private let data: EmbeddedImages
  private let clip: FrozenCLIP
  private let size: Int
  private let unconditional: TextConditioning

  /// A decoder with random weights; its hint, if any, is frozen.
  init(
    _ model: Model, objective: Objective, data: EmbeddedImages, clip: FrozenCLIP,
    hint: ImageHint?, size: Int, using random: RandomSource
  ) {
    let unet = UNet(model.unet, using: random)
    let projection = TextProjection(
      model.projection(embeddingWidth: clip.embeddingWidth), using: random)
    networks = Networks(decoder: unet, textProj: projection)
    hint?.freeze()
    hint?.eval()
    decoder = Decoder(
      unet: unet, projection: projection, scheduler: model.scheduler, hint: hint)
    self.objective = objective
    self.data = data
    self.clip = clip
    self.size = size
    unconditional = clip.text([""])
  }

  /// Loads the weights of a model folder, whose patches may be smaller.
  func start(from folder: ModelFolder) throws {
    let other = try folder.loadDecoder()
    let (patch, smaller) = (networks.decoder.config.patchSize, other.unet.config.patchSize)
    let weights =
      patch % smaller == 0
      ? other.unet.stateDict(patchSize: patch) : other.unet.stateDict()
    try networks.decoder.load(weights, file: folder.folder(of: .decoder))
    try networks.textProj.load(
      other.projection.stateDict(), file: folder.folder(of: .textProjection))
  }

  /// Rows of the batch at an index, a pure function of it.
  public func batch(at index: Int, rows: BatchRows) throws -> Batch {
    let (images, embeddings) = try data.batch(at: index, rows: rows)
    return Batch(
      images: resized(images.images, to: size).channelsLast(), embeddings: embeddings)
  }

  /// Keys of the samples in the batch that was made last.
  public func sampleKeys(at index: Int, rows: BatchRows) -> [String] { data.shownKeys }

  /// The loss of a batch.
  public func loss(_ batch: Batch, of part: Int, using random: RandomSource) -> Losses {
    let chosen = random.bernoulli(
      objective.drawnEmbeddings.fraction, [batch.images.dim(0)], dtype: .bool,
      device: batch.images.device)
    return Losses(
      diffusion: decoder.loss(
        of: batch.images,
        Decoder.TrainingConditioning(
          imageEmbedding: batch.embeddings.mixed(drawn: chosen), text: batch.embeddings.text,
          unconditional: unconditional, imageDropRate: objective.imageDropRate,
          textDropRate: objective.textDropRate),
        weighting: objective.weighting, offsetNoise: objective.offsetNoise ?? 0, using: random))
  }

  /// Pairs held-out images with the decoder's samples from their embeddings and captions; with a
  /// prior, seen images with samples from the prior's embeddings.
  public func sample(using random: RandomSource) throws -> Image? {
    var (images, embeddings) = data.sheetSamples(16)
    if objective.drawnEmbeddings.fraction > 0,
      let (seen, found) = try data.evaluationImages(false, limit: 16), let sampled = found.drawn
    {
      (images, embeddings) = (seen, Embeddings(image: sampled, text: found.text))
    }
    let originals = resized(images.images, to: size)
    let samples = try (0..<originals.dim(0)).map { row in
      let prompt = PromptConditioning(text: embeddings.text.row(row), negative: unconditional)
      return try decoder.sample(
        from: random.normal([1, 3, size, size], device: originals.device),
        Decoder.Conditioning(imageEmbedding: embeddings.image[row..<row + 1], prompt: prompt),
        sampling: StageSampling(
          steps: objective.sampleSteps, guidance: objective.sampleGuidance,
          sampler: decoder.scheduler.defaultSampler),
        using: random)
    }
    return sheet(pairing: [Image](originals), with: samples.flatMap { [Image]($0) })
  }

  /// Writes the averaged weights as parts of a model folder.
  public func export(to folder: URL) throws {
    try ModelFolder(folder).saveDecoder(decoder, dtype: .float32)
  }
}
