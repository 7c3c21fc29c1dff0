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
    let edits = try originals.map { path in
      let input = try EditInput(file: path)
      let edit = ImageEdit.variation(of: input.source, noise: noise)
      return (subject: path, edit: Edit(.vary, edit, of: [input]))
    }
    try Edit.generate(
      edits, images.plan(ofFiles: originals, inputs: originals, output: output),
      to: images.destination, columns: images.columns(of: originals.count), model: model,
      machine: machine, output: output
    ) { try $0.settings(size, sampling, editing: $1) }
  }
}
