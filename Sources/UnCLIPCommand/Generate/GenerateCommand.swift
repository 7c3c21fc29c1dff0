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

      With --shards any number of processes share the prompts of a file, which may be millions. Image \
      i of the prompt in line L is made from the seed SEED + (L - 1) x COUNT + i, lines counted from 1 \
      and images from 0. A prompt that cannot be drawn is listed beside its shard and does not stop \
      the others; the exit status tells. The same command again goes on where it was stopped.

      EXAMPLES:
        unclip generate "a red apple" --out apple.png
        unclip generate "a smiling cat face" -n 4 --seed 7 --grid cats.png
        unclip generate --prompts-file prompts.txt --out drawings --json
        unclip generate "a green apple" --image apple.png --strength 0.6
        unclip generate "a red apple" --best-of 8 --out best.png
        unclip generate "a red apple" --prior ar --prior-top-k 32
        mpirun -np 4 unclip generate --prompts-file big.txt --shards out --seed 0
      """)

  private static let bestRange = OptionRange("--best-of", 2...1000)

  @OptionGroup var prompts: PromptOptions

  @Option(
    help: ArgumentHelp(
      "Start from an image, whose central square is noised to --strength.", valueName: "file"))
  var image: String?

  @Option(
    help: ArgumentHelp(
      "How much of --image may change, more than 0 and at most 1; 0.6 if not given, and 1 is "
        + "without it.",
      valueName: "fraction"))
  var strength: Double?

  @Option(
    help: bestRange.help(
      "Generate so many for each image, from one seed after the other, and keep the one with the "
        + "best CLIP score"))
  var bestOf: Int?

  @OptionGroup(title: "Shards") var work: ShardedWorkOptions
  @OptionGroup var images: ImageOptions
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try Self.bestRange.check(bestOf)
    try StrengthRange.check(strength)
    if strength != nil, image == nil {
      throw ValidationError("--strength needs --image, the image to start from.")
    }
    if work.shards != nil, prompts.promptsFile == nil {
      throw ValidationError("--shards needs --prompts-file, the file with the prompts.")
    }
    let destination = images.destination
    try work.refuse(
      [
        ("--image", image != nil), ("--best-of", bestOf != nil), ("--out", destination.out != nil),
        ("--grid", destination.grid != nil), ("--animation", destination.animation.file != nil),
        ("--preview", destination.view.preview != nil), ("--show", destination.view.isShowing),
        ("--force", destination.files.force),
      ])
  }

  func run() throws {
    if let folder = work.folder, let file = prompts.promptsFile {
      return try writeShards(to: folder, promptsFile: file)
    }
    let prompts = try prompts.read()
    let start = try image.map { path in
      let file = try SourceFile<Image>(path)
      var record = EditRecord(.start, of: file.recorded)
      record.strength = strength ?? 0.6
      return try Edit(record, image: file.content)
    }
    let candidates = bestOf ?? 1
    let plan = try images.plan(
      of: prompts, candidates: candidates,
      inputs: (self.prompts.promptsFile.map { [$0] } ?? []) + (image.map { [$0] } ?? []),
      output: output
    ) { bestOf == nil ? $0 : "\($0) best of \(candidates)" }
    let pipeline = try model.open(on: machine, requiring: bestOf == nil ? [] : [.imageEncoder])
    var settings = try pipeline.settings(size, sampling, prior: prior, hasImage: start != nil)
    try pipeline.folder.require(settings.sampling.priorKind.parts)
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    generator.warnIfTooLong(prompts + [settings.negative])
    try generator.warnOfUnknownWords(prompts)
    let edit = try start?.prepared(with: pipeline, settings)
    try images.destination.generate(
      plan, columns: images.columns(of: prompts.count), output: output
    ) { item, title, note in
      settings.prompt = item.subject
      settings.seed = item.seed
      guard candidates > 1 else {
        return try generator.image(settings, edit: edit, title: title, note: note)
      }
      return try generator.best(of: candidates, settings, edit: edit, title: title, note: note)
    }
  }
}
