public import Imaging

extension UnCLIPEngine {
  /// Generates a part of an image anew; see ``UnCLIPPipeline/inpainted(_:_:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func inpainted(
    _ inpainting: Inpainting, _ settings: GenerationSettings
  ) throws -> Image {
    try withPipeline {
      try $0.inpainted(inpainting, settings) { try Self.checkCancellation(after: $0) }
    }
  }

  /// Generates an image that starts from another; see
  /// ``UnCLIPPipeline/image(_:startingFrom:strength:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func image(
    _ settings: GenerationSettings, startingFrom original: Image, strength: Double
  ) throws -> Image {
    try withPipeline {
      try $0.image(settings, startingFrom: original, strength: strength) {
        try Self.checkCancellation(after: $0)
      }
    }
  }

  /// Enlarges an image fourfold; see ``UnCLIPPipeline/upscaled(_:sampling:seed:tile:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func upscaled(
    _ image: Image, sampling: SamplingSettings? = nil, seed: UInt64, tile: Int? = nil
  ) throws -> Image {
    try withPipeline {
      try $0.upscaled(image, sampling: sampling, seed: seed, tile: tile) {
        try Self.checkCancellation(after: $0)
      }
    }
  }

  /// Generates images and ranks them; see ``UnCLIPPipeline/rankedImages(for:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func rankedImages(for request: ImageRequest) throws -> [RankedImage] {
    try withPipeline {
      try $0.rankedImages(for: request) { try Self.checkCancellation(after: $0) }
    }
  }
}
