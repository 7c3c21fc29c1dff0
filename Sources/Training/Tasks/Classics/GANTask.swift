import CLIP
public import Classics
public import Config
public import Distribution
public import Foundation
public import Imaging
public import Torch
public import TorchNN

/// Training of a GAN, whose discriminator and generator are updated in turn.
///
/// Source: Goodfellow et al. 2014, algorithm 1.
public final class GANTask: TrainingTask {
  /// What is minimised and measured.
  public struct Objective: Codable, Sendable, Equatable {
    /// The losses of discriminator and generator.
    public var loss: AdversarialLoss
    /// Weight of the gradient penalty; 0 for none.
    public var gradientPenalty: Double
    /// Steps of the discriminator to one of the generator.
    public var generatorPeriod: Int
    /// The discriminator's learning rate as a multiple of the generator's.
    public var discriminatorRateScale: Double
    /// Generated images whose diversity is measured.
    public var evaluationCount: Int

    enum CodingKeys: String, CodingKey {
      case loss
      case gradientPenalty = "gradient_penalty"
      case generatorPeriod = "generator_period"
      case discriminatorRateScale = "discriminator_rate_scale"
      case evaluationCount = "evaluation_count"
    }

    /// Groups the values.
    public init(
      loss: AdversarialLoss, gradientPenalty: Double, generatorPeriod: Int,
      discriminatorRateScale: Double, evaluationCount: Int
    ) {
      self.loss = loss
      self.gradientPenalty = gradientPenalty
      self.generatorPeriod = generatorPeriod
      self.discriminatorRateScale = discriminatorRateScale
      self.evaluationCount = evaluationCount
    }

    /// Checks each value.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String) throws(ConfigError) {
      let check = ConfigCheck(objective: file)
      try check.number("gradient_penalty", gradientPenalty, in: 0...1e6)
      try check.count("generator_period", generatorPeriod, in: 1...1_000_000)
      try check.number("discriminator_rate_scale", discriminatorRateScale, in: 0...1e6)
      try check.evaluation(evaluationCount)
      try check.require(
        loss != .wasserstein || gradientPenalty > 0, "gradient_penalty", gradientPenalty,
        "the loss wasserstein needs one, 10 as a rule")
    }
  }

  /// The name of the stage.
  public let stage = GAN.kind.rawValue
  /// The module that is trained, averaged and saved.
  public var module: any Module { gan }
  /// The discriminator first, then the generator against it.
  public var parts: [TrainedPart] {
    [
      TrainedPart(
        name: "discriminator", module: gan.discriminator,
        rateScale: objective.discriminatorRateScale),
      TrainedPart(
        name: "generator", module: gan.generator, period: objective.generatorPeriod),
    ]
  }

  private let gan: GAN
  private let objective: Objective
  private let stream: LabeledStream
  private let heldOut: LabeledImages
  private let ranks: Ranks

  /// Networks with random weights, trained by this process or several.
  /// - Throws: `DataError` if a held-out image cannot be decoded.
  public init(
    _ config: GANConfig, objective: Objective, stream: LabeledStream, ranks: Ranks = .one,
    using random: RandomSource
  ) throws {
    self.ranks = ranks
    gan = GAN(config, using: random)
    self.objective = objective
    self.stream = stream
    heldOut = try stream.evaluation(limit: objective.evaluationCount)
  }

  /// Loads the weights of a model folder.
  func start(from folder: URL) throws {
    try gan.load(ClassicFolder(folder).load(GAN.self).stateDict(), file: folder)
  }

  /// Rows of the real images at an index, a pure function of it.
  public func batch(at index: Int, rows: BatchRows) throws -> Tensor {
    try stream.batch(at: index, rows: rows).images
  }

  /// Keys of the samples in the batch that was made last.
  public func sampleKeys(at index: Int, rows: BatchRows) -> [String] { stream.shownKeys }

  /// The loss of the discriminator on real and generated images, or of the generator.
  public func loss(_ real: Tensor, of part: Int, using random: RandomSource) -> Losses {
    let z = gan.latents(real.dim(0), using: random)
    return part == 0 ? discriminatorLoss(real, z, using: random) : generatorLoss(real, z)
  }

  private func discriminatorLoss(
    _ real: Tensor, _ z: Tensor, using random: RandomSource
  ) -> Losses {
    let fake = noGrad { gan.generator(z) }
    let (realScore, fakeScore) = (gan.discriminator(real), gan.discriminator(fake))
    var total = objective.loss.discriminator(real: realScore, fake: fakeScore)
    var parts = [
      "discriminator": total.detached(),
      "score_gap": (realScore.mean() - fakeScore.mean()).detached(),
    ]
    if objective.gradientPenalty > 0 {
      let penalty = AdversarialLoss.gradientPenalty(
        { gan.discriminator($0) }, real: real, fake: fake, using: random)
      parts["penalty"] = penalty.detached()
      total = total + penalty * objective.gradientPenalty
    }
    return Losses(total: total, parts: parts)
  }

  /// Adds the diversity of the images, which is near 0 when the generator ignores z.
  private func generatorLoss(_ real: Tensor, _ z: Tensor) -> Losses {
    let fake = gan.generator(z)
    let total = objective.loss.generator(fake: gan.discriminator(fake))
    return Losses(
      total: total,
      parts: [
        "generator": total.detached(),
        "diversity": noGrad {
          diversity(
            of: ranks.concatenated(fake.detached()), comparedTo: ranks.concatenated(real))
        },
      ])
  }

  /// Measures the diversity of generated images beside held-out ones.
  public func evaluate() throws -> [String: Double] {
    let count = min(objective.evaluationCount, heldOut.captions.count)
    let fake = gan.sample(count, using: RandomSource(seed: 0))
    return ["diversity": diversity(of: fake, comparedTo: heldOut.images).item()]
  }

  /// Generates 64 images.
  public func sample(using random: RandomSource) throws -> Image? {
    ContactSheet.grid([Image](gan.sample(64, using: random)), columns: 8)
  }

  /// Writes the averaged weights as a model folder.
  public func export(to folder: URL) throws { try ClassicFolder(folder).save(gan) }
}
