public import Config

/// The training data of a run: how sources, scenes and shapes are mixed and images augmented.
///
/// In files it is the section `data:` of a training configuration. A key that is left out has its neutral
/// value: images come as they are.
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

  /// Makes a mixture; the default shows every image as it is, all equally often.
  public init(
    workers: Int = 1, prefetch: Int = 4, sceneFraction: Double = 0, shapeFraction: Double = 0,
    heldOutFraction: Double = 0.02, coreOnly: Bool = false, minimumSide: Int = 0,
    sourceWeights: [String: Double] = [:], groupWeights: [String: Double] = [:],
    augmentation: Augmentation = .none
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

  /// Reads the section.
  ///
  /// - Throws: `DecodingError`.
  public init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: CodingKeys.self)
    let neutral = Mixture()
    func value<Value: Decodable>(_ key: CodingKeys, _ path: KeyPath<Mixture, Value>) throws -> Value
    {
      try keys.contains(key)
        ? keys.decode(Value.self, forKey: key) : neutral[keyPath: path]
    }
    self.init(
      workers: try value(.workers, \.workers), prefetch: try value(.prefetch, \.prefetch),
      sceneFraction: try value(.sceneFraction, \.sceneFraction),
      shapeFraction: try value(.shapeFraction, \.shapeFraction),
      heldOutFraction: try value(.heldOutFraction, \.heldOutFraction),
      coreOnly: try value(.coreOnly, \.coreOnly),
      minimumSide: try value(.minimumSide, \.minimumSide),
      sourceWeights: try value(.sourceWeights, \.sourceWeights),
      groupWeights: try value(.groupWeights, \.groupWeights),
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
  /// - Parameter file: The configuration's name in errors; nil for values that came from none.
  /// - Throws: `ConfigError.invalid` for the first one out of range.
  public func validate(file: String? = nil) throws(ConfigError) {
    let check = ConfigCheck(file: file ?? "the data mixture", at: file == nil ? "" : "data")
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
        try check.section(section).number(name, weight, in: 0...1000)
      }
    }
    try check.number("largest_scale", augmentation.largestScale, in: 0.1...2)
    try check.number(
      "smallest_scale", augmentation.smallestScale, in: 0.1...augmentation.largestScale)
    try check.number("shift", augmentation.shift, in: 0...0.5)
    try check.fraction("flip_fraction", augmentation.flipFraction)
    try check.fraction("colored_background_fraction", augmentation.coloredBackgroundFraction)
    try check.number("monochrome_weight", monochromeWeight, in: 0.001...1000)
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
