/// What a training stream shows, in which mixture and size.
public struct StreamConfiguration: Sendable, Equatable, Codable {
  /// Pictures in a batch.
  public var batchSize: Int
  /// Side of a picture, in pixels.
  public var imageSize: Int
  /// Decides order, captions and changes.
  public var seed: UInt64
  /// Threads that prepare batches ahead; 0 prepares each when it is asked for.
  public var workers: Int
  /// Batches prepared ahead.
  public var prefetch: Int
  /// Share of composed scenes.
  public var sceneFraction: Double
  /// Share of pictures of plain shapes in named colours.
  public var shapeFraction: Double
  /// The part of the data that is shown.
  public var part: DataSplit.Part
  /// How concepts are divided.
  public var split: DataSplit
  /// Leaves out signs, letters and clock faces.
  public var coreOnly: Bool
  /// Leaves out pictures whose stored side is smaller, in pixels; 0 keeps all.
  public var minimumSide: Int
  /// How often a source is shown, 1 unless named.
  public var sourceWeights: [String: Double]
  /// How often a group, or a subgroup as `People & Body/family`, is shown, 1 unless named.
  public var groupWeights: [String: Double]
  /// How often black and white drawings are shown, 1 is as often as coloured ones.
  public var monochromeWeight: Double
  /// Changes to each picture.
  public var augmentation: Augmentation
  /// Forms of captions.
  public var captions: CaptionSampler
  /// This process among those that share the data, 0 ..< `worldSize`.
  public var rank: Int
  /// Processes that share the data.
  public var worldSize: Int
  /// Bytes of decoded pictures kept in memory; a larger set is decoded each time it is shown.
  public var cacheLimit: Int

  /// Core pictures of 64 pixels with some scenes and shapes, people half as often as things.
  public init(
    batchSize: Int = 64, imageSize: Int = 64, seed: UInt64 = 0, workers: Int = 1,
    prefetch: Int = 4, sceneFraction: Double = 0.15, shapeFraction: Double = 0.05,
    part: DataSplit.Part = .train, split: DataSplit = DataSplit(), coreOnly: Bool = true,
    minimumSide: Int = 0, sourceWeights: [String: Double] = [:],
    groupWeights: [String: Double] = ["People & Body": 0.5],
    monochromeWeight: Double = 0.5, augmentation: Augmentation = Augmentation(),
    captions: CaptionSampler = CaptionSampler(),
    rank: Int = 0, worldSize: Int = 1, cacheLimit: Int = 4 << 30
  ) {
    self.batchSize = batchSize
    self.imageSize = imageSize
    self.seed = seed
    self.workers = workers
    self.prefetch = prefetch
    self.sceneFraction = sceneFraction
    self.shapeFraction = shapeFraction
    self.part = part
    self.split = split
    self.coreOnly = coreOnly
    self.minimumSide = minimumSide
    self.sourceWeights = sourceWeights
    self.groupWeights = groupWeights
    self.monochromeWeight = monochromeWeight
    self.augmentation = augmentation
    self.captions = captions
    self.rank = rank
    self.worldSize = worldSize
    self.cacheLimit = cacheLimit
  }

  /// Checks every value.
  ///
  /// Throws: `DataError.setting` for the first one out of range.
  public func validate() throws(DataError) {
    func check(
      _ name: String, _ value: some CustomStringConvertible, _ holds: Bool, _ rule: String
    ) throws(DataError) {
      if !holds { throw .setting(name: name, value: value.description, rule: rule) }
    }
    try check("batchSize", batchSize, batchSize >= 1, "at least 1 is needed")
    try check("imageSize", imageSize, (4...4096).contains(imageSize), "4 to 4096 pixels are drawn")
    try check("workers", workers, (0...64).contains(workers), "0 to 64 threads may be used")
    try check("prefetch", prefetch, (0...1024).contains(prefetch), "0 to 1024 batches may be kept")
    for (name, value) in [
      ("sceneFraction", sceneFraction), ("shapeFraction", shapeFraction),
      ("sceneFraction + shapeFraction", sceneFraction + shapeFraction),
      ("augmentation.flipFraction", augmentation.flipFraction),
      ("augmentation.coloredBackgroundFraction", augmentation.coloredBackgroundFraction),
    ] {
      try check(name, value, (0...1).contains(value), "a share lies between 0 and 1")
    }
    try check(
      "split.heldOutFraction", split.heldOutFraction, (0...0.9).contains(split.heldOutFraction),
      "0 to 0.9 of the concepts can be held out")
    let scales = (augmentation.smallestScale, augmentation.largestScale)
    try check(
      "augmentation.smallestScale", scales.0, scales.0 >= 0.1 && scales.0 <= scales.1,
      "it lies between 0.1 and largestScale")
    try check("augmentation.largestScale", scales.1, scales.1 <= 2, "at most 2 is drawn")
    try check(
      "monochromeWeight", monochromeWeight, monochromeWeight > 0 && monochromeWeight.isFinite,
      "a number above 0 is needed")
    for (name, weight) in sourceWeights.merging(groupWeights, uniquingKeysWith: { a, _ in a }) {
      try check("weight of \(name)", weight, weight >= 0 && weight.isFinite, "0 or more is needed")
    }
    try check("worldSize", worldSize, worldSize >= 1, "at least 1 process is needed")
    try check(
      "rank", rank, (0..<max(1, worldSize)).contains(rank), "it lies in 0 ..< \(worldSize)")
  }

  /// How often a picture is shown.
  func weight(of info: SampleInfo) -> Double {
    let source = sourceWeights[info.source] ?? 1
    guard let group = info.group else { return source }
    return source * (groupWeights[group] ?? info.topGroup.flatMap { groupWeights[$0] } ?? 1)
  }
}
