import CLIP
import Diffusion
public import Imaging
import Torch

/// Generates the frames of an ``ImageEdit``, one at a time and in any order; each source is encoded
/// and inverted once, when a frame first needs it.
///
/// A frame depends on the model, the edit and its settings alone: not on the frames before it.
public final class ImageEditor {
  private let pipeline: UnCLIPPipeline
  private let edit: ImageEdit
  /// The settings of all frames, but for the seed.
  private let settings: GenerationSettings
  private let prompt: PromptConditioning
  private lazy var direction = edit.difference.map { pipeline.direction(of: $0) }
  /// z_i of each source that was needed, and where a prompt's random numbers stand after it.
  private var embeddings: [Int: Tensor] = [:]
  private var noises: [Int: Tensor] = [:]
  /// The seed that the prompts' embeddings and noises are of.
  private var seed: UInt64?

  /// Progress of one image.
  public typealias Progress = (GenerationProgress) throws -> Void

  /// Checks an edit against a model.
  ///
  /// - Parameters:
  ///   - pipeline: The model.
  ///   - edit: What to make.
  ///   - settings: Of all frames; the prompt, which may be empty, conditions the decoder beside the
  ///     embeddings, when inverting too.
  /// - Throws: `RequestError`, `LatentError` and `ConfigError` for what cannot be done;
  ///   `ModelFolderError.missing` for a part that the model lacks.
  init(_ pipeline: UnCLIPPipeline, _ edit: ImageEdit, settings: GenerationSettings) throws {
    try edit.validate()
    try pipeline.check(settings)
    if edit.noise == .inverted, settings.sampling.decoderSampler != .ddim {
      throw RequestError.outOfRange(
        "the decoder's sampler", settings.sampling.decoderSampler.rawValue,
        "ddim where noise is inverted")
    }
    for source in edit.sources {
      switch source {
      case .prompt:
        let prior = settings.sampling.priorKind
        guard prior != .none else { throw RequestError.noEmbedding }
        try pipeline.folder.require(prior.parts)
      case .image: try pipeline.folder.require([.imageEncoder])
      case .latent(let latent): try pipeline.check(latent)
      }
    }
    self.pipeline = pipeline
    self.edit = edit
    self.settings = settings
    prompt = pipeline.conditioning(settings.prompt, negative: settings.negative)
  }

  /// Generates one frame.
  ///
  /// - Parameters:
  ///   - frame: Its index.
  ///   - seed: Of all random numbers; nil takes that of the settings.
  ///   - progress: Called at every step; what it throws ends the generation.
  /// - Throws: `ModelFolderError`, `ConfigError` and `CheckpointError` when a network is missing or
  ///   broken; what `progress` throws.
  /// - Precondition: There is such a frame.
  public func image(
    frame: Int, seed: UInt64? = nil, progress: Progress = { _ in }
  ) throws -> Image {
    precondition(edit.frames.indices.contains(frame), "frame \(frame) of \(edit.frames.count)")
    var settings = settings
    settings.seed = seed ?? settings.seed
    if self.seed != settings.seed {
      for (index, source) in edit.sources.enumerated() {
        if case .prompt = source { (embeddings[index], noises[index]) = (nil, nil) }
      }
      self.seed = settings.seed
    }
    let frame = edit.frames[frame]
    try progress(GenerationProgress(stage: .text, step: 1, stepCount: 1, predictedStart: nil))
    let used = frame.weights.indices.filter { frame.weights[$0] > 0 }
    let weights = used.map { frame.weights[$0] }
    for index in used where embeddings[index] == nil {
      try encode(index, settings, progress)
    }
    var embedding = sphericalMean(used.compactMap { embeddings[$0] }, weights: weights)
    if let direction, frame.theta > 0 {
      embedding = moved(embedding, towards: direction, by: frame.theta)
    }
    var noise: Tensor?
    if edit.noise == .inverted {
      for index in used where noises[index] == nil { try invert(index, settings, progress) }
      noise = mean(of: used.compactMap { noises[$0] }, weights: weights)
    }
    return try pipeline.rendered(
      embedding, prompt, noise: noise, settings, using: RandomSource(seed: settings.seed), progress)
  }

  /// Keeps z_i of a source, and of a prompt x_T too, which its random numbers go on with.
  private func encode(
    _ index: Int, _ settings: GenerationSettings, _ progress: Progress
  ) throws {
    switch edit.sources[index] {
    case .latent(let latent):
      embeddings[index] = latent.embeddingTensor(on: pipeline.device)
      noises[index] = latent.noiseTensor(on: pipeline.device)
    case .image(let image):
      embeddings[index] = try pipeline.embedding(of: image)
    case .prompt(let text):
      let random = RandomSource(seed: settings.seed)
      embeddings[index] = try pipeline.embedding(
        of: pipeline.conditioning(text, negative: settings.negative), settings: settings.sampling,
        using: random,
        onStep: progress)
      noises[index] = pipeline.startNoise(using: random)
    }
  }

  private func invert(
    _ index: Int, _ settings: GenerationSettings, _ progress: Progress
  ) throws {
    guard case .image(let image) = edit.sources[index], let embedding = embeddings[index] else {
      return
    }
    noises[index] = try pipeline.noise(
      of: pipeline.pixels(of: image), for: embedding, prompt, settings: settings.sampling,
      onStep: { try progress(.init($0, of: .inversion)) })
  }

  private func moved(_ embedding: Tensor, towards direction: Tensor, by theta: Double) -> Tensor {
    // Equal texts have no difference, and none to move towards.
    guard direction.norm(over: -1).item() > 1e-6 else { return embedding }
    let norm = embedding.norm(over: -1, keepingDims: true)
    return sphericalInterpolation(
      embedding, direction.normalized().to(embedding.dtype) * norm, fraction: theta)
  }

  private func mean(of noises: [Tensor], weights: [Double]) -> Tensor {
    sphericalMean(noises.map { $0.reshaped([1, -1]) }, weights: weights)
      .reshaped(noises[0].shape)
  }
}
