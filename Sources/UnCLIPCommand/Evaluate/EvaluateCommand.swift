import ArgumentParser
import Foundation
import Imaging
import Torch
import Training
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
      bicubic; noise in flat areas (grain). The classifier is lenient: look at the sheet.

      EXAMPLES:
        unclip evaluate --data data/emoji --prompts Examples/concepts.txt
        unclip evaluate --model runs/model --data data/emoji --data data/clipart --sheet sheet.png
      """)

  @Option(help: ArgumentHelp("A data set folder; may be given several times.", valueName: "folder"))
  var data: [String]

  @Option(
    help: ArgumentHelp(
      "Prompts, one a line, each with its accepted concepts: a cat = cat | cat face.",
      valueName: "file"))
  var prompts: String?

  @Option(help: ArgumentHelp("Write the generated images here, as PNG.", valueName: "file"))
  var sheet: String?

  @OptionGroup var files: OutputFiles

  @Option(help: ArgumentHelp("Seed of the generated images, \(SeedChoice.range).", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: ModelSearch.option, completion: .model)
  var model: String?

  @Option(help: MachineOptions.threadRange.help("Threads", note: "all cores if not given"))
  var threads: Int?

  func validate() throws { try MachineOptions.threadRange.check(threads) }

  func run() throws {
    try files.check(
      sheet.map { [OutputFile($0, option: "--sheet")] } ?? [], inputs: prompts.map { [$0] } ?? [])
    if let threads { setThreadCount(threads) }
    let accepted = AcceptedConcepts(
      lines: try prompts.map { try PromptOptions.lines(of: $0) } ?? [])
    let folder = ModelFolder(try ModelSearch.current.folder(of: model))
    let progress = ProgressReporter()
    let (metrics, images) = try progress.watching {
      try ModelEvaluation(
        folder, data: data.map { URL(fileURLWithPath: $0, isDirectory: true) }, seed: seed
      ).run(prompts: accepted) { progress.line($0) }
    }
    if let sheet { try images.write(to: URL(fileURLWithPath: sheet), replacing: files.force) }
    try Output.jsonLine(metrics)
  }
}
