import CLIP
public import Classics
public import Foundation
public import Imaging
public import Torch
public import TorchNN

/// A model that learns from pictures alone, each by one loss: what ``PictureTask`` asks of it.
public protocol PictureModel: ClassicModel where Config: PictureConfig {
  /// How many classes it tells apart; nil if it looks at pictures alone.
  var classCount: Int? { get }
  /// The loss of a batch.
  func losses(_ batch: LabeledPictures, using random: RandomSource) -> Losses
  /// Means over a batch of what is measured on held-out pictures.
  func measures(_ batch: LabeledPictures, using random: RandomSource) -> [String: Double]
  /// Figures of the means over all batches.
  static func figures(_ means: [String: Double]) -> [String: Double]
  /// What the model makes of each picture, `[B, C, S, S]`; nil if it makes none.
  func drawings(of batch: LabeledPictures, using random: RandomSource) -> [Tensor]
}

extension PictureModel {
  /// It looks at pictures alone.
  public var classCount: Int? { nil }
  /// The means as they are.
  public static func figures(_ means: [String: Double]) -> [String: Double] { means }
}

/// Training of an autoencoder of any kind, of a VQ-VAE, or of the classifier.
public final class PictureTask<Model: PictureModel>: TrainingTask {
  /// The name of what is trained.
  public var stage: String { Model.kind.rawValue }
  /// What is trained, averaged and saved.
  public var module: any Module { model }

  private let model: Model
  private let objective: EvaluationObjective
  private let stream: LabeledStream
  private let heldOut: LabeledPictures

  /// A model that is new.
  /// - Throws: `DataError` if a held-out picture cannot be decoded.
  public init(_ model: Model, objective: EvaluationObjective, stream: LabeledStream) throws {
    self.model = model
    self.objective = objective
    self.stream = stream
    heldOut = try stream.evaluation(limit: objective.evaluationCount)
  }

  /// Takes over the weights of a model folder.
  func start(from folder: URL) throws {
    try model.load(ClassicFolder(folder).load(Model.self).stateDict(), file: folder)
  }

  /// The batch of an index, a pure function of it.
  public func batch(at index: Int) throws -> LabeledPictures { try stream.batch(at: index) }

  /// The loss of a batch.
  public func loss(
    _ batch: LabeledPictures, of part: Int, using random: RandomSource
  ) -> Losses {
    model.losses(batch, using: random)
  }

  /// The model's figures over the held-out pictures.
  public func evaluate() throws -> [String: Double] { model.evaluated(on: heldOut) }

  /// Held-out pictures over what the model makes of them.
  public func sample(using random: RandomSource) throws -> Image? {
    let shown = heldOut[0..<min(8, heldOut.captions.count)]
    let rows = model.drawings(of: shown, using: random)
    guard !rows.isEmpty else { return nil }
    return ContactSheet.grid(
      ([shown.images] + rows).flatMap { [Image]($0) }, columns: shown.captions.count)
  }

  /// Writes the averaged weights as a model folder.
  public func export(to folder: URL) throws {
    try ClassicFolder(folder).save(model, classes: model.classCount.map { _ in stream.classes })
  }
}

extension PictureModel {
  /// The figures over pictures, a few hundred at a time, with random numbers of a fixed seed.
  public func evaluated(on pictures: LabeledPictures) -> [String: Double] {
    let random = RandomSource(seed: 0)
    var means: [String: Double] = [:]
    for chunk in pictures.chunks(of: 250) {
      let share = Double(chunk.captions.count) / Double(pictures.captions.count)
      for (name, value) in noGrad({ measures(chunk, using: random) }) {
        means[name, default: 0] += value * share
      }
    }
    return Self.figures(means)
  }
}
