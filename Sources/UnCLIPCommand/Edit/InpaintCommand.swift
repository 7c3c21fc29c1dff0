import ArgumentParser
import Foundation
import Imaging
import UnCLIP

/// `unclip inpaint`: a part of an image generated anew.
struct InpaintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inpaint",
    abstract: "Generate a part of an image anew.",
    discussion: """
      The part is what is white in the mask, or what is transparent in the image. Everything else \
      comes back exactly as it was, at the image's own size: the square that holds the part and \
      what is around it is worked on at the model's size (--size) and put back. Decoder and \
      upsampler keep the known pixels at each step; --jumps lets old and new agree better, and \
      takes so many times longer.

      EXAMPLES:
        unclip inpaint apple.png --mask leaf.png --prompt "a red apple" --out new.png
        unclip inpaint hole.png -n 4 --grid fillings.png
        unclip inpaint face.png --mask mouth.png --strength 0.6 --feather 4
      """)

  @Argument(help: ArgumentHelp("The image.", valueName: "image"))
  var source: String

  @OptionGroup(title: "Part") var mask: MaskOptions
  @OptionGroup(title: "Part") var inpainting: InpaintingOptions

  @Option(
    help: ArgumentHelp(
      "Where to start, more than 0 and at most 1: 1 is from noise, less from what the part shows "
        + "now.",
      valueName: "fraction"))
  var strength: Double?

  @OptionGroup var images: ImageOptions
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func validate() throws { try StrengthRange.check(strength) }

  func run() throws {
    let image = try SourceFile<Image>(source)
    let shape = try mask.mask.map { try SourceFile<Image>($0) }
    var record = EditRecord(.inpaint, of: image.recorded)
    record.mask = shape?.recorded
    mask.apply(to: &record)
    record.strength = strength
    record.window = inpainting.window
    let edit = try Edit(record, image: image.content, mask: shape?.content)
    let inputs = [source] + (mask.mask.map { [$0] } ?? [])
    try Edit.generate(
      [(source, edit)], images.plan(ofFiles: [source], inputs: inputs, output: output),
      to: images.destination, columns: nil, model: model, machine: machine, output: output
    ) { pipeline, _ in
      var settings = try pipeline.settings(size, sampling, prior: prior, hasImage: true)
      inpainting.apply(to: &settings)
      return settings
    }
  }
}

/// `unclip outpaint`: an image continued beyond its border.
struct OutpaintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "outpaint",
    abstract: "Continue an image beyond its border.",
    discussion: """
      The image itself comes back exactly as it was. New space is generated in squares of the \
      model's size, or of --window, that overlap and are averaged at each step, so that no seams \
      are between them.

      EXAMPLES:
        unclip outpaint apple.png --left 64 --right 64 --out wide.png
        unclip outpaint photo.jpg --top 256 --window 768 --prompt "a blue sky"
      """)

  @Argument(help: ArgumentHelp("The image.", valueName: "image"))
  var source: String

  @Option(help: ArgumentHelp("New columns at the left, 0 to 8192.", valueName: "pixels"))
  var left = 0
  @Option(help: ArgumentHelp("New rows above, 0 to 8192.", valueName: "pixels"))
  var top = 0
  @Option(help: ArgumentHelp("New columns at the right, 0 to 8192.", valueName: "pixels"))
  var right = 0
  @Option(help: ArgumentHelp("New rows below, 0 to 8192.", valueName: "pixels"))
  var bottom = 0

  @OptionGroup(title: "Part") var inpainting: InpaintingOptions
  @OptionGroup var images: ImageOptions
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    for (name, value) in [
      ("--left", left), ("--top", top), ("--right", right), ("--bottom", bottom),
    ] { try OptionRange(name, Inpainting.spaceRange).check(value) }
    if left + top + right + bottom == 0 {
      throw ValidationError("There is no new space; give --left, --top, --right or --bottom.")
    }
  }

  func run() throws {
    let image = try SourceFile<Image>(source)
    var record = EditRecord(.outpaint, of: image.recorded)
    func new(_ space: Int) -> Int? { space > 0 ? space : nil }
    (record.left, record.top) = (new(left), new(top))
    (record.right, record.bottom) = (new(right), new(bottom))
    record.window = inpainting.window
    let edit = try Edit(record, image: image.content)
    try Edit.generate(
      [(source, edit)], images.plan(ofFiles: [source], inputs: [source], output: output),
      to: images.destination, columns: nil, model: model, machine: machine, output: output
    ) { pipeline, _ in
      var settings = try pipeline.settings(size, sampling, prior: prior, hasImage: true)
      inpainting.apply(to: &settings)
      return settings
    }
  }
}
