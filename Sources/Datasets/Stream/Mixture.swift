/// The training data of a run: how sources, scenes and shapes are mixed and images augmented.
///
/// In files it is the section `data:` of a training configuration, where every key is required.
public struct Mixture: Sendable, Equatable, Codable {
  /// Threads that prepare batches ahead; 0 prepares each when it is asked for.
  public var workers: Int
  /// Batches prepared ahead.
  public var prefetch: Int
  /// Fraction of composed scenes.
  public var sceneFraction: Double
  /// Fraction of images of plain shapes in named colours.
  public var shapeFraction: Double
  /// Fraction of the concepts held out from training, for metrics and sample sheets.
  public var heldOutFraction: Double
  /// Drops signs, letters and clock faces.
  public var coreOnly: Bool
  /// Drops images whose stored side is smaller, in pixels; 0 keeps all.
  public var minimumSide: Int
  /// How often a source is shown, 1 unless named.
  public var sourceWeights: [String: Double]
  /// How often a group, or a subgroup as `People & Body/family`, is shown, 1 unless named.
  public var groupWeights: [String: Double]
  /// Random changes to each image; in files its keys stand beside the others.
  public var augmentation: Augmentation

  /// How often black and white drawings are shown; 1 is as often as coloured ones. Not in files.
  public var monochromeWeight = 0.5
  /// Forms of captions. Not in files.
  public var captions = CaptionSampler()

  /// Makes a mixture; the default is that of the bundled model.
  public init(
    workers: Int = 1, prefetch: Int = 4, sceneFraction: Double = 0.15,
    shapeFraction: Double = 0.05, heldOutFraction: Double = 0.02, coreOnly: Bool = true,
    minimumSide: Int = 0, sourceWeights: [String: Double] = [:],
    groupWeights: [String: Double] = ["People & Body": 0.5],
    augmentation: Augmentation = Augmentation()
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
    self.augmentation = augmentation
  }

  private enum CodingKeys: String, CodingKey {
    case workers, prefetch
    case sceneFraction = "scene_fraction"
    case shapeFraction = "shape_fraction"
    case heldOutFraction = "held_out_fraction"
    case coreOnly = "core_only"
    case minimumSide = "minimum_side"
    case sourceWeights = "source_weights"
    case groupWeights = "group_weights"
  }

  /// Reads the section; every key is required.
  ///
  /// - Throws: `DecodingError`.
  public init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      workers: try keys.decode(Int.self, forKey: .workers),
      prefetch: try keys.decode(Int.self, forKey: .prefetch),
      sceneFraction: try keys.decode(Double.self, forKey: .sceneFraction),
      shapeFraction: try keys.decode(Double.self, forKey: .shapeFraction),
      heldOutFraction: try keys.decode(Double.self, forKey: .heldOutFraction),
      coreOnly: try keys.decode(Bool.self, forKey: .coreOnly),
      minimumSide: try keys.decode(Int.self, forKey: .minimumSide),
      sourceWeights: try keys.decode([String: Double].self, forKey: .sourceWeights),
      groupWeights: try keys.decode([String: Double].self, forKey: .groupWeights),
      augmentation: try Augmentation(from: decoder))
  }

  /// Writes the section with all its keys.
  ///
  /// - Throws: `EncodingError`.
  public func encode(to encoder: any Encoder) throws {
    var keys = encoder.container(keyedBy: CodingKeys.self)
    try keys.encode(workers, forKey: .workers)
    try keys.encode(prefetch, forKey: .prefetch)
    try keys.encode(sceneFraction, forKey: .sceneFraction)
    try keys.encode(shapeFraction, forKey: .shapeFraction)
    try keys.encode(heldOutFraction, forKey: .heldOutFraction)
    try keys.encode(coreOnly, forKey: .coreOnly)
    try keys.encode(minimumSide, forKey: .minimumSide)
    try keys.encode(sourceWeights, forKey: .sourceWeights)
    try keys.encode(groupWeights, forKey: .groupWeights)
    try augmentation.encode(to: encoder)
  }

  /// Checks every value.
  ///
  /// - Throws: `DataError.setting` for the first one out of range, by its name in files.
  public func validate() throws(DataError) {
    try DataError.require("workers", workers, in: 0...64)
    try DataError.require("prefetch", prefetch, in: 0...1024)
    for (name, value) in [
      ("scene_fraction", sceneFraction), ("shape_fraction", shapeFraction),
      ("scene_fraction + shape_fraction", sceneFraction + shapeFraction),
      ("flip_fraction", augmentation.flipFraction),
      ("colored_background_fraction", augmentation.coloredBackgroundFraction),
    ] {
      try DataError.require(name, value, in: 0...1)
    }
    try DataError.require("held_out_fraction", heldOutFraction, in: 0...0.9)
    try DataError.require("minimum_side", minimumSide, in: 0...65536)
    try DataError.require("largest_scale", augmentation.largestScale, in: 0.1...2)
    try DataError.require(
      "smallest_scale", augmentation.smallestScale, in: 0.1...augmentation.largestScale)
    try DataError.require("shift", augmentation.shift, in: 0...1)
    let weights = sourceWeights.merging(groupWeights) { first, _ in first }
    for (name, weight) in weights.sorted(by: { $0.key < $1.key }) {
      try DataError.require("weight of \(name)", weight, in: 0...1000)
    }
    try DataError.require("monochromeWeight", monochromeWeight, in: 0.001...1000)
  }

  /// The split of the concepts.
  var split: DataSplit { DataSplit(heldOutFraction: heldOutFraction) }

  /// Returns how often an image is shown.
  func weight(of info: SampleInfo) -> Double {
    let source = sourceWeights[info.source] ?? 1
    guard let group = info.group else { return source }
    return source * (groupWeights[group] ?? info.topGroup.flatMap { groupWeights[$0] } ?? 1)
  }
}

extension DataError {
  /// Throws `setting` for a value outside a range, and for NaN.
  static func require<Value: Comparable & CustomStringConvertible>(
    _ name: String, _ value: Value, in range: ClosedRange<Value>
  ) throws(DataError) {
    guard range.contains(value) else {
      throw .setting(
        name: name, value: value.description,
        rule: "it must be \(range.lowerBound) to \(range.upperBound)")
    }
  }
}
