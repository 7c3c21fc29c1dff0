import ArgumentParser
import Diffusion
import Foundation
import UnCLIP

/// `unclip invert`: the two-part latent of an image, as a file.
struct InvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "invert",
    abstract: "Save the latent of an image: its CLIP embedding and its noise.",
    discussion: """
      vary, interpolate, diff and mix take the file in place of the image, and need not invert it \
      again. It fits the model that made it, and is decoded best with the same steps and threshold, \
      which are taken from it.

      EXAMPLES:
        unclip invert photo.jpg --out photo.safetensors
        unclip vary photo.safetensors --noise inverted --eta 0 --out again.png
      """)

  private static let stepRange = OptionRange("--decoder-steps", SamplingSettings.stepRange)

  @Argument(help: ArgumentHelp("The image.", valueName: "image"))
  var image: String

  @Option(help: stepRange.help("Steps of the decoder's inversion"))
  var decoderSteps = SamplingSettings.inversionSteps

  @Option(
    help: ArgumentHelp(
      "How predictions are bounded: static clamps them, dynamic takes the image's own quantile; the "
        + "model's own if not given.", valueName: "name"))
  var threshold: ThresholdKind?

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp("The latent: a .safetensors file.", valueName: "file"))
  var out: String

  @OptionGroup var files: OutputFiles
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    var path: String
    var image: String
    var sha256: String
    var model: String
    var steps: Int
  }

  func validate() throws {
    try Self.stepRange.check(decoderSteps)
    if URL(fileURLWithPath: out).pathExtension.lowercased() != "safetensors" {
      throw ValidationError("--out is \(out), but its name must end in .safetensors.")
    }
  }

  func run() throws {
    let file = try SourceFile<ImageSource>(image)
    guard case .image(let pixels) = file.content else {
      throw CommandError.usage("\(image) is the latent of an image already; name an image.")
    }
    try files.check([OutputFile(out)], inputs: [image])
    let pipeline = try model.open(on: machine, requiring: [.imageEncoder])
    let progress = ProgressReporter()
    ImageGenerator(pipeline: pipeline, progress: progress).warnOfForeignImages([image])
    let interruption = Interruption("nothing was written")
    let latent = try pipeline.latent(
      of: pixels, steps: decoderSteps, threshold: threshold
    ) { step in
      progress.update(step.stage.name, step: step.step, of: step.stepCount)
    }
    let url = URL(fileURLWithPath: out)
    try latent.write(to: url)
    interruption.update("the latent is written")
    guard !output.json else {
      return try Output.json(
        Report(
          path: url.path, image: image, sha256: file.sha256, model: latent.model.name,
          steps: decoderSteps))
    }
    try Output.line(url.path)
  }
}
