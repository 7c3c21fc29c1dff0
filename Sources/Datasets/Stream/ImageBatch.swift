public import Imaging

/// Images and captions for one training step.
public struct ImageBatch: Sendable, Equatable {
  /// RGB bytes, `[count, size, size, 3]`.
  public let pixels: [UInt8]
  /// Number of images.
  public let count: Int
  /// The side of an image, in pixels.
  public let size: Int
  /// One caption per image.
  public let captions: [String]
  /// The key of each sample; scenes and shapes have keys of their own.
  public let keys: [String]

  /// Returns the image at `index`.
  ///
  /// - Precondition: `index` is in 0 ..< `count`.
  public func image(at index: Int) -> Image {
    precondition((0..<count).contains(index), "a batch of \(count) has no image \(index)")
    let bytes = size * size * 3
    return Image(
      width: size, height: size, channels: 3,
      pixels: Array(pixels[index * bytes..<(index + 1) * bytes]))
  }
}

/// An image for evaluation: on white, not augmented, with its plain caption.
public struct EvaluationSample: Sendable, Equatable {
  /// Key in the data set.
  public let key: String
  /// The caption and metadata of the sample.
  public let info: SampleInfo
  /// The name after its article.
  public let caption: String
  /// RGB, `imageSize` pixels a side.
  public let image: Image
}
