import ArgumentParser
import Foundation
import Imaging
import Torch
import UnCLIP

/// `unclip generate`: sentences to pictures.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Draw pictures of sentences.",
    discussion: """
      Picture i is drawn from the seed SEED + i alone, so it does not depend on how many are drawn. \
      Each PNG file tells in text chunks how it was drawn; `unclip verify` draws it again.

      EXAMPLES:
        unclip generate "a red apple" --out apple.png
        unclip generate "a smiling cat face" -n 4 --seed 7 --grid cats.png
        unclip generate --prompts-file prompts.txt --out drawings --json
      """)

  @OptionGroup var prompts: PromptOptions

  @Option(name: [.customShort("n"), .long], help: "Pictures of each sentence.")
  var count = 1

  @Option(help: "Seed of the first picture.")
  var seed: UInt64 = 0

  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  @Option(
    help: ArgumentHelp(
      "Where pictures go: a folder, or a .png file for one picture.", valueName: "path"))
  var out = "."

  @Option(
    help: ArgumentHelp(
      "Write all pictures in a grid too: a .png, .jpg or .webp file.", valueName: "file"))
  var grid: String?

  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    /// A picture drawn.
    struct Picture: Encodable {
      var path: String
      var settings: PictureRecord
      var seconds: Double
    }

    var pictures: [Picture]
    var grid: String?
  }

  func validate() throws {
    if !(1...10_000).contains(count) {
      throw ValidationError("--count is \(count), but it must be 1 to 10000.")
    }
    if let grid, ImageFormat(pathExtension: URL(fileURLWithPath: grid).pathExtension) == nil {
      throw ValidationError("--grid is \(grid), but its name must end in .png, .jpg or .webp.")
    }
  }

  func run() throws {
    let sentences = try prompts.sentences()
    let plan = try PicturePlan(prompts: sentences, count: count, seed: seed, out: out)
    let grid = grid.map { URL(fileURLWithPath: $0) }
    let pipeline = try machine.load(model.model, model.dtype)
    let request = try sampling.request(for: pipeline)
    try plan.prepare(and: grid.map { [$0] } ?? [])

    let progress = ProgressReporter()
    let artist = Artist(pipeline: pipeline, dtype: model.dtype, progress: progress)
    var report = Report(pictures: [], grid: grid?.path)
    var images: [Image] = []
    for (index, item) in plan.items.enumerated() {
      if item.seed == seed { artist.warnIfTooLong(item.prompt) }
      let began = ContinuousClock.now
      let title = plan.items.count > 1 ? "\(index + 1)/\(plan.items.count)" : ""
      let (image, record) = try artist.draw(
        item.prompt, seed: item.seed, settings: request, title: title)
      try image.write(to: item.url, text: record.chunks)
      let seconds = (ContinuousClock.now - began).seconds
      report.pictures.append(
        .init(path: item.url.path, settings: record, seconds: seconds))
      if grid != nil { images.append(image) }
      if !output.json { print(item.url.path) }
    }
    if let grid {
      let columns = sentences.count > 1 && count > 1 ? count : Self.columns(images.count)
      try ContactSheet.grid(images, columns: columns).write(to: grid)
      if !output.json { print(grid.path) }
    }
    if output.json { try Output.json(report) }
  }

  /// Columns that make a grid of `count` pictures as square as it can be.
  static func columns(_ count: Int) -> Int {
    Int(Double(count).squareRoot().rounded(.up))
  }
}
