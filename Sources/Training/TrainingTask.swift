public import Foundation
public import Imaging
public import Torch
public import TorchNN

/// A network that a step improves, with an optimiser of its own.
///
/// Most stages have one. Adversaries have two that move in turn, each by its own loss.
public struct TrainedPart {
  /// Its name in the log and in checkpoints; empty where it is the only one.
  public let name: String
  /// Its weights. While it is their turn, no other part's weights get gradients.
  public let module: any Module
  /// Its learning rate as a multiple of the run's.
  public let rateScale: Double
  /// It moves at every so many steps.
  public let period: Int

  /// A part that moves at every step unless said.
  public init(name: String, module: any Module, rateScale: Double = 1, period: Int = 1) {
    self.name = name
    self.module = module
    self.rateScale = rateScale
    self.period = period
  }
}

/// What a stage of the model brings to the ``Trainer``: its weights, its batches, its loss.
///
/// A batch depends on the run's seed and its index alone, and a loss on the weights, the batch and
/// the random source alone; so a run that was interrupted goes on as if it had not been.
public protocol TrainingTask: AnyObject {
  /// One batch, on the device.
  associatedtype Batch
  /// The name of what is trained: `clip`, `decoder`, `vae`.
  var stage: String { get }
  /// What is trained, averaged and saved. Parts that are frozen are not in it.
  var module: any Module { get }
  /// What each step improves, in this order: `module` as a whole unless said.
  var parts: [TrainedPart] { get }
  /// The batch of an index, a pure function of it.
  func batch(at index: Int) throws -> Batch
  /// The loss of a batch that the part of this place in `parts` is improved by.
  func loss(_ batch: Batch, of part: Int, using random: RandomSource) -> Losses
  /// Puts weights back into their allowed range after a step.
  func didStep()
  /// Measures on held-out data with the averaged weights; empty if there are none.
  func evaluate() throws -> [String: Double]
  /// A sheet of samples drawn with the averaged weights; nil if the stage draws none.
  func sample(using random: RandomSource) throws -> Image?
  /// Writes the averaged weights, which the module holds during the call, as parts of a model
  /// folder.
  func export(to folder: URL) throws
}

extension TrainingTask {
  /// All of the module at every step.
  public var parts: [TrainedPart] { [TrainedPart(name: "", module: module)] }
  /// Nothing to put back.
  public func didStep() {}
  /// No measures.
  public func evaluate() throws -> [String: Double] { [:] }
  /// No samples.
  public func sample(using random: RandomSource) throws -> Image? { nil }
}
