import ArgumentParser
import Foundation
import UnCLIP

/// `unclip interpolate`: images between images and prompts.
struct InterpolateImagesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interpolate",
    abstract: "Generate images between images and prompts.",
    discussion: """
      Walks from one CLIP image embedding to the next on great circles. What names an image file \
      is an image, all else is a prompt, whose embedding the prior samples. With inverted noise \
      the ends are the images themselves; with fresh noise one start serves all. Every frame records \
      how it was made; `unclip verify` makes it again from the same files. (`unclip classics \
      interpolate` walks through the latent space of the small models.)

      EXAMPLES:
        unclip interpolate cat.png lion.png --frames 8 --grid way.png
        unclip interpolate photo.jpg "a red apple" "a house" --out frames
        unclip interpolate a.png b.png c.png d.png --square --grid square.png
      """)

  private static let frameRange = OptionRange("--frames", ImageEdit.frameRange)
  private static let sideRange = OptionRange("--frames", 2...32)

  @Argument(
    help: ArgumentHelp("Two or more images, prompts or latents.", valueName: "input"))
  var inputs: [String]

  @Option(
    help: frameRange.help(
      "Images from each input to the next, both included", note: "with --square those of a side"))
  var frames = 8

  @Flag(
    help: "Take four inputs as the corners of a square: top left and right, bottom left and right.")
  var square = false

  @Option(
    help: ArgumentHelp(
      "Where denoising starts: inverted takes the noises of the inputs and mixes them too; fresh "
        + "takes one of the seed; inverted if not given, but fresh for prompts alone.",
      valueName: "name"))
  var noise: ImageEdit.Noise?

  @OptionGroup var destination: ImageDestination
  @OptionGroup var options: EditOptions

  func validate() throws {
    try (square ? Self.sideRange : Self.frameRange).check(frames)
    if inputs.count < 2 {
      throw ValidationError("One input is not enough to interpolate: give at least two.")
    }
    if square, inputs.count != 4 {
      throw ValidationError("A square has four corners, but \(inputs.count) inputs are given.")
    }
  }

  func run() throws {
    let read = try inputs.map { try EditInput($0) }
    let sources = read.map(\.source)
    let paths = read.compactMap(\.path)
    let noise = noise ?? (paths.isEmpty ? .fresh : .inverted)
    let edit =
      square
      ? try ImageEdit.square(between: sources, side: frames, noise: noise)
      : try ImageEdit.interpolation(between: sources, frames: frames, noise: noise)
    let plan = try destination.plan(
      of: [read.map(\.name).joined(separator: " ")], frames: edit.frames.count,
      inputs: paths, output: options.output)
    // Several ways lie one below the other if they are long.
    let count = edit.frames.count
    let columns = square ? frames : count <= 10 ? count : nil
    try options.run(
      plan, Edit(.interpolate, edit, of: read), to: destination, columns: columns)
  }
}
