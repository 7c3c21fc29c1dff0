import ArgumentParser
import Classics
import Foundation
import ImageMetrics
import Torch
import TorchNN

/// `unclip classics reconstruct`: images and their reconstructions.
struct ReconstructCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reconstruct",
    abstract: "Encode images and decode them again.",
    discussion: """
      The sheet shows the images above their reconstructions; the last line is the peak \
      signal-to-noise ratio in decibels.

      EXAMPLES:
        unclip classics reconstruct vqvae --data data/fashion-test --out pairs.png
        unclip classics reconstruct runs/ae shoe.png bag.png --out pairs.png
      """)

  @Argument(
    help: ArgumentHelp(
      "An ae, dae, vae or vqvae: its folder, or the name of its run.", valueName: "model"))
  var model: String

  @OptionGroup var source: ClassicImages
  @OptionGroup(title: "Sheet") var sheet: SheetOptions
  @OptionGroup var runs: RunsOption
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func run() throws {
    try sheet.check(inputs: source.images)
    let device = try machine.prepare()
    let model = try runs.folder(model).load(.reconstructing, on: device)
    let images = try source.tensor(for: model.config, device: device)
    let results = noGrad { model.reconstruction(of: images) }
    try sheet.write(rows: [images, results])
    try Output.line("PSNR \(peakSignalToNoise(results, images).formatted(places: 2)) dB")
  }
}
