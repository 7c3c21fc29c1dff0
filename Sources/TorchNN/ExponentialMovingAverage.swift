import Foundation
public import Torch

/// A moving average of a module's weights, which generates better images than the weights.
///
/// The average is float32 whatever the module's type. Buffers and frozen weights are the module's own,
/// not averaged: an average of equal numbers may differ from them in a last digit, or in the sign of a
/// zero, and then a part that nobody trained is no longer known to be the same.
/// Source: diffusers `EMAModel`.
public final class ExponentialMovingAverage: Resumable {
  /// How the decay rises to its highest value.
  public enum WarmUp: Codable, Sendable, Equatable {
    /// Full decay from the start.
    case none
    /// `(1 + n) / (10 + n)` after n steps.
    case ratio
    /// `1 - (1 + n)^-power` after n steps: 2/3 for long runs, 3/4 for short ones.
    case power(Double)
  }

  private let module: any Module
  private let decay: Double
  private let warmUp: WarmUp
  private let parameters: [(name: String, parameter: Parameter, average: Tensor)]

  /// Starts an average at the module's current weights. Make it after `Module.to` and `Module.freeze`.
  ///
  /// Range: `decay` in 0 ..< 1, 0.999 for a short run, 0.9999 for a long one.
  public init(of module: any Module, decay: Double, warmUp: WarmUp = .power(2.0 / 3)) {
    precondition((0..<1).contains(decay), "the decay of an average lies in 0 ..< 1, not \(decay)")
    self.module = module
    self.decay = decay
    self.warmUp = warmUp
    parameters = module.namedParameters().filter { !$0.parameter.isFrozen }.map { name, parameter in
      (name, parameter, parameter.value.detached().to(.float32).cloned())
    }
  }

  /// The decay in the update of a step, counted from 1. The first step copies the
  /// weights unless there is no warm-up.
  public func decay(at step: Int) -> Double {
    let n = Double(max(0, step - 1))
    let limit: Double
    switch warmUp {
    case .none: return decay
    case .ratio: limit = (1 + n) / (10 + n)
    case .power(let power): limit = 1 - pow(1 + n, -power)
    }
    return n == 0 ? 0 : min(limit, decay)
  }

  /// Updates the average with the weights, after the optimiser's step number `step`, counted
  /// from 1.
  public func update(step: Int) {
    let weights = parameters.map { $0.parameter.value.detached().to(.float32) }
    TorchOptim.foreachLerp(parameters.map(\.average), weights, weight: 1 - decay(at: step))
  }

  /// The averaged weights, the frozen ones and the module's persistent buffers, under the module's
  /// keys: the state dict to publish. Loading one sets the module's frozen weights and buffers.
  public var slots: [String: Tensor] {
    var slots = module.stateDict()
    for (name, _, average) in parameters { slots[name] = average }
    return slots
  }

  /// Copies the averages into another module of the same kind.
  ///
  /// - Throws: `CheckpointError.misfit` when keys or shapes are not exactly the module's.
  public func copy(to other: any Module) throws(CheckpointError) { try other.load(stateDict()) }

  /// Runs `body` with the averages as the module's weights, in the module's types; restores the
  /// weights afterwards, also on an error.
  public func withAveragedWeights<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let weights = parameters.map(\.parameter.value)
    for (_, parameter, average) in parameters {
      parameter.value = average.to(parameter.value.dtype)
    }
    defer {
      for (entry, weight) in zip(parameters, weights) { entry.parameter.value = weight }
    }
    return try body()
  }
}
