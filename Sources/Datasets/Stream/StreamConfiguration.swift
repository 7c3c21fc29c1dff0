import Config

/// What a training stream shows: a mixture of part of the data, in batches of images of one size.
public struct StreamConfiguration: Sendable, Equatable, Codable {
  /// How the data are mixed and augmented.
  public var mixture: Mixture
  /// Images in a batch.
  public var batchSize: Int
  /// Side of an image, in pixels.
  public var imageSize: Int
  /// The seed of order, captions and augmentation.
  public var seed: UInt64
  /// The part of the data that is shown.
  public var part: DataSplit.Part
  /// Bytes of decoded images kept in memory; a larger set is decoded each time it is shown.
  public var cacheLimit: Int
  /// Whether a sample that cannot be read ends the run; else it is skipped with a warning.
  public var strict: Bool

  /// Makes a configuration; by default batches of 64 images of 64 pixels.
  public init(
    _ mixture: Mixture = Mixture(), batchSize: Int = 64, imageSize: Int = 64, seed: UInt64 = 0,
    part: DataSplit.Part = .train, cacheLimit: Int = 4 << 30, strict: Bool = false
  ) {
    self.mixture = mixture
    self.batchSize = batchSize
    self.imageSize = imageSize
    self.seed = seed
    self.part = part
    self.cacheLimit = cacheLimit
    self.strict = strict
  }

  /// Checks every value.
  ///
  /// - Throws: `DataError.setting` for the first one out of range.
  public func validate() throws(DataError) {
    try DataError.require("batch_size", batchSize, in: 1...65536)
    try DataError.require("image_size", imageSize, in: 4...4096)
    do {
      try mixture.validate()
    } catch ConfigError.invalid(_, let key, let value, let expected) {
      throw .setting(name: key, value: value, rule: expected)
    } catch {
      throw .setting(name: "mixture", value: "unreadable", rule: error.description)
    }
  }
}
