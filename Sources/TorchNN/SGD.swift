public import Foundation
public import Torch

/// Stochastic gradient descent with momentum; weight decay is part of the gradient.
///
/// Source: PyTorch `SGD` without dampening, on its fused kernel.
public final class SGD: Optimizer {
  /// The step size, before a group's scale.
  public var learningRate: Double
  /// The parameters that it trains.
  public let parameterGroups: [ParameterGroup]
  private let momentum: Double
  private let isNesterov: Bool
  /// For each group, the momentum of each parameter; empty without momentum. Starting at zero is
  /// the same as PyTorch's start at the first gradient, since nothing dampens.
  private let momenta: [[Tensor]]

  /// Makes an optimiser of the groups.
  public init(
    _ groups: [ParameterGroup], learningRate: Double, momentum: Double = 0,
    isNesterov: Bool = false
  ) {
    checkGroups(groups)
    precondition(
      !isNesterov || momentum > 0, "Nesterov's rule needs a momentum above 0, not \(momentum)")
    self.learningRate = learningRate
    self.momentum = momentum
    self.isNesterov = isNesterov
    parameterGroups = groups
    momenta =
      momentum == 0
      ? groups.map { _ in [] }
      : groups.map { $0.parameters.map { $0.parameter.value.detached().zerosLike() } }
  }

  /// Makes an optimiser of all trainable parameters of a module, all with one weight decay.
  public convenience init(
    _ module: any Module, learningRate: Double, momentum: Double = 0, weightDecay: Double = 0,
    isNesterov: Bool = false
  ) {
    self.init(
      [ParameterGroup(ParameterGroup.trained(module), weightDecay: weightDecay)],
      learningRate: learningRate, momentum: momentum, isNesterov: isNesterov)
  }

  /// Changes each parameter that has a gradient.
  public func step() {
    for (group, momenta) in zip(parameterGroups, momenta) {
      let live = group.parameters.indices.filter {
        group.parameters[$0].parameter.gradient != nil
      }
      if live.isEmpty { continue }
      TorchOptim.sgd(
        parameters: live.map { group.parameters[$0].parameter.value },
        gradients: live.compactMap { group.parameters[$0].parameter.gradient },
        momenta: momenta.isEmpty ? [] : live.map { momenta[$0] },
        lr: learningRate * group.rateScale, momentum: momentum, weightDecay: group.weightDecay,
        nesterov: isNesterov)
    }
  }

  /// The momentum of each parameter, as `NAME.momentum`.
  public func stateDict() -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: entries().map { ($0.key, $0.value) })
  }

  /// Takes over the momenta.
  ///
  /// Throws: `CheckpointError.misfit` when keys or shapes are not exactly those of its parameters.
  public func load(_ state: [String: Tensor], file: URL?) throws(CheckpointError) {
    let entries = entries()
    try checkFit(of: state, to: entries, file: file)
    noGrad {
      for (key, value) in entries {
        if let new = state[key] { value.copy(from: new) }
      }
    }
  }

  private func entries() -> [(key: String, value: Tensor)] {
    zip(parameterGroups, momenta).flatMap { group, momenta in
      zip(group.parameters, momenta).map { ($0.name + ".momentum", $1) }
    }
  }
}
