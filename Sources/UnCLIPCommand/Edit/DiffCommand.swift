import ArgumentParser
import Foundation
import UnCLIP

/// `unclip diff`: moves an image by the difference of two texts.
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Change an image by the difference of two texts.",
    discussion: """
      Moves the image's CLIP embedding towards the direction from one text to another, and keeps \
      its noise, so that what the texts do not speak of stays. --theta is the fraction of the \
      angle: 0 is the image itself, 0.25 to 0.5 is usual. Equal texts change nothing.

      EXAMPLES:
        unclip diff cat.png --from "a cat" --to "a lion" --theta 0.35 --out lion.png
        unclip diff cat.png --from "a cat" --to "a lion" --frames 6 --grid way.png
      """)

  private static let thetaRange = OptionRange("--theta", ImageEdit.thetaRange)
  private static let frameRange = OptionRange("--frames", ImageEdit.frameRange)

  @Argument(help: ArgumentHelp("The image, or the latent of one.", valueName: "image"))
  var image: String

  @Option(help: ArgumentHelp("A text for the image as it is; may be ''.", valueName: "text"))
  var from: String

  @Option(help: ArgumentHelp("A text for the image as it is to be.", valueName: "text"))
  var to: String

  @Option(
    help: thetaRange.help("How far to move, as a fraction of the angle", valueName: "fraction"))
  var theta = 0.35

  @Option(
    help: frameRange.help(
      "Images on the way from 0 to theta, both included", note: "the last alone if not given"))
  var frames: Int?

  @Option(
    help: ArgumentHelp(
      "Where denoising starts: inverted takes the noise of the image, fresh that of the seed.",
      valueName: "name"))
  var noise = ImageEdit.Noise.inverted

  @OptionGroup var destination: ImageDestination
  @OptionGroup var options: EditOptions

  func validate() throws {
    try Self.thetaRange.check(theta)
    try Self.frameRange.check(frames)
  }

  func run() throws {
    let input = try EditInput(file: image)
    let edit = try ImageEdit.difference(
      of: input.source, by: .init(from: from, to: to), theta: theta, frames: frames, noise: noise)
    let plan = try destination.plan(
      of: ["\(input.name) \(to)"], frames: edit.frames.count, inputs: [image],
      output: options.output)
    let count = edit.frames.count
    try options.run(
      plan, Edit(.diff, edit, of: [input]), to: destination, columns: count <= 10 ? count : nil)
  }
}
