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
      embedding lacks change with the seed. The prior is not needed. Takes PNG, JPEG and WebP \
      files of any size; the encoder sees their central square. Steps, guidance and sampler \
      default to the model's own; `unclip models` lists them.

      EXAMPLES:
        unclip vary cat.jpg -n 4 --grid cats.png
        unclip vary apple.png --seed 3 --out other-apple.png
      """)

  @Argument(help: ArgumentHelp("Images to vary.", valueName: "image"))
  var originals: [String]

  @OptionGroup var images: ImageOptions
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    // All are read before anything is generated, since the last may be broken.
    let read = try Dictionary(
      originals.map { ($0, try Image(contentsOf: URL(fileURLWithPath: $0))) },
      uniquingKeysWith: { first, _ in first })
    let plan = try images.plan(of: originals, inputs: originals, output: output) {
      URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent
    }
    let pipeline = try model.open(on: machine, requiring: [.imageEncoder])
    var settings = try pipeline.settings(size, sampling)
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    generator.warnIfTooLong([settings.negative])
    generator.warnOfForeignImages(originals)
    try images.generate(plan, sources: originals.count, output: output) { item, title, note in
      settings.seed = item.seed
      return try generator.image(
        settings, varying: read[item.subject].map { (item.subject, $0) }, title: title,
        note: note)
    }
  }
}
