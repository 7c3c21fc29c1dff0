import ArgumentParser
import Classics
import Foundation
import ImageMetrics
import Torch
import TorchNN

/// `unclip classics denoise`: corrupted images cleaned by a denoising autoencoder.
struct DenoiseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "denoise",
    abstract: "Clean images with a denoising autoencoder.",
    discussion: """
      Images are corrupted as in the model's training; the sheet shows the originals, the \
      corrupted and the denoised images. With --noisy the images are taken as corrupted already.

      EXAMPLES:
        unclip classics denoise dae --data data/fashion-test --out denoised.png
        unclip classics denoise dae scan.png --noisy --out clean.png
      """)

  @Argument(
    help: ArgumentHelp("A dae: its folder, or the name of its run.", valueName: "model"))
  var model: String

  @OptionGroup var source: ClassicImages

  @Flag(help: "The images are corrupted already.")
  var noisy = false

  @Option(help: ArgumentHelp("Seed of the corruption, \(SeedChoice.range).", valueName: "n"))
  var seed: UInt64 = 0

  @OptionGroup(title: "Sheet") var sheet: SheetOptions
  @OptionGroup var runs: RunsOption
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func run() throws {
    try sheet.check(inputs: source.images)
    let device = try machine.prepare()
    let model = try runs.folder(model).load(.denoising, on: device)
    let images = try source.tensor(for: model.config, device: device)
    if noisy {
      try sheet.write(rows: [images, noGrad { model.reconstruction(of: images) }])
      return
    }
    let corrupted = model.corrupted(images, using: RandomSource(seed: seed))
    let cleaned = noGrad { model.reconstruction(of: corrupted) }
    try sheet.write(rows: [images, corrupted, cleaned])
    let before = peakSignalToNoise(corrupted, images),
      after = peakSignalToNoise(cleaned, images)
    try Output.line(
      "PSNR \(before.formatted(places: 2)) dB before, \(after.formatted(places: 2)) dB after")
  }
}
