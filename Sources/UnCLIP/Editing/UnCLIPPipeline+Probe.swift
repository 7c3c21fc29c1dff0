import CLIP
import Diffusion
public import Imaging
import Torch

extension UnCLIPPipeline {
  /// Generates what an image's embedding shows as far as its first principal components tell: one
  /// image for each number of components, all from the same noise.
  ///
  /// - Parameters:
  ///   - image: The image, of which the encoder sees the central square.
  ///   - counts: How many components; 0 is the mean embedding.
  ///   - pca: Those of ``ModelFolder/loadPCA()``, or fitted to other images.
  ///   - settings: Seed, size and sampling; the prompt, which may be empty, conditions the decoder.
  ///   - progress: Called at every step; what it throws ends the generation.
  /// - Throws: ``EmbeddingPCAError/tooMany(_:possible:)``, and for settings as
  ///   ``settings(for:)``, before any work is done; `ModelFolderError`, `ConfigError` and
  ///   `CheckpointError` when a network is missing or broken; what `progress` throws.
  ///
  /// Source: paper section 4, figure 7.
  public func reconstructions(
    of image: Image, components counts: [Int], pca: EmbeddingPCA, settings: GenerationSettings,
    progress: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> [Image] {
    for count in counts { try pca.check(count) }
    try check(settings)
    let (pca, embedding) = (pca.to(device), try embedding(of: image))
    let prompt = conditioning(settings.prompt, negative: settings.negative)
    return try counts.enumerated().map { index, count in
      try rendered(
        pca.reconstruction(of: embedding, components: count), prompt, settings,
        using: RandomSource(seed: settings.seed)
      ) { step in
        var step = step
        (step.index, step.count) = (index, counts.count)
        try progress(step)
      }
    }
  }
}
