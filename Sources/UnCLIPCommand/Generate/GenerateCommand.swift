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

  @OptionGroup var pictures: PictureOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let sentences = try prompts.sentences()
    let plan = try PicturePlan(
      of: sentences, count: pictures.count, seed: pictures.seed, out: pictures.out)
    let pipeline = try model.open(on: machine)
    let request = try sampling.request(for: pipeline, prior: prior)
    let artist = Artist(pipeline: pipeline, progress: ProgressReporter())
    try pictures.draw(plan, sources: sentences.count, output: output) { item, title in
      if item.seed == pictures.seed { artist.warnIfTooLong(item.subject) }
      return try artist.draw(item.subject, seed: item.seed, settings: request, title: title)
    }
  }
}
