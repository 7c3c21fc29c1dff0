import ArgumentParser
import CLIP
import Classics
import Foundation
import Imaging
import Torch
import TorchNN

/// `unclip classics interpolate`: images between images, through the latent space.
struct InterpolateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interpolate",
    abstract: "Interpolate between images in a model's latent space.",
    discussion: """
      A model that encodes takes images, and each row interpolates linearly from one to the next; \
      a gan takes none and interpolates along great circles (slerp) between random vectors.

      EXAMPLES:
        unclip classics interpolate vae shoe.png boot.png --steps 8 --out way.png
        unclip classics interpolate gan --rows 4 --seed 3 --out ways.png
      """)

  @Argument(
    help: ArgumentHelp(
      "An ae, dae, vae or gan: its folder, or the name of its run.", valueName: "model"))
  var model: String

  @Argument(help: ArgumentHelp("Image files, or folders of them.", valueName: "image"))
  var images: [String] = []

  @OptionGroup var set: HeldOutOptions

  private static let stepRange = OptionRange("--steps", 2...64)
  private static let rowRange = OptionRange("--rows", 1...64)

  @Option(help: stepRange.help("Images in a row, both ends included"))
  var steps = 8

  @Option(help: rowRange.help("Number of rows, with --data or a gan"))
  var rows = 4

  @OptionGroup var seed: SeedOption

  @OptionGroup(title: "Sheet") var sheet: SheetOptions
  @OptionGroup var runs: RunsOption
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    try Self.stepRange.check(steps)
    try Self.rowRange.check(rows)
    if !images.isEmpty, !set.data.isEmpty {
      throw ValidationError("Give images or a data set with --data, not both.")
    }
  }

  func run() throws {
    try sheet.check(inputs: images)
    let device = try machine.prepare()
    let model = try runs.folder(model).load(.interpolating, on: device)
    if let model = model as? any LatentModel {
      try walk(model, device)
    } else if let model = model as? any LatentGenerating {
      try walk(model)
    }
  }

  private func walk(_ model: any LatentModel, _ device: Device) throws {
    if images.isEmpty, set.data.isEmpty {
      throw CommandError.usage("Missing images to interpolate between: give two, or --data.")
    }
    var source = ClassicImages()
    (source.images, source.set, source.count) = (images, set, rows + 1)
    let images = try source.tensor(for: model.config, device: device)
    guard images.dim(0) >= 2 else {
      throw CommandError.usage("One image is not enough to interpolate: give at least two.")
    }
    let cells = noGrad {
      let z = model.encode(images)
      return (0..<images.dim(0) - 1).flatMap { row in
        let (from, to) = (z[row..<row + 1], z[row + 1..<row + 2])
        let fractions = Tensor.linspace(0, 1, count: steps).reshaped(steps, 1).to(device)
        return [Image](model.decode(from + (to - from) * fractions))
      }
    }
    try sheet.write(cells, columns: steps)
  }

  private func walk(_ model: any LatentGenerating) throws {
    guard images.isEmpty, set.data.isEmpty else {
      throw CommandError.usage(
        "A \(type(of: model).kind.rawValue) has no encoder, so it takes no images: leave them out "
          + "and choose a --seed.")
    }
    let seed = try seed.resolve()
    self.seed.announce(seed)
    let random = RandomSource(seed: seed)
    let z = model.latents(rows + 1, using: random)
    let cells = noGrad {
      (0..<rows).flatMap { row in
        [Image](model.interpolated(from: z[row..<row + 1], to: z[row + 1..<row + 2], steps: steps))
      }
    }
    try sheet.write(cells, columns: steps, text: [("seed", "\(seed)")])
  }
}
