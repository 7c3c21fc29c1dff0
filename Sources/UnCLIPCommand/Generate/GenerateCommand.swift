import ArgumentParser
import Foundation
import Imaging
import Torch
import UnCLIP

/// `unclip generate`: images from prompts.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Generate images from prompts.",
    discussion: """
      Image i is made from the seed SEED + i alone, so it does not depend on how many are made. \
      Each PNG file records how it was made; `unclip verify` makes it again. Steps, guidance and \
      sampler default to the model's own; `unclip models` lists them.

      EXAMPLES:
        unclip generate "a red apple" --out apple.png
        unclip generate "a smiling cat face" -n 4 --seed 7 --grid cats.png
        unclip generate --prompts-file prompts.txt --out drawings --json
      """)

  @OptionGroup var prompts: PromptOptions

  @OptionGroup var images: ImageOptions
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let prompts = try prompts.read()
    let plan = try images.plan(
      of: prompts, inputs: self.prompts.promptsFile.map { [$0] } ?? [], output: output)
    let pipeline = try model.open(on: machine, requiring: [.prior])
    var settings = try pipeline.settings(size, sampling, prior: prior)
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    generator.warnIfTooLong(prompts + [settings.negative])
    try generator.warnOfUnknownWords(prompts)
    try images.generate(plan, sources: prompts.count, output: output) { item, title, note in
      settings.prompt = item.subject
      settings.seed = item.seed
      return try generator.image(settings, title: title, note: note)
    }
  }
}
