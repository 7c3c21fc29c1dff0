import Foundation
import Training
import UnCLIP

/// The result of `unclip config cost`, for people and for programs.
struct CostReport {
  let name: String
  /// Nil for a training configuration.
  let drawing: SystemCost?
  let training: [TrainingCost]
  /// Operations that are done in a second; nil where no machine is given.
  let speed: Double?
  /// The steps as several processes share them.
  var shared: [SharedReport] = []

  private var imagesPerHour: Double? {
    speed.flatMap { speed in drawing.map { 3600 * speed / $0.operations } }
  }

  private func days(_ operations: Double?) -> Double? {
    speed.flatMap { speed in operations.map { $0 / speed / 86_400 } }
  }

  // MARK: For programs

  struct Entry: Encodable {
    struct Bytes: Encodable {
      let float32, bfloat16: Double
    }
    struct Drawing: Encodable {
      struct Stage: Encodable {
        let name: String
        let parameters, passes: Int
        let operations: Double
      }
      let stages: [Stage]
      let parameters: Int
      let operations: Double
      let bytes: Bytes
      let imagesPerHour: Double?
    }
    struct Training: Encodable {
      struct State: Encodable {
        let weights, gradients, moments, averages, all: Double
      }
      let stage: String
      let parameters: Int
      let imageOperations: Double
      let stepOperations: Double?
      let images, passImages, steps: Int?
      let operations: Double?
      let stateBytes: State
      let keptBytesOfAnImage, bytes: Bytes
      let days: Double?
    }
    let name: String
    let drawing: Drawing?
    let training: [Training]
    let shared: [SharedReport.Entry]?
  }

  var entry: Entry {
    Entry(
      name: name,
      drawing: drawing.map { drawing in
        Entry.Drawing(
          stages: drawing.stages.map {
            .init(
              name: $0.name, parameters: $0.parameters, passes: $0.passes,
              operations: $0.operations)
          }, parameters: drawing.parameters, operations: drawing.operations,
          bytes: .init(
            float32: drawing.bytes(elementSize: 4), bfloat16: drawing.bytes(elementSize: 2)),
          imagesPerHour: imagesPerHour)
      },
      training: training.map { cost in
        Entry.Training(
          stage: cost.stage, parameters: cost.parameters, imageOperations: cost.imageOperations,
          stepOperations: cost.stepOperations, images: cost.budget?.images,
          passImages: cost.budget?.passImages, steps: cost.budget?.steps,
          operations: cost.operations, stateBytes: state(of: cost),
          keptBytesOfAnImage: .init(
            float32: cost.keptBytes(.float32), bfloat16: cost.keptBytes(.bfloat16)),
          bytes: .init(float32: cost.bytes(.float32), bfloat16: cost.bytes(.bfloat16)),
          days: days(cost.operations))
      }, shared: shared.isEmpty ? nil : shared.map(\.entry))
  }

  private func state(of cost: TrainingCost) -> Entry.Training.State {
    let weights = 4 * Double(cost.parameters)
    return .init(
      weights: weights, gradients: weights, moments: 2 * weights,
      averages: cost.stateBytes - 4 * weights, all: cost.stateBytes)
  }

  // MARK: For people

  var lines: [String] {
    var lines: [String] = []
    if let drawing {
      lines += table(
        [["drawing an image", "weights", "passes", "FLOP"]]
          + drawing.stages.map {
            [$0.name, grouped($0.parameters), grouped($0.passes), short($0.operations)]
          } + [["all", grouped(drawing.parameters), "", short(drawing.operations)]])
      let (single, half) = (drawing.bytes(elementSize: 4), drawing.bytes(elementSize: 2))
      lines.append(
        "memory, about: \(bytes(single)) in float32, \(bytes(half)) in bfloat16 or float16")
      if let imagesPerHour { lines.append("images an hour: \(plain(imagesPerHour))") }
      lines.append("")
    }
    lines += table(trainingRows)
    // A system has one of the two priors.
    let trained = training.filter { $0.stage != TrainingCost.autoregressivePrior }
    let all = trained.compactMap { days($0.operations) }
    if all.count > 1 {
      let note = trained.count < training.count ? " with the diffusion prior" : ""
      lines.append("days\(note): \(plain(all.reduce(0, +)))")
    }
    lines.append(
      "state: weights, gradients, Adam's two moments and averages, exact; an image: what a pass keeps"
    )
    lines.append("for its gradients in float32 and in bfloat16, an estimate")
    for report in shared { lines += [""] + table(rows(of: report)) }
    if !shared.isEmpty { lines += SharedReport.note }
    return lines
  }

  private var trainingRows: [[String]] {
    var head = ["training", "weights", "FLOP an image", "a step", "images", "steps", "FLOP"]
    head += ["state", "an image", "in bfloat16"]
    if speed != nil { head.append("days") }
    return [head]
      + training.map { cost in
        var row = [cost.stage, grouped(cost.parameters), short(cost.imageOperations)]
        row += [
          cost.stepOperations.map(short), cost.budget.map { grouped($0.images) },
          cost.budget.map { grouped($0.steps) }, cost.operations.map(short),
        ].map { $0 ?? "-" }
        row += [
          bytes(cost.stateBytes), bytes(cost.keptBytes(.float32)), bytes(cost.keptBytes(.bfloat16)),
        ]
        if speed != nil { row.append(days(cost.operations).map(plain) ?? "-") }
        return row
      }
  }

  /// Aligns the first column to the left and the others to the right.
  func table(_ rows: [[String]]) -> [String] {
    let widths = (0..<(rows.first?.count ?? 0)).map { column in
      rows.map { $0[column].count }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, cell in
        let gap = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + gap : gap + cell
      }.joined(separator: "  ")
    }
  }

  /// 1,234,567.
  func grouped(_ value: Int) -> String {
    let digits = Array("\(value)")
    return digits.enumerated().reduce(into: "") { text, digit in
      if digit.offset > 0, (digits.count - digit.offset).isMultiple(of: 3) { text += "," }
      text.append(digit.element)
    }
  }

  /// Three digits and the power of a thousand: 1.23 T.
  private func short(_ value: Double) -> String {
    let units = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"]
    var (rest, unit) = (value, 0)
    while rest >= 999.5, unit < units.count - 1 { (rest, unit) = (rest / 1000, unit + 1) }
    let places = rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0
    return unit == 0 ? plain(value) : String(format: "%.\(places)f ", rest) + units[unit]
  }

  func bytes(_ value: Double) -> String {
    value < 1000 ? plain(value) + " B" : short(value) + "B"
  }

  func plain(_ value: Double) -> String {
    value >= 1000
      ? Int(exactly: value.rounded()).map(grouped) ?? String(format: "%.3g", value)
      : String(format: "%.3g", value)
  }
}
