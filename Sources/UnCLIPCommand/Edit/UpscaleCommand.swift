import ArgumentParser
import Diffusion
import Foundation
import Imaging
import UnCLIP

/// `unclip upscale`: the upsampler alone.
struct UpscaleCommand: ParsableCommand {
  private static let tileRange = OptionRange("--tile", UnCLIPPipeline.tileRange)
  private static let stepRange = OptionRange("--upsampler-steps", SamplingSettings.stepRange)

  static let configuration = CommandConfiguration(
    commandName: "upscale",
    abstract: "Enlarge images fourfold with a model's upsampler.",
    discussion: """
      An image of any size is enlarged tile by tile; tiles overlap and are averaged at each step. \
      Memory is some 120 bytes for each pixel of the result, and what the network needs for one \
      tile: where it is short, make --tile smaller.

      EXAMPLES:
        unclip upscale icon.png --out large.png
        unclip upscale scans/*.png --tile 128 --out large
      """)

  @Argument(help: ArgumentHelp("Images to enlarge.", valueName: "image"))
  var sources: [String]

  @Option(
    help: tileRange.help(
      "Side of a tile, pixels of the image",
      note: "the size the upsampler is trained for if not "
        + "given", valueName: "pixels"))
  var tile: Int?

  @Option(
    help: stepRange.help("Denoising steps", note: "the model's own if not given"))
  var upsamplerSteps: Int?

  @Option(
    help: ArgumentHelp(
      "How it denoises: ddpm adds noise at each step, ddim and dpm++ do not; analytic adds the best "
        + "amount for the model's errors, which 'unclip moments' measures.", valueName: "name"))
  var sampler: SamplerKind?

  @OptionGroup var images: ImageOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try Self.tileRange.check(tile)
    try Self.stepRange.check(upsamplerSteps)
  }

  func run() throws {
    let edits = try sources.map { path in
      let file = try SourceFile<Image>(path)
      var record = EditRecord(.upscale, of: file.recorded)
      record.tile = tile
      return (subject: path, edit: try Edit(record, image: file.content))
    }
    try Edit.generate(
      edits, images.plan(ofFiles: sources, inputs: sources, output: output),
      to: images.destination, columns: images.columns(of: sources.count), model: model,
      machine: machine, output: output
    ) { pipeline, _ in
      let multiple = try pipeline.tileMultiple()
      if let tile, !tile.isMultiple(of: multiple) {
        throw CommandError.usage(
          "--tile is \(tile), but for this model it must be a multiple of \(multiple).")
      }
      var settings = try pipeline.settings(for: ImageRequest(prompt: ""))
      if let sampler { settings.sampling.upsamplerSampler = sampler }
      if let upsamplerSteps { settings.sampling.upsamplerSteps = upsamplerSteps }
      return settings
    }
  }
}
