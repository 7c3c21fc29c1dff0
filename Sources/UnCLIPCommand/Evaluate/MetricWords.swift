/// What a metric is called on the page, and what it says.
struct MetricWords {
  /// Its name in JSON, without the group's prefix.
  let key: String
  let title: String
  let meaning: String
  /// Whether a smaller value is better; nil where neither is.
  let isBetterSmaller: Bool?
  let places: Int

  private init(
    _ key: String, _ title: String, _ places: Int, smaller: Bool?, _ meaning: String
  ) {
    (self.key, self.title, self.places) = (key, title, places)
    (self.isBetterSmaller, self.meaning) = (smaller, meaning)
  }

  /// The metrics that the page shows, in order.
  static let all = [
    MetricWords(
      "kid", "Kernel distance (KID)", 4, smaller: true,
      "How far generated images are from real ones as a set. 0 is no difference."),
    MetricWords(
      "frechet", "Fréchet distance (FID)", 2, smaller: true,
      "The same by mean and covariance. It grows as images get fewer."),
    MetricWords(
      "precision", "Precision", 2, smaller: false,
      "The fraction of generated images that lie among real ones: quality."),
    MetricWords(
      "recall", "Recall", 2, smaller: false,
      "The fraction of real images that lie among generated ones: variety."),
    MetricWords(
      "density", "Density", 2, smaller: false,
      "How densely generated images lie among real ones. 1 is as real ones do."),
    MetricWords(
      "coverage", "Coverage", 2, smaller: false,
      "The fraction of real images that have a generated one nearby."),
    MetricWords(
      "clip_score", "CLIP score", 1, smaller: false,
      "How well images fit their captions, by the CLIP that they are made with."),
    MetricWords(
      "r_precision", "R-precision", 2, smaller: false,
      "How often an image's own caption is nearer than 99 others."),
    MetricWords(
      "diversity", "Diversity", 2, smaller: nil,
      "The mean distance of two generated images. Best as that of true images."),
    MetricWords(
      "prompt_diversity", "Diversity of a prompt", 2, smaller: nil,
      "The mean distance of two images of one prompt: what the seed decides."),
  ]

  /// A value as text: with so many decimal places as the metric needs.
  func text(_ value: Double) -> String {
    value.isFinite ? value.formatted(places: places) : "\(value)"
  }

  /// Its name at the head of a column.
  var column: String {
    switch key {
    case "kid": "KID"
    case "frechet": "FID"
    default: title
    }
  }

  /// `lower is better`.
  var direction: String {
    switch isBetterSmaller {
    case true?: "lower is better"
    case false?: "higher is better"
    case nil: ""
    }
  }
}
