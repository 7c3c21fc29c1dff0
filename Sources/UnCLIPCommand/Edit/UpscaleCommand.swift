public import ArgumentParser
import Diffusion
import Foundation
import Imaging
public import UnCLIP

/// `unclip upscale`: an upsampler alone.
struct UpscaleCommand: ParsableCommand {
  private static let tileRange = OptionRange("--tile", UnCLIPPipeline.tileRange)
  private static let stepRange = OptionRange("--upsampler-steps", SamplingSettings.stepRange)
  private static let secondStepRange = OptionRange(
    "--second-upsampler-steps", SamplingSettings.stepRange)

  static let configuration = CommandConfiguration(
    commandName: "upscale",
    abstract: "Enlarge images fourfold with one of a model's upsamplers.",
    discussion: """
      An image of any size is enlarged tile by tile; tiles overlap and are averaged at each step. \
      Memory is some 120 bytes for each pixel of the result, and what the network needs for one \
      tile: where it is short, make --tile smaller. The second upsampler is the better one for images \
      of 256 pixels and more, and where they are blurred or have the faults of JPEG files.

      EXAMPLES:
        unclip upscale icon.png --out large.png
        unclip upscale --upsampler second photo.jpg --out large.png
        unclip upscale scans/*.png --tile 128 --out large
      """)

  @Argument(help: ArgumentHelp("Images to enlarge.", valueName: "image"))
  var sources: [String]

  @Option(
    help: ArgumentHelp(
      "Which upsampler: that of small images, or that of larger ones.", valueName: "name"))
  var upsampler: Upsampler.Level = .first

  @Option(
    help: tileRange.help(
      "Side of a tile, pixels of the image",
      note: "the size the upsampler is trained for if not "
        + "given", valueName: "pixels"))
  var tile: Int?

  @Option(
    help: stepRange.help(
      "Denoising steps of the first upsampler", note: "the model's own if not given"))
  var upsamplerSteps: Int?

  @Option(
    help: secondStepRange.help(
      "Denoising steps of the second upsampler", note: "the model's own if not given"))
  var secondUpsamplerSteps: Int?

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
    try Self.secondStepRange.check(secondUpsamplerSteps)
    if upsampler == .first ? secondUpsamplerSteps != nil : upsamplerSteps != nil {
      throw ValidationError(
        "--upsampler is \(upsampler.rawValue), so the other's steps are of no use; leave them out.")
    }
  }

  func run() throws {
    let edits = try sources.map { path in
      let file = try SourceFile<Image>(path)
      var record = EditRecord(.upscale, of: file.recorded)
      record.tile = tile
      record.upsampler = upsampler == .first ? nil : upsampler
      return (subject: path, edit: try Edit(record, image: file.content))
    }
    try Edit.generate(
      edits, images.plan(ofFiles: sources, inputs: sources, output: output),
      to: images.destination, columns: images.columns(of: sources.count), model: model,
      machine: machine, output: output
    ) { pipeline, _ in
      let multiple = try pipeline.tileMultiple(of: upsampler)
      if let tile, !tile.isMultiple(of: multiple) {
        throw CommandError.usage(
          "--tile is \(tile), but for this model it must be a multiple of \(multiple).")
      }
      var settings = try pipeline.settings(for: ImageRequest(prompt: ""))
      if let sampler {
        switch upsampler {
        case .first: settings.sampling.upsamplerSampler = sampler
        case .second: settings.sampling.secondUpsamplerSampler = sampler
        }
      }
      if let upsamplerSteps { settings.sampling.upsamplerSteps = upsamplerSteps }
      if let secondUpsamplerSteps { settings.sampling.secondUpsamplerSteps = secondUpsamplerSteps }
      return settings
    }
  }
}

extension Upsampler.Level: ExpressibleByArgument {}
