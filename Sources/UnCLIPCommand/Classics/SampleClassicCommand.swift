import ArgumentParser
import CLIP
import Foundation
import Imaging
import Torch

/// `unclip classics sample`: images from a generative model.
struct SampleClassicCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Generate images with a VAE, a GAN, or a VQ-VAE and a prior over its codes.",
    discussion: """
      EXAMPLES:
        unclip classics sample gan -n 64 --seed 7 --out gan.png
        unclip classics sample vqvae --prior transformer --label sneaker --out sneakers.png
      """)

  @Argument(
    help: ArgumentHelp("The model: its folder, or the name of its run.", valueName: "model"))
  var model: String

  @Option(
    name: [.customShort("n"), .long], help: ArgumentHelp("Images to generate.", valueName: "n"))
  var count = 64

  @Option(help: "Seed of the random numbers.")
  var seed: UInt64 = 0

  @OptionGroup(title: "Prior") var prior: CodePriorOptions
  @OptionGroup(title: "Sheet") var sheet: SheetOptions
  @OptionGroup var runs: RunsOption
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    if !(1...4096).contains(count) {
      throw ValidationError("--count is \(count), but it must be 1 to 4096.")
    }
  }

  func run() throws {
    let device = try machine.prepare()
    let sampler = try ClassicSampler(
      runs.folder(model), prior: prior, runs: runs, device: device)
    let images = sampler.sample(count, using: RandomSource(seed: seed))
    try sheet.write([Image](images), columns: ImageOptions.columns(count))
  }
}
