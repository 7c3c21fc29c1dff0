public import Foundation
public import Torch

/// Adam, whose weight decay, if any, is part of the gradient.
///
/// Source: Kingma & Ba 2015, algorithm 1; PyTorch `Adam`, on its fused kernel.
public class Adam: Optimizer {
  /// The step size, before a group's scale.
  public var learningRate: Double
  /// The parameters that it trains.
  public let parameterGroups: [ParameterGroup]
  /// For each group, one slot a parameter in its order.
  private let slots: [[AdamSlot]]
  private let betas: (Double, Double)
  private let epsilon: Double
  private let isDecoupled: Bool

  fileprivate init(
    _ groups: [ParameterGroup], learningRate: Double, betas: (Double, Double), epsilon: Double,
    isDecoupled: Bool
  ) {
    checkGroups(groups)
    self.learningRate = learningRate
    parameterGroups = groups
    slots = groups.map { $0.parameters.map { AdamSlot(name: $0.name, parameter: $0.parameter) } }
    self.betas = betas
    self.epsilon = epsilon
    self.isDecoupled = isDecoupled
  }

  /// Makes an optimiser of the groups; `betas` are the decays of the two moments.
  public convenience init(
    _ groups: [ParameterGroup], learningRate: Double, betas: (Double, Double) = (0.9, 0.999),
    epsilon: Double = 1e-8
  ) {
    self.init(
      groups, learningRate: learningRate, betas: betas, epsilon: epsilon, isDecoupled: false)
  }

  /// Makes an optimiser of all trainable parameters of a module, all with one weight decay.
  public convenience init(
    _ module: any Module, learningRate: Double, betas: (Double, Double) = (0.9, 0.999),
    weightDecay: Double = 0, epsilon: Double = 1e-8
  ) {
    self.init(
      [ParameterGroup(ParameterGroup.trained(module), weightDecay: weightDecay)],
      learningRate: learningRate, betas: betas, epsilon: epsilon)
  }

  /// Changes each parameter that has a gradient.
  public func step() {
    for (group, slots) in zip(parameterGroups, slots) {
      let live = slots.compactMap { slot in
        slot.parameter.gradient.map { (slot: slot, gradient: $0) }
      }
      if live.isEmpty { continue }
      TorchOptim.adamw(
        parameters: live.map(\.slot.parameter.value), gradients: live.map(\.gradient),
        expAvgs: live.map(\.slot.firstMoment), expAvgSqs: live.map(\.slot.secondMoment),
        steps: live.map(\.slot.step), lr: learningRate * group.rateScale,
        beta1: betas.0, beta2: betas.1, weightDecay: group.weightDecay, eps: epsilon,
        decoupled: isDecoupled)
    }
  }

  /// Moments and step count of each parameter, as `NAME.exp_avg`, `NAME.exp_avg_sq`, `NAME.step`.
  public func stateDict() -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: entries().map { ($0.key, $0.value) })
  }

  /// Takes over moments and step counts.
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
    slots.joined().flatMap { slot in
      [
        (slot.name + ".step", slot.step), (slot.name + ".exp_avg", slot.firstMoment),
        (slot.name + ".exp_avg_sq", slot.secondMoment),
      ]
    }
  }
}

/// Adam with decoupled weight decay.
///
/// Source: Loshchilov & Hutter 2019, algorithm 2; PyTorch `AdamW`, on its fused kernel.
public final class AdamW: Adam {
  /// Makes an optimiser of the groups; `betas` are the decays of the two moments.
  public init(
    _ groups: [ParameterGroup], learningRate: Double, betas: (Double, Double) = (0.9, 0.999),
    epsilon: Double = 1e-8
  ) {
    super.init(
      groups, learningRate: learningRate, betas: betas, epsilon: epsilon, isDecoupled: true)
  }

  /// Makes an optimiser of all trainable parameters of a module, all with one weight decay.
  public convenience init(
    _ module: any Module, learningRate: Double, betas: (Double, Double) = (0.9, 0.999),
    weightDecay: Double = 0.01, epsilon: Double = 1e-8
  ) {
    self.init(
      [ParameterGroup(ParameterGroup.trained(module), weightDecay: weightDecay)],
      learningRate: learningRate, betas: betas, epsilon: epsilon)
  }
}

/// What Adam remembers of one parameter.
private struct AdamSlot {
  let name: String
  let parameter: Parameter
  /// `[]` float32, how many steps were taken.
  let step: Tensor
  let firstMoment: Tensor
  let secondMoment: Tensor

  init(name: String, parameter: Parameter) {
    let value = parameter.value.detached()
    self.name = name
    self.parameter = parameter
    step = Tensor.zeros([], device: value.device)
    firstMoment = value.zerosLike()
    secondMoment = value.zerosLike()
  }
}
