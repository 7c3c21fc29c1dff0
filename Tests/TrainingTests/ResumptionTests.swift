import Foundation
import TestSupport
import Testing
import Training

/// A run resumes bit for bit on the CPU: every stage, every way to end.
@Suite struct ResumptionTests {
  /// Every stage that is trained in steps.
  static let stages = TrainingStage.allCases.filter { $0 != .tokenizer }

  /// Five steps with checkpoints at 2, 4 and 5, and a line of the log for each.
  private var options: TrainingOptions {
    var options = TrainingOptions.tiny
    (options.steps, options.warmUpSteps, options.logEverySteps) = (5, 1, 1)
    (options.sampleEverySteps, options.checkpointEverySteps, options.keepCheckpoints) = (0, 2, 3)
    return options
  }

  /// A moment at which a run is killed.
  private enum Moment: String, CaseIterable {
    /// The first embeddings are in the cache; no step is done.
    case embeddings
    /// Between checkpoints.
    case step3
    /// After the line of the log of step 4, before its checkpoint.
    case line4
    /// After the last checkpoint, before the export: the model is that of step 4.
    case export

    func isNow(_ event: TrainingEvent) -> Bool {
      switch (self, event) {
      case (.embeddings, .embedding): true
      case (.step3, .step(let report)): report.step == 3
      case (.line4, .summary(let summary)): summary.step == 4
      case (.export, .summary(let summary)): summary.step == 5
      default: false
      }
    }
  }

  /// Trains the stages that a stage builds on, recursively.
  private func prepare(_ tiny: TinyRun, for stage: TrainingStage) throws {
    for earlier in tiny.needs(stage)
    where !FileManager.default.fileExists(atPath: tiny.out(earlier).path) {
      try prepare(tiny, for: earlier)
      try tiny.run(earlier).run()
    }
  }

