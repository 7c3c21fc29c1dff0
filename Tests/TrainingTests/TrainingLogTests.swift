import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct TrainingLogTests {
  private func report(_ step: Int, loss: Double) -> StepReport {
    StepReport(
      step: step, steps: 10, loss: loss, parts: ["mse": loss], learningRate: 1e-3,
      gradientNorm: 2, images: 8, stepSeconds: 0.5, seconds: Double(step) / 2,
      metrics: step == 2 ? ["recall": 0.25] : [:])
  }

  @Test func summarisesTheStepsSinceTheLastLine() throws {
    let summary = try #require(TrainingSummary([report(1, loss: 3), report(2, loss: 1)]))
    #expect(summary.step == 2)
    #expect(summary.loss == 2)
    #expect(summary.parts == ["mse": 2])
    #expect(summary.imagesPerSecond == 16)
    #expect(summary.secondsLeft == 4)
    #expect(summary.metrics == ["recall": 0.25])
    #expect(summary.memory > 1_000_000)
    #expect(summary.line.hasPrefix("step 2  loss 2  lr 0.001  16.0 images/s  left 0:00:04"))
    #expect(TrainingSummary([]) == nil)
  }

  /// A generator that is updated every second step reports its diversity only then.
  @Test func partsOfSomeStepsAreMeansOverThose() throws {
    let reports = (1...4).map { step in
      var report = report(step, loss: 1)
      report.parts = ["critic": Double(step)]
      if step.isMultiple(of: 2) { report.parts["diversity"] = Double(step) / 4 }
      return report
    }
    let summary = try #require(TrainingSummary(reports))
    #expect(summary.parts == ["critic": 2.5, "diversity": 0.75])
  }

  @Test func dropsLinesThatAResumedRunWritesAgain() throws {
    try withTemporaryFolder { folder in
      let first = try TrainingLog(folder: folder, resumingAt: 0)
      for step in 1...4 {
        try first.append(try #require(TrainingSummary([report(step, loss: 1)])))
      }
      let half = try FileHandle(forWritingTo: first.url)
      try half.seekToEnd()
      try half.write(contentsOf: Data(#"{"step":3,"lo"#.utf8))
      let second = try TrainingLog(folder: folder, resumingAt: 2)
      try second.append(try #require(TrainingSummary([report(3, loss: 5)])))
      let lines = try String(contentsOf: second.url, encoding: .utf8)
        .split(separator: "\n")
        .map { try JSONDecoder().decode(TrainingSummary.self, from: Data($0.utf8)) }
      #expect(lines.map(\.step) == [1, 2, 3])
      #expect(lines.last?.loss == 5)
    }
  }

  /// The lines of the golden log.
  private func goldenSummaries() throws -> [TrainingSummary] {
    try String(contentsOf: Golden.url("training/log.jsonl"), encoding: .utf8)
      .split(separator: "\n")
      .map { try JSONDecoder().decode(TrainingSummary.self, from: Data($0.utf8)) }
  }

  /// The events are TensorBoard's own, byte for byte, in one run as after a resumption.
  @Test func writesTheEventsThatTensorBoardWrites() throws {
    let golden = try Data(contentsOf: Golden.url("training/\(EventFile.name)"))
    let summaries = try goldenSummaries()
    try withTemporaryFolder { folder in
      let file = folder.appending(path: EventFile.name)
      let events = try EventFile(file, of: Array(summaries.prefix(1)))
      for summary in summaries.dropFirst() { try events.append(summary) }
      #expect(try Data(contentsOf: file) == golden)

      let log = try Data(contentsOf: Golden.url("training/log.jsonl"))
      try log.write(to: folder.appending(path: "log.jsonl"))
      _ = try TrainingLog(folder: folder, resumingAt: 70_000)
      #expect(try Data(contentsOf: file) == golden)
      _ = try TrainingLog(folder: folder, resumingAt: 300)
      #expect(try Data(contentsOf: file) == golden.prefix(golden.count - 191))
    }
    #expect(EventFile.checksum(Data("123456789".utf8)) == 0xE306_9283)
  }

  /// A metric has a column from its first line on; earlier rows have no value in it.
  @Test func writesATable() throws {
    try withTemporaryFolder { folder in
      let summaries = try goldenSummaries()
      let log = try TrainingLog(folder: folder, resumingAt: 0)
      for summary in summaries { try log.append(summary) }
      let file = folder.appending(path: "log.csv")
      let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      #expect(
        rows == [
          "step,loss,learning_rate,gradient_norm,images_per_second,seconds,seconds_left,memory,"
            + "parts/squared_error,parts/bound,metrics/held_out_count,"
            + "metrics/held_out_image_to_text_1,metrics/größe",
          "1,3.5,0.001,2.25,16,0.5,150.5,123456789,0.1,,,,",
          "300,1,1e-05,0.125,17.3,150,10000,223456789,0.05,7,8,0.625,",
          "70000,1e-07,0,0,0,3600,0,1,,,,,-1.5",
        ])
      _ = try TrainingLog(folder: folder, resumingAt: 1)
      let kept = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      #expect(kept.count == 2 && kept.last == "1,3.5,0.001,2.25,16,0.5,150.5,123456789,0.1")
    }
  }

  @Test func everyFieldIsDocumented() throws {
    let page = try String(
      contentsOf: Golden.url("../../Sources/Training/Training.docc/TheLogOfARun.md"),
      encoding: .utf8)
    let summary = try #require(TrainingSummary([report(1, loss: 1)]))
    let encoded = try JSONEncoder().encode(summary)
    let names = try #require(JSONSerialization.jsonObject(with: encoded) as? [String: Any]).keys
    for name in names { #expect(page.contains("`\(name)"), "\(name)") }
  }

  @Test(arguments: [
    (0, "no image is held out"), (1, "only 1 image is"), (19, "only 19 images are"),
  ])
  func fewHeldOutImagesAreSaid(count: Int, sentence: String) {
    #expect(TrainingRun.warning(heldOut: count)?.hasPrefix(sentence) == true)
    #expect(TrainingRun.warning(heldOut: 20) == nil)
  }
}
