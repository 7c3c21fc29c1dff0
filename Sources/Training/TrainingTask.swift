public import Foundation
public import Imaging
public import Torch
public import TorchNN

/// A network with an optimiser of its own.
///
/// Most stages have one. A GAN has two that are updated in turn, each by its own loss.
public struct TrainedPart {
  /// Its name in the log and in checkpoints; empty where it is the only one.
  public let name: String
  /// Its weights. While they are updated, those of the other parts are frozen.
  public let module: any Module
  /// Its learning rate as a multiple of the run's.
  public let rateScale: Double
  /// Steps between two of its updates.
  public let period: Int

  /// A part that is updated at every step unless given otherwise.
  public init(name: String, module: any Module, rateScale: Double = 1, period: Int = 1) {
    self.name = name
    self.module = module
    self.rateScale = rateScale
    self.period = period
  }
}

/// What a stage provides to the ``Trainer``: its weights, its batches, its loss.
///  A batch depends only on the run's seed and its index, and a loss only on the weights, the batch
/// and the random source; so an interrupted run resumes as if it had not been interrupted.
public protocol TrainingTask: AnyObject {
  /// One batch, on the device.
  associatedtype Batch
  /// The name of the stage: `clip`, `decoder`, `vae`.
  var stage: String { get }
  /// The module that is trained, averaged and saved. Frozen models are not in it.
  var module: any Module { get }
  /// What each step updates, in this order; `module` as a whole by default.
  var parts: [TrainedPart] { get }
  /// Rows in a batch; the options' by default.
  func batchSize(of options: TrainingOptions) -> Int
  /// Rows of the batch at an index, a pure function of both; other processes have the other rows.
  func batch(at index: Int, rows: BatchRows) throws -> Batch
  /// Keys of the samples in the batch that was made last, at `index` with these rows; their positions in
  /// the order of the data by default, for what is learned from kept embeddings or codes.
  func sampleKeys(at index: Int, rows: BatchRows) -> [String]
  /// The loss of a batch for the part at this index in `parts`: the mean over its rows.
  func loss(_ batch: Batch, of part: Int, using random: RandomSource) -> Losses
  /// Clamps weights to their allowed range after a step.
  func didStep()
  /// Computes metrics on held-out data with the averaged weights; empty if there are none.
  func evaluate() throws -> [String: Double]
  /// Makes a sheet of samples with the averaged weights; nil if the stage has none.
  func sample(using random: RandomSource) throws -> Image?
  /// Writes the averaged weights, which the module holds during the call, as parts of a model
  /// folder.
  func export(to folder: URL) throws
}

extension TrainingTask {
  /// All of the module at every step.
  public var parts: [TrainedPart] { [TrainedPart(name: "", module: module)] }
  /// As many as the options say.
  public func batchSize(of options: TrainingOptions) -> Int { options.batchSize }
  /// Positions in the order of the data, from 0.
  public func sampleKeys(at index: Int, rows: BatchRows) -> [String] {
    rows.range.map { "\(index * rows.total + $0)" }
  }
  /// Clamps nothing.
  public func didStep() {}
  /// No metrics.
  public func evaluate() throws -> [String: Double] { [:] }
  /// No samples.
  public func sample(using random: RandomSource) throws -> Image? { nil }
}
