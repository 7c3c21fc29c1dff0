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

  private static let countRange = OptionRange("--count", 1...4096)

  @Option(
    name: [.customShort("n"), .long, .customLong("num-images")], parsing: .unconditional,
    help: countRange.help("Images to generate"))
  var count = 64

  @OptionGroup var seed: SeedOption

  @OptionGroup(title: "Prior") var prior: CodePriorOptions
  @OptionGroup(title: "Sheet") var sheet: SheetOptions
  @OptionGroup var runs: RunsOption
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws { try Self.countRange.check(count) }

  func run() throws {
    try sheet.check()
    let seed = try seed.resolve()
    let device = try machine.prepare()
    let sampler = try ClassicSampler(
      runs.folder(model), prior: prior, runs: runs, device: device)
    self.seed.announce(seed)
    let images = sampler.sample(count, using: RandomSource(seed: seed))
    try sheet.write(
      [Image](images), columns: ImageDestination.columns(count),
      text: [
        ("seed", "\(seed)"), ("model", model), ("software", "unclip \(Version.current)"),
      ])
  }
}
