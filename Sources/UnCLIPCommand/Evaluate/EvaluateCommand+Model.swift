import Files
import Foundation
import ImageMetrics
import Imaging
import Torch
import Training
import UnCLIP

extension EvaluateCommand {
  /// Measures a model on data.
  func measureModel() throws {
    let accepted = AcceptedConcepts(
      lines: try prompts.map { try PromptOptions.lines(of: $0) } ?? [])
    let folder = ModelFolder(try ModelSearch.current.folder(of: model))
    let curves = try runs.map { run in
      let url = URL(fileURLWithPath: run)
      guard OutputFile.exists(url.appending(path: TrainingLog.fileName)) else {
        throw CommandError.noInput(
          "There is no training log in \(run); name the folder of a run with --run.")
      }
      return (name: run, lines: try TrainingLog.summaries(of: url))
    }
    let averages = try ema.map { try Self.averages(of: $0) } ?? []
    let scales = guidance ?? (page == nil ? nil : GuidanceScales([1, 2, 4]))
    let own = try features.inception()
    let progress = ProgressReporter()
    let report = try progress.watching {
      let evaluation = try evaluation(of: folder, own)
      let result = try evaluation.run(
        prompts: accepted, captions: captions,
        measurements: only.isEmpty ? ModelEvaluation.Measurement.allCases : only,
        guidance: scales?.values ?? []
      ) { progress.line($0) }
      var report = EvaluationReport(
        result: result, sampling: evaluation.sampling, features: evaluation.source)
      if !averages.isEmpty {
        report.averages = try compared(averages, with: folder, own, report.result) {
          progress.line($0)
        }
      }
      return report
    }
    if let sheet {
      guard let images = report.result.sheet else {
        throw CommandError.data(
          "The data have none of the names that images are generated of, and there are no prompts, so "
            + "there is no image for --sheet; give --prompts.")
      }
      try images.write(to: URL(fileURLWithPath: sheet), replacing: files.force)
    }
    warnIfBiased(report.result.isFrechetBiased, "captions_kid")
    if let page {
      try EvaluationPage(report, model: folder, data: data, runs: curves)
        .write(to: URL(fileURLWithPath: page), replacing: files.force)
    }
    try Output.jsonLine(report)
  }

  private func evaluation(
    of folder: ModelFolder, _ own: ImageFeatures?
  ) throws -> ModelEvaluation {
    try ModelEvaluation(
      folder, data: data.map { URL(fileURLWithPath: $0, isDirectory: true) }, features: own,
      seed: seed
    ) {
      sampling.apply(to: &$0)
      prior.apply(to: &$0)
      try prior.check(for: $0.priorKind)
    }
  }

  // MARK: Averages

  /// The averages that a run keeps.
  private static func averages(of run: String) throws(CommandError) -> [(Double, ModelFolder)] {
    let url = URL(fileURLWithPath: run)
    guard FileManager.default.isFolder(url) else {
      throw .noInput("There is no folder \(run); name the folder of a run with --ema.")
    }
    let found = AveragedModel.all(of: url).map { ($0.decay, ModelFolder($0.url(in: url))) }
    guard !found.isEmpty else {
      throw .noInput(
        "\(run) keeps no other average than its model's; train with training.ema_decays.")
    }
    return found
  }

  /// Measures the model again with the parts of each average in the place of its own.
  private func compared(
    _ averages: [(Double, ModelFolder)], with folder: ModelFolder, _ own: ImageFeatures?,
    _ result: EvaluationResult, observe: (String) -> Void
  ) throws -> [EvaluationReport.Average] {
    func shown(_ result: EvaluationResult) -> EvaluationResult {
      var shown = result
      shown.measures = shown.measures.filter { $0.key.hasPrefix("captions") }
      shown.intervals = shown.intervals.filter { $0.key.hasPrefix("captions") }
      return shown
    }
    var all = [EvaluationReport.Average(decay: nil, result: shown(result))]
    let aside = FileManager.default.temporaryDirectory
      .appending(path: "unclip-\(UUID().uuidString)", directoryHint: .isDirectory)
    defer { Self.remove(aside) }
    for (decay, average) in averages {
      observe("average \(decay)")
      let joined = ModelFolder(aside.appending(path: "\(decay)"))
      do {
        try FileManager.default.createDirectory(at: aside, withIntermediateDirectories: true)
      } catch {
        throw CommandError.cannotCreate(
          path: aside.path, reason: reason(of: error), option: "$TMPDIR")
      }
      let sources = [folder, average]
      _ = try joined.assemble(
        from: sources, dtype: .float32,
        defaults: try ModelDefaults.joined(from: [folder], name: "average", version: "1"),
        vocabulary: nil)
      let found = try evaluation(of: joined, own).run(
        prompts: AcceptedConcepts(lines: []), captions: captions, measurements: [.captions])
      all.append(.init(decay: decay, result: shown(found)))
      Self.remove(joined.url)
    }
    return all
  }

  private static func remove(_ folder: URL) {
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }
}
