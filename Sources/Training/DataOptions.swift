public import Config
public import Datasets

/// What a run is trained on: the mixture and the changes of pictures. Size, batch and seed come
/// from the model and the training options.
public struct DataOptions: Codable, Sendable, Equatable {
  /// Threads that prepare batches ahead; 0 prepares each when it is asked for.
  public var workers: Int
  /// Batches prepared ahead.
  public var prefetch: Int
  /// Share of composed scenes.
  public var sceneFraction: Double
  /// Share of pictures of plain shapes in named colours.
  public var shapeFraction: Double
  /// Share of the concepts that training never shows, for measures and sample sheets.
  public var heldOutFraction: Double
  /// Leaves out signs, letters and clock faces.
  public var coreOnly: Bool
  /// Leaves out pictures whose stored side is smaller, pixels; 0 keeps all.
  public var minimumSide: Int
  /// How often a source is shown, 1 unless named.
  public var sourceWeights: [String: Double]
  /// How often a group is shown, 1 unless named.
  public var groupWeights: [String: Double]
  /// Smallest size of a thing, as a share of the picture.
  public var smallestScale: Double
  /// Largest move out of the middle, as a share of the picture.
  public var shift: Double
  /// Share of pictures that are mirrored, among those that may be.
  public var flipFraction: Double
  /// Share of pictures on another background than white.
  public var coloredBackgroundFraction: Double

  enum CodingKeys: String, CodingKey {
    case workers, prefetch, shift
    case sceneFraction = "scene_fraction"
    case shapeFraction = "shape_fraction"
    case heldOutFraction = "held_out_fraction"
    case coreOnly = "core_only"
    case minimumSide = "minimum_side"
    case sourceWeights = "source_weights"
    case groupWeights = "group_weights"
    case smallestScale = "smallest_scale"
    case flipFraction = "flip_fraction"
    case coloredBackgroundFraction = "colored_background_fraction"
  }

  /// Groups the values.
  public init(
    workers: Int, prefetch: Int, sceneFraction: Double, shapeFraction: Double,
    heldOutFraction: Double, coreOnly: Bool, minimumSide: Int, sourceWeights: [String: Double],
    groupWeights: [String: Double], smallestScale: Double, shift: Double, flipFraction: Double,
    coloredBackgroundFraction: Double
  ) {
    self.workers = workers
    self.prefetch = prefetch
    self.sceneFraction = sceneFraction
    self.shapeFraction = shapeFraction
    self.heldOutFraction = heldOutFraction
    self.coreOnly = coreOnly
    self.minimumSide = minimumSide
    self.sourceWeights = sourceWeights
    self.groupWeights = groupWeights
    self.smallestScale = smallestScale
    self.shift = shift
    self.flipFraction = flipFraction
    self.coloredBackgroundFraction = coloredBackgroundFraction
  }

  /// Checks each value.
  ///
  /// - Parameter file: the name used in errors.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: "data")
    try check.count("workers", workers, in: 0...64)
    try check.count("prefetch", prefetch, in: 0...1024)
    try check.fraction("scene_fraction", sceneFraction)
    try check.fraction("shape_fraction", shapeFraction)
    try check.require(
      sceneFraction + shapeFraction <= 1, "shape_fraction", shapeFraction,
      "with scene_fraction, \(sceneFraction), it must be at most 1")
    try check.number("held_out_fraction", heldOutFraction, in: 0...0.9)
    try check.count("minimum_side", minimumSide, in: 0...65_536)
    for (section, weights) in [("source_weights", sourceWeights), ("group_weights", groupWeights)] {
      for (name, weight) in weights.sorted(by: { $0.key < $1.key }) {
        try check.section(section).number(name, weight, in: 0...1e6)
      }
    }
    try check.number("smallest_scale", smallestScale, in: 0.1...1)
    try check.number("shift", shift, in: 0...0.5)
    try check.fraction("flip_fraction", flipFraction)
    try check.fraction("colored_background_fraction", coloredBackgroundFraction)
  }

  /// The mixture the bundled model is trained on.
  public static let standard = DataOptions(
    workers: 1, prefetch: 4, sceneFraction: 0.15, shapeFraction: 0.05, heldOutFraction: 0.02,
    coreOnly: true, minimumSide: 0, sourceWeights: [:], groupWeights: ["People & Body": 0.5],
    smallestScale: 0.86, shift: 0.02, flipFraction: 0.5, coloredBackgroundFraction: 0.06)

  /// The stream's settings for pictures of a size.
  public func stream(
    batchSize: Int, imageSize: Int, seed: UInt64, part: DataSplit.Part = .train
  ) -> StreamConfiguration {
    StreamConfiguration(
      batchSize: batchSize, imageSize: imageSize, seed: seed, workers: workers,
      prefetch: prefetch, sceneFraction: sceneFraction, shapeFraction: shapeFraction, part: part,
      split: DataSplit(heldOutFraction: heldOutFraction), coreOnly: coreOnly,
      minimumSide: minimumSide, sourceWeights: sourceWeights, groupWeights: groupWeights,
      augmentation: Augmentation(
        smallestScale: smallestScale, shift: shift, flipFraction: flipFraction,
        coloredBackgroundFraction: coloredBackgroundFraction))
  }
}