  @Test(arguments: stages) func anInterruptedRunEndsLikeAWholeOne(stage: TrainingStage) throws {
    try withTemporaryFolder { folder in
      let files = FileManager.default
      let tiny = try TinyRun(in: folder)
      try prepare(tiny, for: stage)
      let whole = folder.appending(path: "whole")
      var broken: [URL] = []
      try tiny.run(stage, training: options, into: whole).run { event in
        for moment in Moment.allCases where moment.isNow(event) {
          let copy = folder.appending(path: "killed-\(moment)")
          if files.fileExists(atPath: copy.path) { continue }
          #expect(throws: Never.self) { try files.copyItem(at: whole, to: copy) }
          broken.append(copy)
        }
      }
      let late = folder.appending(path: "killed-\(Moment.export)")
      let last = "checkpoint-00000005"
      try files.copyItem(at: whole.appending(path: last), to: late.appending(path: last))

      let stopped = folder.appending(path: "stopped")
      for stop in [1, 3] {
        var step = 0
        let text = sentence {
          try tiny.run(stage, training: options, resume: true, into: stopped).run(
            observe: { if case .step(let report) = $0 { step = report.step } },
            // Called before the step is reported.
            shouldStop: { step == stop - 1 })
        }
        #expect(
          text
            == "stopped as asked after step \(stop) of 5; checkpoint-0000000\(stop) is kept: run "
            + "again with --resume.")
      }
      broken.append(stopped)

      let expected = try outcome(of: whole)
      #expect(expected.log.count == 5 && expected.model.count > 1)
      for run in broken {
        try tiny.run(stage, training: options, resume: true, into: run).run()
        let found = try outcome(of: run)
        let name = run.lastPathComponent
        #expect(found.weights == expected.weights, "\(name): weights and moments")
        #expect(found.model == expected.model, "\(name): the exported model")
        #expect(found.log == expected.log, "\(name): the log")
      }
    }
  }

  /// What a finished run leaves.
  private func outcome(
    of run: URL
  ) throws -> (weights: [String: Data], model: [String: Data], log: [String]) {
    var model: [String: Data] = [:]
    let folder = run.appending(path: "model")
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
      let file = folder.appending(path: path)
      if file.hasDirectoryPath { continue }
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder)
      if !isFolder.boolValue { model[path] = try Data(contentsOf: file) }
    }
    let log = try String(contentsOf: run.appending(path: "log.jsonl"), encoding: .utf8)
      .split(separator: "\n")
      .map { line in
        let summary = try JSONDecoder().decode(TrainingSummary.self, from: Data(line.utf8))
        let parts = summary.parts.sorted { $0.key < $1.key }
        return "\(summary.step) \(summary.loss) \(summary.gradientNorm) \(parts)"
      }
    return (try decidedFiles(of: run.appending(path: "checkpoint-00000005")), model, log)
  }

  /// Resumes an upsampler's run of 8 steps with a changed configuration.
  private func resumed(
    in tiny: TinyRun, allowingChanges: Bool = false, _ change: (inout TrainingOptions) -> Void
  ) throws -> (error: String?, notes: [String]) {
    var options = TrainingOptions.tiny
    change(&options)
    var run = try tiny.run(.upsampler, training: options, resume: true)
    run.allowsChanges = allowingChanges
    var notes: [String] = []
    do {
      try run.run { if case .note(let note) = $0 { notes.append(note) } }
      return (nil, notes)
    } catch {
      return ("\(error)", notes)
    }
  }

  @Test func changesOfTheResultAreRefusedByNameUnlessAllowed() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      try tiny.run(.upsampler).run()
      let changes: [(String, (inout TrainingOptions) -> Void)] = [
        ("training.learning_rate 0.001, now 0.5", { $0.learningRate = 0.5 }),
        ("training.batch_size 4, now 8", { $0.batchSize = 8 }),
        ("training.gradient_accumulation 1, now 2", { $0.gradientAccumulation = 2 }),
        ("training.precision \"float32\", now \"bfloat16\"", { $0.precision = .bfloat16 }),
        ("training.weight_decay 0.01, now 0", { $0.weightDecay = 0 }),
        ("training.steps 8, now 9", { $0.steps = 9 }),
      ]
      for (text, change) in changes {
        let error = try #require(try resumed(in: tiny, change).error)
        #expect(error.contains("checkpoint-00000008: was made with other values"), "\(error)")
        #expect(error.contains(text) && error.contains("--allow-changes"), "\(error)")
      }
      let (error, notes) = try resumed(in: tiny, allowingChanges: true) { $0.learningRate = 0.5 }
      #expect(error == nil)
      #expect(notes.contains("changed: training.learning_rate 0.001, now 0.5"), "\(notes)")
      // How often something is written does not change the result.
      let free = try resumed(in: tiny) { ($0.logEverySteps, $0.keepCheckpoints) = (1, 5) }
      #expect(free.error == nil && !free.notes.contains { $0.hasPrefix("changed") })

      // A letter of a caption: names and sizes stay what they were.
      let names = try FileManager.default.contentsOfDirectory(atPath: tiny.data.path)
      let shard = tiny.data.appending(path: try #require(names.first { $0.hasSuffix(".tar") }))
      var bytes = try Data(contentsOf: shard)
      let caption = try #require(bytes.range(of: Data("red square".utf8)))
      bytes.replaceSubrange(caption, with: Data("rod square".utf8))
      try bytes.write(to: shard)
      let data = try #require(try resumed(in: tiny) { _ in }.error)
      #expect(data.contains("the files given with --data"), "\(data)")
    }
  }

  @Test func aRunBeyondItsLastStepIsRefused() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      try tiny.run(.upsampler).run()
      let error = try resumed(in: tiny) { $0.steps = 5 }.error
      #expect(
        error?.hasSuffix(
          "checkpoint-00000008: is at step 8, beyond the 5 steps of the configuration; raise "
            + "training.steps, or choose another --out.") == true, "\(error ?? "none")")
    }
  }

  @Test func aSecondRunIntoTheFolderIsRefused() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      let run = try tiny.run(.upsampler)
      var second: [String] = []
      try run.run { event in
        guard case .step(let report) = event, report.step == 5 else { return }
        var other = run
        other.resume = true
        second.append(sentence { try other.run() })
      }
      #expect(second.count == 1)
      #expect(second[0].contains("another process is training into it"), "\(second)")
      #expect(try CheckpointStore(folder: run.out, keep: 1).checkpoints().count == 2)
    }
  }
}
