public import CLIP
import Config
import Diffusion
public import Foundation
public import TorchNN
import UnCLIP

/// What training one stage costs, counted from its configuration; no network is made.
public struct TrainingCost: Sendable, Equatable {
  /// What is trained.
  public let stage: String
  /// The exact number of weights that are trained.
  public let parameters: Int
  /// One image through the trained networks.
  public let image: NetworkCost
  /// Floating-point operations of the frozen networks for one image: CLIP's, where embeddings are
  /// computed at each step.
  public let frozen: Double
  /// How the stage is trained; nil where only its shape is known.
  public let budget: Budget?

  /// How long a stage is trained.
  public struct Budget: Sendable, Equatable {
    /// Optimiser steps.
    public let steps: Int
    /// Images of a step.
    public let images: Int
    /// Images of one forward and backward pass; the others of a step are accumulated.
    public let passImages: Int
    /// Averages of the weights.
    public let averages: Int

    /// Groups the values.
    public init(steps: Int, images: Int, passImages: Int, averages: Int = 1) {
      self.steps = steps
      self.images = images
      self.passImages = passImages
      self.averages = averages
    }
  }

  /// The element type of activations.
  public typealias Precision = TrainingOptions.Precision

  /// Groups the counts.
  public init(
    stage: String, parameters: Int, image: NetworkCost, frozen: Double = 0, budget: Budget? = nil
  ) {
    self.stage = stage
    self.parameters = parameters
    self.image = image
    self.frozen = frozen
    self.budget = budget
  }

  /// Floating-point operations of training on one image.
  public var imageOperations: Double { image.training + frozen }

  /// Floating-point operations of a step; nil where the batch is not known.
  public var stepOperations: Double? { budget.map { Double($0.images) * imageOperations } }

  /// Floating-point operations of the whole training.
  public var operations: Double? {
    budget.flatMap { budget in stepOperations.map { $0 * Double(budget.steps) } }
  }

  /// Exact bytes of weights, gradients, Adam's two moments and averages, all of four bytes.
  public var stateBytes: Double {
    Double(parameters) * 4 * Double(4 + (budget?.averages ?? 1))
  }

  /// Bytes of activations that a pass keeps for its gradients, for one image; in bfloat16 half of
  /// those in float32. An estimate.
  public func keptBytes(_ precision: Precision) -> Double {
    image.kept * (precision == .float32 ? 4 : 2)
  }

  /// Bytes of a training run: the state, what a pass keeps, and in bfloat16 the weights' copies. An
  /// estimate.
  public func bytes(_ precision: Precision) -> Double {
    stateBytes + Double(budget?.passImages ?? 1) * keptBytes(precision)
      + (precision == .float32 ? 0 : 2 * Double(parameters))
  }
}

extension TrainingCost {
  /// Counts what `unclip train` would do with a configuration.
  ///
  /// - Parameters:
  ///   - configuration: The configuration.
  ///   - file: Its name, for errors.
  ///   - clip: The CLIP that the stage builds on; a decoder needs it.
  /// - Throws: `CostError` for a decoder without a CLIP.
  public init(
    of configuration: StageConfiguration, file: String, clip: CLIPConfig? = nil
  ) throws(CostError) {
    switch configuration {
    case .clip(let config):
      self.init(
        .clip, parameterCount { CLIPModel(config.model, using: $0) }, config.model.cost,
        config.training)
    case .prior(let config):
      let prior = config.model.transformer
      self.init(
        .prior, parameterCount { PriorTransformer(prior, using: $0) }, prior.cost, config.training,
        frozen: config.objective.embeddingBatches == 0 ? clip : nil)
    case .autoregressivePrior(let config):
      let prior = config.model.transformer
      guard prior.numComponents > 0 else { throw CostError.needsComponents(file: file) }
      self.init(
        .autoregressivePrior, parameterCount { AutoregressiveTransformer(prior, using: $0) },
        prior.cost, config.training, frozen: config.objective.embeddingBatches == 0 ? clip : nil)
    case .hint(let config):
      self.init(
        .hint, parameterCount { ImageHint(config.model.hint, using: $0) }, config.model.hint.cost,
        config.training)
    case .decoder(let config):
      guard let clip else { throw CostError.needsCLIP(file: file) }
      let unet = config.model.unet
      let projection = config.model.projection(embeddingWidth: clip.embeddingWidth)
      let length = clip.text.maxPositionEmbeddings
      let context = projection.contextLength(textLength: length)
      self.init(
        .decoder,
        parameterCount { UNet(unet, using: $0) }
          + parameterCount { TextProjection(projection, using: $0) },
        projection.cost(textLength: length)
          + unet.cost(side: unet.sampleSize ?? 64, contextLength: context),
        config.training, frozen: config.objective.embeddingBatches == 0 ? clip : nil)
    case .upsampler(let config):
      self.init(
        .upsampler, parameterCount { UNet(config.model.unet, using: $0) },
        config.model.unet.cost(side: config.objective.cropSize), config.training)
    }
  }

  private init(
    _ stage: TrainingStage, _ parameters: Int, _ image: NetworkCost, _ options: TrainingOptions,
    frozen clip: CLIPConfig? = nil
  ) {
    self.init(
      stage: stage.rawValue, parameters: parameters, image: image,
      frozen: clip?.cost.forward ?? 0,
      budget: Budget(
        steps: options.steps, images: options.batchSize * options.gradientAccumulation,
        passImages: options.batchSize, averages: 1 + options.furtherDecays.count))
  }
}

/// Why the cost of a configuration is not known; each case reads as one sentence.
public enum CostError: LocalizedError, Equatable, CustomStringConvertible {
  /// A decoder's configuration does not say which CLIP it is trained with.
  case needsCLIP(file: String)
  /// A configuration of an autoregressive prior leaves its components to the data.
  case needsComponents(file: String)
  /// A configuration of another stage.
  case notCounted(file: String)
  /// Several configurations of a stage that a system has once.
  case repeated(stage: String)

  /// The same sentence, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence: what, where, what to do.
  public var description: String {
    switch self {
    case .needsCLIP(let file):
      "\(file): how large a decoder is depends on its CLIP; name it with --clip, a preset or a "
        + "training configuration of CLIP."
    case .needsComponents(let file):
      "\(file): how many components the prior keeps is known from its data; set "
        + "model.transformer.num_components."
    case .notCounted(let file):
      "\(file): only training configurations of clip, priors, hint, decoder and upsamplers are counted."
    case .repeated(let stage):
      "Several of the configurations are of the stage \(stage); give one of each, and at most two of "
        + "upsamplers, which differ in objective.image_size."
    }
  }
}
