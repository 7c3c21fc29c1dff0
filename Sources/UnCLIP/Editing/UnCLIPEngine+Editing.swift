public import Diffusion
public import Foundation
public import Imaging

// The pipeline's edits, by the same names. Each ends within one step, or one window of a step, when
// its task is cancelled, and at once when `progress` throws.
extension UnCLIPEngine {
  /// What is called at every step of a generation, on the engine's thread.
  public typealias Progress = @Sendable (GenerationProgress) throws -> Void

  /// Returns the settings of a request's first image; see ``UnCLIPPipeline/settings(for:)``.
  /// - Throws: As that.
  public func settings(for request: ImageRequest) throws -> GenerationSettings {
    try withPipeline { try $0.settings(for: request) }
  }

  /// Returns the settings of an edit's first image; see
  /// ``UnCLIPPipeline/settings(for:editing:)``.
  /// - Throws: As that.
  public func settings(
    for request: ImageRequest, editing edit: ImageEdit
  ) throws -> GenerationSettings {
    try withPipeline { try $0.settings(for: request, editing: edit) }
  }

  /// Generates the images of an edit; see ``UnCLIPPipeline/images(for:editing:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func images(
    for request: ImageRequest, editing edit: ImageEdit, progress: @escaping Progress = { _ in }
  ) throws -> [Image] {
    try working(progress) { try $0.images(for: request, editing: edit, progress: $1) }
  }

  /// Encodes and inverts an image; see
  /// ``UnCLIPPipeline/latent(of:prompt:steps:threshold:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func latent(
    of image: Image, prompt: String = "", steps: Int = SamplingSettings.inversionSteps,
    threshold: ThresholdKind? = nil, progress: @escaping Progress = { _ in }
  ) throws -> ImageLatent {
    try working(progress) {
      try $0.latent(of: image, prompt: prompt, steps: steps, threshold: threshold, progress: $1)
    }
  }

  /// Generates a part of an image anew; see ``UnCLIPPipeline/inpainted(_:_:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func inpainted(
    _ inpainting: Inpainting, _ settings: GenerationSettings,
    progress: @escaping Progress = { _ in }
  ) throws -> Image {
    try working(progress) { try $0.inpainted(inpainting, settings, progress: $1) }
  }

  /// Generates an image that starts from another; see
  /// ``UnCLIPPipeline/image(_:startingFrom:strength:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func image(
    _ settings: GenerationSettings, startingFrom original: Image, strength: Double,
    progress: @escaping Progress = { _ in }
  ) throws -> Image {
    try working(progress) {
      try $0.image(settings, startingFrom: original, strength: strength, progress: $1)
    }
  }

  /// Enlarges an image fourfold; see
  /// ``UnCLIPPipeline/upscaled(_:by:sampling:seed:tile:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func upscaled(
    _ image: Image, by level: Upsampler.Level = .first, sampling: SamplingSettings? = nil,
    seed: UInt64, tile: Int? = nil, progress: @escaping Progress = { _ in }
  ) throws -> Image {
    try working(progress) {
      try $0.upscaled(image, by: level, sampling: sampling, seed: seed, tile: tile, progress: $1)
    }
  }

  /// Generates images and ranks them; see ``UnCLIPPipeline/rankedImages(for:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func rankedImages(
    for request: ImageRequest, progress: @escaping Progress = { _ in }
  ) throws -> [RankedImage] {
    try working(progress) { try $0.rankedImages(for: request, progress: $1) }
  }

  /// Returns how well an image fits a text; see ``UnCLIPPipeline/clipScore(of:for:)``.
  /// - Throws: As that.
  public func clipScore(of image: Image, for text: String) throws -> Double {
    try withPipeline { try $0.clipScore(of: image, for: text) }
  }

  /// Generates what an image's embedding shows as far as its first principal components tell; see
  /// ``UnCLIPPipeline/reconstructions(of:components:pca:settings:progress:)``.
  ///
  /// - Parameters:
  ///   - image: The image, of which the encoder sees the central square.
  ///   - counts: How many components; 0 is the mean embedding.
  ///   - file: The principal components, as ``EmbeddingPCA/write(to:dtype:metadata:)`` wrote them;
  ///     nil takes the model's.
  ///   - settings: Seed, size and sampling.
  ///   - progress: Called at every step; what it throws ends the generation.
  /// - Throws: As that, ``ModelFolder/loadPCA()`` and ``EmbeddingPCA/init(contentsOf:)``;
  ///   `CancellationError` when the task is cancelled.
  public func reconstructions(
    of image: Image, components counts: [Int], pca file: URL? = nil, settings: GenerationSettings,
    progress: @escaping Progress = { _ in }
  ) throws -> [Image] {
    try working(progress) {
      try $0.reconstructions(
        of: image, components: counts,
        pca: file.map(EmbeddingPCA.init(contentsOf:)) ?? $0.folder.loadPCA(), settings: settings,
        progress: $1)
    }
  }
}
