public import CLIP
import Config
import Files
import Foundation
public import Torch
import TorchNN
public import UnCLIP

/// CLIP as the other stages use it: frozen, in evaluation mode, without gradients.
public final class FrozenCLIP {
  /// Width of the embeddings.
  public var embeddingWidth: Int { textEncoder.width }
  /// Tokens of a text.
  public var contextLength: Int { textEncoder.contextLength }
  /// Side of the images it takes, pixels.
  public var imageSize: Int { imageEncoder.imageSize }

  private let textEncoder: CLIPTextEncoder
  private let imageEncoder: CLIPImageEncoder

  /// Loads both encoders of a model folder.
  /// - Throws: `ModelFolderError`, `ConfigError`, `CheckpointError`, `TokenizerError`.
  public init(_ folder: ModelFolder, device: Device = .cpu) throws {
    try folder.require([.tokenizer, .textEncoder, .imageEncoder])
    try folder.checkFit()
    let clip = try CLIPFolder(folder.url)
    textEncoder = try CLIPTextEncoder(clip, device: device)
    imageEncoder = try CLIPImageEncoder(clip, device: device)
  }

  /// Encodes captions.
  public func text(_ captions: [String]) -> TextConditioning { textEncoder.encode(captions) }

  /// Embeds images `[B, 3, S, S]` in [-1, 1]: `[B, D]`, raw.
  public func image(_ images: Tensor) -> Tensor { imageEncoder(images) }

  /// Returns its image encoder as features of images.
  func features(of folder: ModelFolder) throws -> ImageFeatures {
    try ImageFeatures(encoder: imageEncoder, folder: CLIPFolder(folder.url))
  }

  /// Embeds images and their captions.
  public func callAsFunction(_ images: Images) -> Embeddings {
    Embeddings(image: image(images.images), text: text(images.captions))
  }

  /// The parts of a model folder that its embeddings depend on.
  static let parts: [ModelFolder.Part] = [
    .tokenizer, .textEncoder, .imageEncoder, .featureExtractor,
  ]
}

extension ModelFolder {
  /// Hashes the files of those of the parts that the folder has.
  /// - Throws: `TrainingError.notRead`.
  func fingerprint(of parts: [Part]) throws(TrainingError) -> String {
    var fingerprint = Fingerprint()
    for part in parts where has(part) { try fingerprint.add(filesIn: folder(of: part)) }
    return fingerprint.text
  }
}

/// Batches with their embeddings, computed at each step or read from a cache.
public final class EmbeddedImages {
  /// The keys of the batch of images that was read last.
  var shownKeys: [String] { stream.shownKeys }

  private let stream: ImageStream
  private let clip: FrozenCLIP
  private let prior: FrozenPrior?
  private let cache: EmbeddingCache?

  /// Joins a stream, CLIP, the prior where a stage learns from it, and a cache of the first
  /// batches' embeddings.
  public init(
    stream: ImageStream, clip: FrozenCLIP, prior: FrozenPrior? = nil,
    cache: EmbeddingCache? = nil
  ) {
    self.stream = stream
    self.clip = clip
    self.prior = prior
    self.cache = cache
  }

  /// The images at an index, or some rows of them, with their embeddings; a cached stream repeats its
  /// cached batches.
  public func batch(
    at index: Int, rows: BatchRows? = nil
  ) throws -> (images: Images, embeddings: Embeddings) {
    let position = cache.map { index % $0.batchCount } ?? index
    let images = try stream.batch(at: position, rows: rows)
    if let cache { return (images, try cache.embeddings(at: index)[rows]) }
    return (images, try embedded(images, at: index, rows: rows))
  }

  /// The embeddings at an index, or some rows of them, without the images.
  public func embeddings(at index: Int, rows: BatchRows? = nil) throws -> Embeddings {
    if let cache { return try cache.embeddings(at: index)[rows] }
    return try embedded(stream.batch(at: index, rows: rows), at: index, rows: rows)
  }

  /// Embeds the images at an index, or some rows of them, by CLIP and, if there is one, by the prior.
  func embedded(
    _ images: Images, at index: Int, rows: BatchRows? = nil
  ) throws -> Embeddings {
    var embeddings = clip(images)
    embeddings.drawn = try prior?.embeddings(of: embeddings.text, at: index, rows: rows)
    return embeddings
  }

  /// Images for a sample sheet with their embeddings.
  func sheetSamples(_ count: Int) -> (images: Images, embeddings: Embeddings) {
    let images = stream.sheetSamples(count)
    return (images, clip(images))
  }

  /// Images without augmentation, of seen or held-out concepts, with their embeddings.
  func evaluationImages(
    _ heldOut: Bool, limit: Int
  ) throws -> (images: Images, embeddings: Embeddings)? {
    guard let images = stream.samples(heldOut: heldOut, limit: limit) else { return nil }
    return (images, try embedded(images, at: 0))
  }

  /// Embeddings of images without augmentation, of seen or held-out concepts.
  func evaluation(heldOut: Bool, limit: Int) -> Embeddings? {
    stream.samples(heldOut: heldOut, limit: limit).map { clip($0) }
  }
}
