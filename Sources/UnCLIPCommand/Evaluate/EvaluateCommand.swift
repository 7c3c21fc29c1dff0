public import ArgumentParser
import Foundation
import Imaging
import Torch
public import Training
import UnCLIP

/// `unclip evaluate`: metrics of a trained model, stage by stage.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a trained model, stage by stage, on the images it was trained on.",
    discussion: """
      Prints one line of JSON: how often images of everyday names and of prompts are recognised \
      among all training images by a classifier of colours and edges (true_recall_1 from the \
      images' own embeddings, text_recall_1 from captions) and their squared error; how often the \
      text tower and the prior find the right image; by how many decibels the upsampler beats \
      bicubic; noise in flat areas (grain). Images of the data's own captions are compared with all \
      other images by the Fréchet distance of their CLIP embeddings (captions_frechet), and with \
      their captions by the CLIP score; the same of the true images stands beside each. The \
      classifier is lenient: look at the sheet.

      EXAMPLES:
        unclip evaluate --data data/emoji --prompts Examples/concepts.txt
        unclip evaluate --model runs/model --data data/emoji --data data/clipart --sheet sheet.png
        unclip evaluate --data data/emoji --only captions --sampler dpm++ --decoder-steps 8
      """)

  @Option(help: ArgumentHelp("A data set folder; may be given several times.", valueName: "folder"))
  var data: [String]

  @Option(
    help: ArgumentHelp(
      "Prompts, one a line, each with its accepted concepts: a cat = cat | cat face.",
      valueName: "file"))
  var prompts: String?

  private static let captionRange = OptionRange("--captions", 2...1_000_000)

  @Option(help: captionRange.help("Captions of the data to generate images of, taken evenly"))
  var captions = 256

  @Option(
    help: ArgumentHelp(
      "Only this group of metrics: "
        + ModelEvaluation.Measurement.allCases.map(\.rawValue).joined(separator: ", ")
        + "; may be given several times.", valueName: "name"))
  var only: [ModelEvaluation.Measurement] = []

  @Option(help: ArgumentHelp("Write the generated images here, as PNG.", valueName: "file"))
  var sheet: String?

  @OptionGroup var files: OutputFiles

  @Option(help: ArgumentHelp("Seed of the generated images, \(SeedChoice.range).", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: ModelSearch.option, completion: .model)
  var model: String?

  @Option(help: MachineOptions.threadRange.help("Threads", note: "all cores if not given"))
  var threads: Int?

  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions

  func validate() throws {
    try MachineOptions.threadRange.check(threads)
    try Self.captionRange.check(captions)
    if sheet != nil, !only.isEmpty, Set(only).isDisjoint(with: [.names, .prompts, .captions]) {
      throw ValidationError(
        "--sheet shows images of names, prompts or captions, but --only measures none of them.")
    }
  }

  /// What is printed: the metrics, and how the model sampled.
  private struct Report: Encodable {
    var metrics: ModelEvaluation.Measures
    var sampling: SamplingSettings

    func encode(to encoder: any Encoder) throws {
      try metrics.encode(to: encoder)
      try sampling.encode(to: encoder)
    }
  }

  func run() throws {
    try files.check(
      sheet.map { [OutputFile($0, option: "--sheet")] } ?? [], inputs: prompts.map { [$0] } ?? [])
    if let threads { setThreadCount(threads) }
    let accepted = AcceptedConcepts(
      lines: try prompts.map { try PromptOptions.lines(of: $0) } ?? [])
    let folder = ModelFolder(try ModelSearch.current.folder(of: model))
    let progress = ProgressReporter()
    let measurements = only.isEmpty ? ModelEvaluation.Measurement.allCases : only
    let (report, images) = try progress.watching {
      let evaluation = try ModelEvaluation(
        folder, data: data.map { URL(fileURLWithPath: $0, isDirectory: true) }, seed: seed
      ) {
        sampling.apply(to: &$0)
        prior.apply(to: &$0)
      }
      let (metrics, images) = try evaluation.run(
        prompts: accepted, captions: captions, measurements: measurements
      ) { progress.line($0) }
      return (Report(metrics: metrics, sampling: evaluation.sampling), images)
    }
    if let sheet {
      guard let images else {
        throw CommandError.data(
          "The data have none of the names that images are generated of, and there are no prompts, so "
            + "there is no image for --sheet; give --prompts.")
      }
      try images.write(to: URL(fileURLWithPath: sheet), replacing: files.force)
    }
    try Output.jsonLine(report)
  }
}

extension ModelEvaluation.Measurement: ExpressibleByArgument {}
