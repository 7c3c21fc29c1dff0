import Foundation
import TestSupport
import Testing
import Training

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
}
