import Files
import Foundation
import UnCLIP

/// What `unclip bench pipeline` prints.
struct PipelineReport: Encodable {
  /// One stage of the chain.
  struct Stage: Encodable {
    var name: String
    /// From the end of the stage before to that of the first step, loading of the network included.
    var firstSeconds: Double
    /// The median of the later steps.
    var stepSeconds: Double
    /// Multiplications and additions in matrix products of one step.
    var stepOperations: Double
    /// Steps of a whole image.
    var steps: Int
    /// A step's rate of operations as a fraction of the peak.
    var shareOfPeak: Double

    /// Seconds of the stage in a whole image.
    var seconds: Double { firstSeconds + stepSeconds * Double(steps - 1) }
  }

  var model: String
  var dtype: String
  var threads: Int
  /// Operations a second of a large matrix product.
  var peakRate: Double
  /// The largest resident size of the process, bytes.
  var peakMemory: Int
  /// From the start of the process to the end of the first step, the prior's where there is one; nil where the system does
  /// not say.
  var firstStepSeconds: Double?
  var stages: [Stage]
  /// Seconds of a whole image with the model's own number of steps.
  var imageSeconds: Double
  var imageOperations: Double
  /// The rate of all steps together as a fraction of the peak, without loading.
  var shareOfPeak: Double

  /// Summarises the ends of all steps, `marks`, of which the text stage's is the first; `age` is
  /// the process's age in seconds when the model was opened.
  init(
    model: String, dtype: String, threads: Int, peak: Double, peakMemory: Int, age: Double?,
    marks: [PipelineBenchCommand.Mark], stepCounts: [GenerationProgress.Stage: Int]
  ) {
    self.model = model
    self.dtype = dtype
    self.threads = threads
    self.peakMemory = peakMemory
    peakRate = peak
    stages = []
    let firstStep = marks.first { $0.stage != .text }
    firstStepSeconds = age.flatMap { age in firstStep.map { age + $0.seconds } }
    var last = marks.first
    for stage in GenerationProgress.Stage.allCases {
      let own = marks.filter { $0.stage == stage }
      guard let first = own.first, let count = stepCounts[stage], own.count > 1 else { continue }
      let later = zip(own.dropFirst(), own)
      let times = later.map { $0.seconds - $1.seconds }.sorted()
      let operations = later.map { $0.operations - $1.operations }.sorted()
      let (time, work) = (times[times.count / 2], operations[operations.count / 2])
      stages.append(
        Stage(
          name: stage.rawValue, firstSeconds: first.seconds - (last?.seconds ?? 0),
          stepSeconds: time, stepOperations: work, steps: count,
          shareOfPeak: work / time / peak))
      last = own.last
    }
    let begin = marks.first?.seconds ?? 0
    imageSeconds = begin + stages.reduce(0) { $0 + $1.seconds }
    imageOperations = stages.reduce(0) { $0 + $1.stepOperations * Double($1.steps) }
    let stepping = stages.reduce(0) { $0 + $1.stepSeconds * Double($1.steps) }
    shareOfPeak = imageOperations / stepping / peak
  }

  /// The report as text.
  var text: String {
    func row(_ cells: [String]) -> String {
      let widths = [10, 10, 10, 7, 11, 11, 9]
      return zip(cells, widths).enumerated().map { index, cell in
        let gap = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
        return index == 0 ? cell.0 + gap : gap + cell.0
      }.joined()
    }
    func number(_ value: Double, _ digits: Int = 2) -> String {
      String(format: "%.\(digits)f", value)
    }
    let percent = { (fraction: Double) in number(fraction * 100, 0) + " %" }
    var lines = [
      "\(model), \(dtype), \(threads) threads; a large matrix product: "
        + "\(number(peakRate / 1e9, 0)) GFLOP/s",
      row(["stage", "first s", "step s", "steps", "GFLOP/step", "GFLOP/s", "of peak"]),
    ]
    for stage in stages {
      lines.append(
        row([
          stage.name, number(stage.firstSeconds), number(stage.stepSeconds, 3), "\(stage.steps)",
          number(stage.stepOperations / 1e9, 1),
          number(stage.stepOperations / stage.stepSeconds / 1e9, 0), percent(stage.shareOfPeak),
        ]))
    }
    lines.append(
      "an image: \(number(imageSeconds, 1)) s, \(number(imageOperations / 1e12, 3)) TFLOP, "
        + "\(percent(shareOfPeak)) of the peak; \(peakMemory >> 20) MiB of memory at most")
    if let firstStepSeconds {
      lines.append("process start to the end of the first step: \(number(firstStepSeconds)) s")
    }
    return lines.joined(separator: "\n")
  }
}
