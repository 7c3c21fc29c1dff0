import CLIP
public import Classics
public import Foundation
public import Imaging
public import Torch
public import TorchNN

/// Training of a model that learns from images alone.
public final class ImageTask<Model: ImageModel>: TrainingTask {
  /// The name of the stage.
  public var stage: String { Model.kind.rawValue }
  /// The module that is trained, averaged and saved.
  public var module: any Module { model }

  private let model: Model
  private let objective: EvaluationObjective
  private let stream: LabeledStream
  private let heldOut: LabeledImages

  /// Trains the model from its current weights.
  /// - Throws: `DataError` if a held-out image cannot be decoded.
  public init(_ model: Model, objective: EvaluationObjective, stream: LabeledStream) throws {
    self.model = model
    self.objective = objective
    self.stream = stream
    heldOut = try stream.evaluation(limit: objective.evaluationCount)
  }

  /// Loads the weights of a model folder.
  func start(from folder: URL) throws {
    try model.load(ClassicFolder(folder).load(Model.self).stateDict(), file: folder)
  }

  /// Rows of the batch at an index, a pure function of it.
  public func batch(at index: Int, rows: BatchRows) throws -> LabeledImages {
    try stream.batch(at: index, rows: rows)
  }

  /// Keys of the samples in the batch that was made last.
  public func sampleKeys(at index: Int, rows: BatchRows) -> [String] { stream.shownKeys }

  /// The loss of a batch.
  public func loss(
    _ batch: LabeledImages, of part: Int, using random: RandomSource
  ) -> Losses {
    model.losses(batch, using: random)
  }

  /// Computes the model's metrics on held-out images.
  public func evaluate() throws -> [String: Double] { model.evaluated(on: heldOut) }

  /// Pairs held-out images with the model's reconstructions.
  public func sample(using random: RandomSource) throws -> Image? {
    let samples = heldOut[0..<min(8, heldOut.captions.count)]
    let rows = model.outputs(for: samples, using: random)
    guard !rows.isEmpty else { return nil }
    return ContactSheet.grid(
      ([samples.images] + rows).flatMap { [Image]($0) }, columns: samples.captions.count)
  }

  /// Writes the averaged weights as a model folder.
  public func export(to folder: URL) throws {
    try ClassicFolder(folder).save(model, classes: model.classCount.map { _ in stream.classes })
  }
}
