public import ImageMetrics
public import Imaging

/// What an evaluation of a model finds.
public struct EvaluationResult {
  /// The metrics by name; a stage that the model or the data lacks has none.
  public var measures: ModelEvaluation.Measures = [:]
  /// The confidence intervals of those that have one, by the same names.
  public var intervals: [String: ConfidenceInterval] = [:]
  /// Whether the Fréchet distances are of too few images to be compared with published ones; nil where
  /// none was measured.
  public var isFrechetBiased: Bool?
  /// Quality and diversity at each scale of guidance.
  public var guidance: [GuidancePoint] = []
  /// The stages one by one.
  public var stages: StageDiagnosis?
  /// Rows of generated images, each with its title.
  public var rows: [(title: String, images: [Image])] = []
  /// All images that were generated, as one; nil where none was.
  public var sheet: Image?

  /// Adds a metric with its interval.
  mutating func add(_ estimate: Estimate?, as name: String) {
    guard let estimate else { return }
    measures[name] = estimate.value
    intervals[name] = estimate.interval
  }

  /// Adds the metrics of two sets of images.
  mutating func add(_ comparison: SetComparison, prefix: String, suffix: String = "") {
    for (name, estimate) in comparison.estimates { add(estimate, as: prefix + name + suffix) }
    isFrechetBiased = comparison.isFrechetBiased
  }
}

/// Quality and diversity of the images of some prompts at one scale of guidance.
///
/// Source: paper figures 9 to 11.
public struct GuidancePoint: Sendable, Equatable {
  /// Whose guidance it is: `decoder` or `prior`.
  public var stage: String
  /// Its scale; 1 is none.
  public var scale: Double
  /// How well the images fit their prompts.
  public var clipScore: Estimate
  /// The Fréchet distance to true images.
  public var frechet: Estimate
  /// The kernel distance to true images.
  public var kernel: Estimate
  /// The mean distance of any two images.
  public var diversity: Estimate
  /// The mean distance of two images of one prompt.
  public var promptDiversity: Estimate
  /// Some of the images.
  public var images: [Image]

  /// The metrics by their names in JSON.
  public var estimates: [(name: String, estimate: Estimate)] {
    [
      ("clip_score", clipScore), ("frechet", frechet), ("kid", kernel), ("diversity", diversity),
      ("prompt_diversity", promptDiversity),
    ]
  }
}
