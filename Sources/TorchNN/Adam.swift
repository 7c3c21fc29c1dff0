public import Torch

/// Adam: `x -= rate m / (√v + ε)`, where m and v are the moving averages of the gradient
/// and of its square, corrected for their start at zero. With decoupled weight decay it is AdamW.
///
/// Source: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2; PyTorch `Adam`
/// and `AdamW`, on their fused kernels.
public final class Adam: Optimizer {
  /// The step size, before a group's scale.
  public var learningRate: Double
  /// The parameters that it updates.
  public let parameterGroups: [ParameterGroup]
  /// For each group, the moments of each parameter in its order.
  private let moments: [[Moments]]
  private let betas: (Double, Double)
  private let epsilon: Double
  private let isDecoupled: Bool

  /// Makes an optimiser of the groups.
  ///
  /// - Parameters:
  ///   - groups: The parameters to train.
  ///   - learningRate: The step size, before a group's scale.
  ///   - betas: The decays of the two moments.
  ///   - epsilon: Added to the root of the second moment.
  ///   - decoupled: Whether the weight decay applies to the weights directly, as in AdamW; else
  ///     it is added to the gradient.
  public init(
    _ groups: [ParameterGroup], learningRate: Double, betas: (Double, Double) = (0.9, 0.999),
    epsilon: Double = 1e-8, decoupled: Bool = true
  ) {
    checkGroups(groups)
    self.learningRate = learningRate
    parameterGroups = groups
    moments = groups.map { $0.parameters.map { Moments(of: $0.parameter.value.detached()) } }
    self.betas = betas
    self.epsilon = epsilon
    isDecoupled = decoupled
  }

  /// Makes an optimiser of all trainable parameters of a module, all with one weight decay.
  public convenience init(
    _ module: any Module, learningRate: Double, betas: (Double, Double) = (0.9, 0.999),
    weightDecay: Double = 0.01, epsilon: Double = 1e-8, decoupled: Bool = true
  ) {
    self.init(
      [ParameterGroup(ParameterGroup.trained(module), weightDecay: weightDecay)],
      learningRate: learningRate, betas: betas, epsilon: epsilon, decoupled: decoupled)
  }

  /// Updates each parameter that has a gradient.
  public func step() {
    for (group, moments) in zip(parameterGroups, moments) {
      let live = zip(group.parameters, moments).compactMap { entry, moments in
        entry.parameter.gradient.map { (entry.parameter.value, gradient: $0, moments: moments) }
      }
      if live.isEmpty { continue }
      TorchOptim.adam(
        parameters: live.map(\.0), gradients: live.map(\.gradient),
        expAvgs: live.map(\.moments.first), expAvgSqs: live.map(\.moments.second),
        steps: live.map(\.moments.step), lr: learningRate * group.rateScale,
        beta1: betas.0, beta2: betas.1, weightDecay: group.weightDecay, eps: epsilon,
        decoupled: isDecoupled)
    }
  }

  /// Step count and moments of each parameter, as `NAME.step`, `NAME.exp_avg` and
  /// `NAME.exp_avg_sq`.
  public var slots: [String: Tensor] {
    var slots: [String: Tensor] = [:]
    for (group, moments) in zip(parameterGroups, moments) {
      for ((name, _), moments) in zip(group.parameters, moments) {
        slots[name + ".step"] = moments.step
        slots[name + ".exp_avg"] = moments.first
        slots[name + ".exp_avg_sq"] = moments.second
      }
    }
    return slots
  }
}

/// Adam's state of one parameter.
private struct Moments {
  /// `[]` float32, the number of steps taken.
  let step: Tensor
  let first: Tensor
  let second: Tensor

  init(of value: Tensor) {
    step = Tensor.zeros([], device: value.device)
    first = value.zerosLike()
    second = value.zerosLike()
  }
}
