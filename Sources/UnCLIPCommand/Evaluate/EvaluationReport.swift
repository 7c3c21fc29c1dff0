import Config
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
      var keys = encoder.container(keyedBy: JSONKey.self)
      try keys.encode(point.stage, forKey: JSONKey("stage"))
      try keys.encode(point.scale, forKey: JSONKey("scale"))
      for (name, estimate) in point.estimates {
        try keys.encode(estimate.value, forKey: JSONKey(name))
      }
      try keys.encode(
        EvaluationReport.intervals(point.estimates), forKey: JSONKey("intervals"))
    }
  }

  /// The weights of one length of average.
  struct Average: Encodable {
    /// The decay; nil for the model's own weights.
    var decay: Double?
    var result: EvaluationResult

    func encode(to encoder: any Encoder) throws {
      try result.finite.encode(to: encoder)
      var keys = encoder.container(keyedBy: JSONKey.self)
      try keys.encode(decay, forKey: JSONKey("decay"))
      try keys.encode(result.intervals, forKey: JSONKey("intervals"))
    }
  }

  var result: EvaluationResult
  var sampling: SamplingSettings
  var features: FeatureSource
  var averages: [Average] = []

  func encode(to encoder: any Encoder) throws {
    try result.finite.encode(to: encoder)
    try sampling.encode(to: encoder)
    var keys = encoder.container(keyedBy: JSONKey.self)
    try keys.encode(features, forKey: JSONKey("features"))
    try keys.encode(result.intervals, forKey: JSONKey("intervals"))
    if let isBiased = result.isFrechetBiased {
      try keys.encode(isBiased, forKey: JSONKey("frechet_is_biased"))
    }
    if !result.guidance.isEmpty {
      try keys.encode(result.guidance.map(Guidance.init), forKey: JSONKey("guidance"))
    }
    if !averages.isEmpty { try keys.encode(averages, forKey: JSONKey("averages")) }
    if let stages = result.stages {
      for finding in stages.findings where finding.score.isFinite {
        try keys.encode(finding.score, forKey: JSONKey("stage_\(finding.stage.rawValue)"))
      }
      try keys.encode(stages.detail, forKey: JSONKey("stage_decoder_detail"))
      try keys.encode(stages.grain, forKey: JSONKey("stage_decoder_grain"))
      try keys.encode(stages.whole, forKey: JSONKey("stage_whole"))
      try keys.encode(stages.fault?.rawValue, forKey: JSONKey("fault"))
      try keys.encode(stages.verdict, forKey: JSONKey("verdict"))
    }
  }

  static func intervals(
    _ estimates: [(name: String, estimate: Estimate)]
  ) -> [String: ConfidenceInterval] {
    estimates.reduce(into: [:]) { $0[$1.name] = $1.estimate.interval }
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
    var keys = encoder.container(keyedBy: JSONKey.self)
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
