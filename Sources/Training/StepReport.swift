import Foundation
import Torch

/// What one optimiser step did.
public struct StepReport: Sendable, Equatable {
  /// Steps done, this one included.
  public var step: Int
  /// Steps of the whole run.
  public var steps: Int
  /// The loss that was minimised, the mean over the step's batches.
  public var loss: Double
  /// The named parts of the loss.
  public var parts: [String: Double]
  /// The step's learning rate.
  public var learningRate: Double
  /// The gradients' Euclidean norm before clipping.
  public var gradientNorm: Double
  /// Images the step trained on.
  public var images: Int
  /// Seconds the step took, without checkpoints and samples.
  public var stepSeconds: Double
  /// Seconds spent in training so far, earlier sessions of the run included.
  public var seconds: Double
  /// Metrics on held-out data; empty on steps that do not evaluate.
  public var metrics: [String: Double]
  /// The sample sheet's file; nil on steps without one.
  public var samples: String?
  /// The checkpoint's folder; nil on steps without one.
  public var checkpoint: String?
  /// Keys of the samples of the step, in the order of its batches; nil unless they are logged.
  public var shown: [String]?

  /// A report of a step without samples and checkpoint.
  public init(
    step: Int, steps: Int, loss: Double, parts: [String: Double], learningRate: Double,
    gradientNorm: Double, images: Int, stepSeconds: Double, seconds: Double,
    metrics: [String: Double]
  ) {
    self.step = step
    self.steps = steps
    self.loss = loss
    self.parts = parts
    self.learningRate = learningRate
    self.gradientNorm = gradientNorm
    self.images = images
    self.stepSeconds = stepSeconds
    self.seconds = seconds
    self.metrics = metrics
  }
}

/// Means over the steps since the last line of the log, with the speed and the time left.
public struct TrainingSummary: Codable, Sendable, Equatable {
  /// Steps done.
  public var step: Int
  /// Mean loss over the steps.
  public var loss: Double
  /// Means of the loss's named parts, each over the steps that had it.
  public var parts: [String: Double]
  /// The last step's learning rate.
  public var learningRate: Double
  /// Mean gradient norm before clipping.
  public var gradientNorm: Double
  /// Images a second.
  public var imagesPerSecond: Double
  /// Seconds spent in training so far.
  public var seconds: Double
  /// Seconds to the end of the run at this speed.
  public var secondsLeft: Double
  /// The process's largest resident size, bytes.
  public var memory: Int
  /// Metrics on held-out data.
  public var metrics: [String: Double]
  /// When it was made, in seconds since 1970; nil in logs of earlier versions.
  public var time: Double?

  enum CodingKeys: String, CodingKey {
    case step, loss, parts, seconds, memory, metrics, time
    case learningRate = "learning_rate"
    case gradientNorm = "gradient_norm"
    case imagesPerSecond = "images_per_second"
    case secondsLeft = "seconds_left"
  }

  /// Summarises consecutive steps; nil if there are none.
  public init?(_ reports: [StepReport]) {
    guard let last = reports.last else { return nil }
    let count = Double(reports.count)
    let time = reports.reduce(0) { $0 + $1.stepSeconds }
    step = last.step
    loss = reports.reduce(0) { $0 + $1.loss } / count
    // Not every step has every part: one that is updated seldom has a loss on some steps only.
    let values = reports.reduce(into: [String: [Double]]()) { all, report in
      for (name, value) in report.parts { all[name, default: []].append(value) }
    }
    parts = values.mapValues { $0.reduce(0, +) / Double($0.count) }
    learningRate = last.learningRate
    gradientNorm = reports.reduce(0) { $0 + $1.gradientNorm } / count
    imagesPerSecond = Double(reports.reduce(0) { $0 + $1.images }) / max(time, 1e-9)
    seconds = last.seconds
    secondsLeft = Double(last.steps - last.step) * time / count
    memory = peakMemory()
    metrics = reports.reduce(into: [:]) { $0.merge($1.metrics) { _, new in new } }
    self.time = Date().timeIntervalSince1970
  }

  /// Every value but the step, by name: those of each run, then the parts of the loss, then the
  /// metrics.
  package var scalars: [(name: String, value: Double)] {
    func sorted(_ values: [String: Double], _ prefix: String) -> [(name: String, value: Double)] {
      values.sorted { $0.key < $1.key }.map { (prefix + $0.key, $0.value) }
    }
    return [
      ("loss", loss), ("learning_rate", learningRate), ("gradient_norm", gradientNorm),
      ("images_per_second", imagesPerSecond), ("seconds", seconds), ("seconds_left", secondsLeft),
      ("memory", Double(memory)),
    ] + sorted(parts, "parts/") + sorted(metrics, "metrics/")
  }

  /// The summary as one line of text.
  public var line: String {
    var line = "step \(step)  loss \(Self.short(loss))"
    for (name, value) in parts.sorted(by: { $0.key < $1.key }) where parts.count > 1 {
      line += "  \(name) \(Self.short(value))"
    }
    line += "  lr \(Self.short(learningRate))"
    line += "  \(String(format: "%.1f", imagesPerSecond)) images/s"
    line += "  left \(Self.clock(secondsLeft))"
    for (name, value) in metrics.sorted(by: { $0.key < $1.key }) {
      line += "  \(name) \(Self.short(value))"
    }
    return line
  }

  /// What stands beside a bar, which shows the step and the time itself.
  public var brief: String { "loss \(Self.short(loss))" }

  private static func short(_ value: Double) -> String { String(format: "%.4g", value) }

  /// Formats hours, minutes and seconds, as in 1:02:03.
  private static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "unknown" }
    let whole = Int(seconds.rounded())
    return String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
  }
}
