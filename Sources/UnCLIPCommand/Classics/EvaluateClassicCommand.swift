import ArgumentParser
import Classics
import Files
import Foundation
import ImageMetrics
import Torch
import TorchNN
import Training

/// `unclip classics evaluate`: a model's metrics on held-out images.
struct EvaluateClassicCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a model on held-out images.",
    discussion: """
      For a model that encodes: its error and its bound. For one that generates, with \
      --classifier: the Fréchet distance between the classifier's features of generated and of \
      held-out images, and how many classes it finds at least ten times among 1,000 generated \
      ones. Distances compare only with those of the same classifier, data and count.

      EXAMPLES:
        unclip classics evaluate vae --data data/fashion-test --classifier classifier
        unclip classics evaluate vqvae --prior pixelcnn --data data/fashion-test \
      --classifier classifier --json
      """)

  @Argument(
    help: ArgumentHelp("The model: its folder, or the name of its run.", valueName: "model"))
  var model: String

  @OptionGroup var set: HeldOutOptions

  private static let countRange = OptionRange("--count", 2...1_000_000)

  @Option(help: countRange.help("Largest number of held-out and of generated images"))
  var count = 10_000

  @Option(
    help: ArgumentHelp(
      "The classifier that compares generated images: its folder, or the name of its run.",
      valueName: "model"))
  var classifier: String?

  @Option(help: ArgumentHelp("Seed of the generated images, \(SeedChoice.range).", valueName: "n"))
  var seed: UInt64 = 0

  @OptionGroup(title: "Prior") var prior: CodePriorOptions
  @OptionGroup var runs: RunsOption
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if set.data.isEmpty { throw ValidationError("Missing a data set: name one with --data.") }
    try Self.countRange.check(count)
  }

  func run() throws {
    let metrics = try ProgressReporter().watching { try measured() }
    if output.json {
      try Output.json(metrics)
    } else {
      for (name, value) in metrics.sorted(by: { $0.key < $1.key }) {
        try Output.line("\(name) \(value.formatted(places: 4))")
      }
    }
  }

  private func measured() throws -> [String: Double] {
    let device = try machine.prepare()
    let folder = try runs.folder(model)
    var metrics: [String: Double] = [:]
    if let model = try folder.loadAny(on: device) as? any ImageModel {
      metrics = model.evaluated(
        on: try set.images(for: model.config, limit: count, device: device))
    }
    if let classifier {
      metrics.merge(try compared(folder, by: classifier, device)) { first, _ in first }
    }
    if metrics.isEmpty {
      throw CommandError.usage("Generated images are compared by a classifier: add --classifier.")
    }
    return metrics
  }

  /// Measures how far generated images are from held-out ones, and counts the classes among them.
  private func compared(
    _ folder: ClassicFolder, by name: String, _ device: Device
  ) throws -> [String: Double] {
    let network = try runs.folder(name).load(Classifier.self, on: device)
    let sampler = try ClassicSampler(folder, prior: prior, runs: runs, device: device)
    let (own, taken) = (sampler.shape, network.config)
    guard own.imageSize == taken.imageSize, own.channels == taken.channels else {
      throw CommandError.data(
        "The model generates \(own.imageSize) px and \(own.channels) channels, but the classifier "
          + "takes \(taken.imageSize) px and \(taken.channels): train a classifier of that size.")
    }
    let real = try set.images(for: network.config, limit: count, device: device).images
    let images = sampler.sample(real.dim(0), using: RandomSource(seed: seed))
    let (features, others) = (Self.features(images, network), Self.features(real, network))
    let first = images[0..<min(1000, images.dim(0))]
    let classes = noGrad { network(first).argmax(over: 1) }
    let counts = classes.occurrences(minimumLength: network.config.classCount)
    return [
      "frechet_distance": FrechetDistance(features, others).value,
      "classes": (counts .>= 10).to(.float64).sum().item(),
      "compared_images": Double(images.dim(0)),
    ]
  }

  private static func features(_ images: Tensor, _ network: Classifier) -> Tensor {
    let parts = stride(from: 0, to: images.dim(0), by: 256).map { start in
      let end = min(start + 256, images.dim(0))
      let features = noGrad { network.features(images[start..<end]) }
      LongWork.report("features", end, of: images.dim(0))
      return features
    }
    return Tensor.concatenated(parts, over: 0)
  }
}
