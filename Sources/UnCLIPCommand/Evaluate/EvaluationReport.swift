import Datasets
import ImageMetrics
import Training
import UnCLIP

/// The line of JSON of `unclip evaluate` for a model: metrics and settings beside each other.
struct EvaluationReport: Encodable {
  /// A scale of guidance.
  struct Guidance: Encodable {
    var point: GuidancePoint

    func encode(to encoder: any Encoder) throws {
      var keys = encoder.container(keyedBy: Name.self)
      try keys.encode(point.stage, forKey: Name("stage"))
      try keys.encode(point.scale, forKey: Name("scale"))
      for (name, estimate) in point.estimates {
        try keys.encode(estimate.value, forKey: Name(name))
      }
      try keys.encode(
        EvaluationReport.intervals(point.estimates), forKey: Name("intervals"))
    }
  }

  /// The weights of one length of average.
  struct Average: Encodable {
    /// The decay; nil for the model's own weights.
    var decay: Double?
    var result: EvaluationResult

    func encode(to encoder: any Encoder) throws {
      try result.finite.encode(to: encoder)
      var keys = encoder.container(keyedBy: Name.self)
      try keys.encode(decay, forKey: Name("decay"))
      try keys.encode(result.intervals, forKey: Name("intervals"))
    }
  }

  var result: EvaluationResult
  var sampling: SamplingSettings
  var features: FeatureSource
  var averages: [Average] = []

  func encode(to encoder: any Encoder) throws {
    try result.finite.encode(to: encoder)
    try sampling.encode(to: encoder)
    var keys = encoder.container(keyedBy: Name.self)
    try keys.encode(features, forKey: Name("features"))
    try keys.encode(result.intervals, forKey: Name("intervals"))
    if let isBiased = result.isFrechetBiased {
      try keys.encode(isBiased, forKey: Name("frechet_is_biased"))
    }
    if !result.guidance.isEmpty {
      try keys.encode(result.guidance.map(Guidance.init), forKey: Name("guidance"))
    }
    if !averages.isEmpty { try keys.encode(averages, forKey: Name("averages")) }
    if let stages = result.stages {
      for finding in stages.findings where finding.score.isFinite {
        try keys.encode(finding.score, forKey: Name("stage_\(finding.stage.rawValue)"))
      }
      try keys.encode(stages.detail, forKey: Name("stage_decoder_detail"))
      try keys.encode(stages.grain, forKey: Name("stage_decoder_grain"))
      try keys.encode(stages.whole, forKey: Name("stage_whole"))
      try keys.encode(stages.fault?.rawValue, forKey: Name("fault"))
      try keys.encode(stages.verdict, forKey: Name("verdict"))
    }
  }

  static func intervals(
    _ estimates: [(name: String, estimate: Estimate)]
  ) -> [String: ConfidenceInterval] {
    estimates.reduce(into: [:]) { $0[$1.name] = $1.estimate.interval }
  }

  /// A key by its name.
  struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

extension EvaluationResult {
  /// The metrics without those that JSON cannot hold, such as the decibels of equal images.
  fileprivate var finite: ModelEvaluation.Measures { measures.filter(\.value.isFinite) }
}

/// The line of JSON of `unclip evaluate` for two folders.
struct ComparisonReport: Encodable {
  var comparison: SetComparison
  var features: FeatureSource
  /// Generated images.
  var images: Int
  /// True images.
  var references: Int
  /// What could not be read of either.
  var skipped: [ImportReport.Count]

  func encode(to encoder: any Encoder) throws {
    var keys = encoder.container(keyedBy: EvaluationReport.Name.self)
    for (name, estimate) in comparison.estimates {
      try keys.encode(estimate.value, forKey: .init(name))
    }
    try keys.encode(
      EvaluationReport.intervals(comparison.estimates), forKey: .init("intervals"))
    try keys.encode(comparison.isFrechetBiased, forKey: .init("frechet_is_biased"))
    try keys.encode(features, forKey: .init("features"))
    try keys.encode(images, forKey: .init("images"))
    try keys.encode(references, forKey: .init("references"))
    try keys.encode(skipped, forKey: .init("skipped"))
  }
}
