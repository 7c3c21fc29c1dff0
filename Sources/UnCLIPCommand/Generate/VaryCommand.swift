import ArgumentParser
import Foundation
import Imaging
import UnCLIP

/// `unclip vary`: variations of images.
struct VaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vary",
    abstract: "Generate variations of images.",
    discussion: """
      Decodes an image's CLIP embedding: its content and style stay, and details that the \
      embedding lacks change with the seed. With --noise inverted the details stay too: --eta 0 \
      gives the image back, and larger values move away from it. The prior is not needed. Takes \
      PNG, JPEG and WebP files of any size, of which the central square is used, and latents. \
      Steps, guidance and sampler default to the model's own, but inverted noise takes ddim without \
      guidance in at least \(SamplingSettings.inversionSteps) steps.

      EXAMPLES:
        unclip vary cat.jpg -n 4 --grid cats.png
        unclip vary apple.png --seed 3 --out other-apple.png
        unclip vary cat.jpg -n 4 --noise inverted --eta 0.5
      """)

  @Argument(help: ArgumentHelp("Images to vary, or latents of them.", valueName: "image"))
  var originals: [String]

  @Option(
    help: ArgumentHelp(
      "Where denoising starts: fresh takes the noise of the seed, inverted that of the image.",
      valueName: "name"))
  var noise = ImageEdit.Noise.fresh

  @OptionGroup var images: ImageOptions
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    // All are read before anything is generated, since the last may be broken.
    let read = try Dictionary(
      originals.map { ($0, try EditInput(file: $0)) }, uniquingKeysWith: { first, _ in first })
    let plan = try images.plan(of: originals, inputs: originals, output: output) {
      read[$0]?.name ?? $0
    }
    let pipeline = try model.open(on: machine, requiring: read.values.flatMap(\.parts))
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    generator.warnIfTooLong([size.negative])
    generator.warnOfForeignImages(originals.compactMap { read[$0] }.imagePaths)
    // Each is checked before the first is generated.
    let edits = try read.mapValues { input in
      let edit = ImageEdit.variation(of: input.source, noise: noise)
      let settings = try pipeline.settings(size, sampling, editing: edit)
      let record = EditRecord(edit, frame: 0, of: [input])
      return (settings: settings, editor: try pipeline.editor(edit, settings), record: record)
    }
    if noise == .inverted, images.count > 1,
      edits.values.contains(where: { $0.settings.sampling.decoderEta == 0 })
    {
      Output.warn(
        "inverted noise without --eta gives the image itself, whatever the seed; give --eta for "
          + "variations.")
    }
    try images.generate(plan, sources: originals.count, output: output) { item, title, note in
      guard let edit = edits[item.subject] else { preconditionFailure("no image \(item.subject)") }
      var settings = edit.settings
      settings.seed = item.seed
      return try generator.image(
        settings, of: edit.editor, frame: 0, edit.record, title: title, note: note)
    }
  }
}
