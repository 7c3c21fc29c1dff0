import CLIP
public import Diffusion
public import Imaging
public import Torch

extension UnCLIPPipeline {
  /// Returns how an edit is sampled unless asked otherwise: as the model says, but fresh noise as
  /// ``SamplingSettings/prepareForImage()`` does, inverted noise as
  /// ``SamplingSettings/prepareForInversion()``, and latents with the steps and the threshold of
  /// their inversion.
  public func sampling(for edit: ImageEdit) -> SamplingSettings {
    var sampling = defaults.sampling
    guard edit.noise == .inverted else {
      sampling.prepareForImage()
      return sampling
    }
    sampling.prepareForInversion()
    if case .latent(let latent)? = edit.sources.first {
      (sampling.decoderSteps, sampling.threshold) = (latent.steps, latent.threshold)
    }
    return sampling
  }

  /// Returns the settings of an edit's first image, with those of ``sampling(for:)`` where the
  /// request has none.
  ///
  /// - Throws: as ``settings(for:)``.
  public func settings(
    for request: ImageRequest, editing edit: ImageEdit
  ) throws -> GenerationSettings {
    var request = request
    request.sampling = request.sampling ?? sampling(for: edit)
    return try settings(for: request)
  }

  /// Generates the images of an edit: all frames with the first seed, then with the next.
  ///
  /// - Parameters:
  ///   - request: Seeds, size and sampling; its prompt, which may be empty, conditions the decoder
  ///     beside the embeddings.
  ///   - edit: What to make of which sources.
  ///   - progress: Called at every step; what it throws ends the generation.
  /// - Throws: `RequestError`, `LatentError` and `ConfigError` for what cannot be done, before any
  ///   work; `ModelFolderError` and `CheckpointError` when a network is missing or broken; what
  ///   `progress` throws.
  public func images(
    for request: ImageRequest, editing edit: ImageEdit,
    progress: ImageEditor.Progress = { _ in }
  ) throws -> [Image] {
    var images: [Image] = []
    try generate(request, editing: edit, progress: progress) { image, _ in images.append(image) }
    return images
  }

  /// Generates the images of an edit, and hands over each with its settings.
  func generate(
    _ request: ImageRequest, editing edit: ImageEdit, progress: ImageEditor.Progress,
    image: (Image, GenerationSettings) throws -> Void
  ) throws {
    var settings = try settings(for: request, editing: edit)
    let editor = try editor(edit, settings)
    let count = request.count * edit.frames.count
    for index in 0..<count {
      settings.seed = request.seed &+ UInt64(index / edit.frames.count)
      let made = try editor.image(
        frame: index % edit.frames.count, seed: settings.seed
      ) { step in
        var step = step
        (step.index, step.count) = (index, count)
        try progress(step)
      }
      try image(made, settings)
    }
  }

  /// Returns what makes the frames of an edit one at a time.
  ///
  /// - Throws: as ``images(for:editing:progress:)``, before any work.
  public func editor(_ edit: ImageEdit, _ settings: GenerationSettings) throws -> ImageEditor {
    try ImageEditor(self, edit, settings: settings)
  }

  /// Encodes and inverts an image.
  ///
  /// - Parameters:
  ///   - image: Of any size; the central square is used.
  ///   - prompt: Conditions the decoder beside the image's embedding.
  ///   - steps: Of the inversion, and best of the decoding too.
  ///   - threshold: How predictions are bounded, best in decoding too; nil takes the model's.
  ///   - progress: Called at every step; what it throws ends the inversion.
  /// - Throws: `ModelFolderError`, `ConfigError` and `CheckpointError` when a network is missing or
  ///   broken, or has fewer steps; what `progress` throws.
  public func latent(
    of image: Image, prompt: String = "", steps: Int = SamplingSettings.inversionSteps,
    threshold: ThresholdKind? = nil, progress: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> ImageLatent {
    var settings = defaults.sampling
    settings.decoderSteps = steps
    settings.threshold = threshold ?? settings.threshold
    let embedding = try embedding(of: image)
    let noise = try noise(
      of: pixels(of: image), for: embedding, conditioning(prompt), settings: settings,
      onStep: { try progress(.init($0, of: .inversion)) })
    return ImageLatent(
      embedding: embedding.to(.float32).array(), noise: noise.to(.float32).array(),
      size: decoderSize, steps: steps, threshold: settings.threshold, prompt: prompt,
      model: .init(name: defaults.name, fingerprint: try folder.latentFingerprint()))
  }

  /// Returns the central square of an image at the decoder's size, over white,
  /// `[1, 3, S, S]` in [-1, 1].
  public func pixels(of image: Image) -> Tensor {
    let square = image.composited(over: (255, 255, 255)).converted(toChannels: 3)
      .croppedToSquare().resized(width: decoderSize, height: decoderSize)
    return Tensor(images: [square], range: .symmetric, device: device)
  }

  /// Samples the noise that the decoder starts from, of the shape of `image` if there is one.
  func startNoise(like image: Tensor? = nil, using random: RandomSource) -> Tensor {
    random.normal(
      image?.shape ?? [1, 3, decoderSize, decoderSize], dtype: .float32, device: device)
  }

  /// Returns the difference of two texts' embeddings, of norm 0 to 2, `[1, D]`.
  func direction(of difference: ImageEdit.TextDifference) -> Tensor {
    textEncoder([difference.to], normalized: true)
      - textEncoder([difference.from], normalized: true)
  }

  /// Refuses a latent of another model.
  /// - Throws: `LatentError`; `CheckpointError` when the model cannot be read.
  func check(_ latent: ImageLatent) throws {
    guard try latent.model.fingerprint == folder.latentFingerprint() else {
      let same = latent.model.name == defaults.name ? "one of that name" : "model \(defaults.name)"
      throw LatentError.otherModel(made: latent.model.name, here: same)
    }
    let width = textEncoder.width
    guard latent.embedding.count == width else {
      throw LatentError.misshapen(
        reason: "its embedding has \(latent.embedding.count) elements, not \(width)")
    }
    guard latent.size == decoderSize, latent.noise.count == 3 * decoderSize * decoderSize else {
      throw LatentError.misshapen(
        reason: "its noise has \(latent.noise.count) elements, not those of \(decoderSize) pixels")
    }
  }
}
