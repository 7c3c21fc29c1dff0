import ArgumentParser
import Classics
import Foundation
import Metrics
import Torch
import TorchNN

/// `unclip classics reconstruct`: pictures and what comes back of them.
struct ReconstructCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reconstruct",
    abstract: "Encode pictures and decode them again.",
    discussion: """
      The sheet shows the pictures above what became of them; the last line says how near they are, \
      as the peak signal-to-noise ratio in decibels.

      EXAMPLES:
        unclip classics reconstruct vqvae --data data/fashion-test --out pairs.png
        unclip classics reconstruct runs/ae shoe.png bag.png --out pairs.png
      """)

  @Argument(
    help: ArgumentHelp(
      "An ae, dae, vae or vqvae: its folder, or the name of its run.", valueName: "model"))
  var model: String

  @OptionGroup var source: ClassicPictures
  @OptionGroup(title: "Sheet") var sheet: SheetOptions
  @OptionGroup var runs: RunsOption
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func run() throws {
    let device = try machine.prepare()
    let folder = try runs.folder(model)
    switch try folder.kind() {
    case .ae: try show(folder.load(Autoencoder.self), device) { $0.decode($0.encode($1)) }
    case .dae: try show(folder.load(DenoisingAutoencoder.self), device) { $0($1) }
    case .vae: try show(folder.load(VAE.self), device) { $0.decode($0.encode($1)) }
    case .vqvae: try show(folder.load(VQVAE.self), device) { $0.decode($0.encode($1)) }
    case let other:
      throw CommandError.usage(
        "\(folder.url.path) holds a model of kind \(other.rawValue), which does not encode "
          + "pictures: name an ae, dae, vae or vqvae.")
    }
  }

  private func show<Model: ClassicModel>(
    _ model: Model, _ device: Device, _ reconstruct: (Model, Tensor) -> Tensor
  ) throws where Model.Config: PictureConfig {
    model.to(device: device)
    let pictures = try source.tensor(for: model.config, device: device)
    let results = noGrad { reconstruct(model, pictures) }
    try sheet.write(rows: [pictures, results])
    try Output.line("PSNR \(peakSignalToNoise(results, pictures).formatted(places: 2)) dB")
  }
}
