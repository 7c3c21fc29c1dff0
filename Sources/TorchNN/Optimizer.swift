import Torch

/// Parameters that share the settings of an optimiser.
public struct ParameterGroup {
  /// The parameters with the names that the optimiser's state uses.
  public let parameters: [(name: String, parameter: Parameter)]
  /// The weight decay.
  public let weightDecay: Double
  /// The factor on the optimiser's learning rate.
  public let rateScale: Double

  /// Makes a group of named parameters.
  public init(
    _ parameters: [(name: String, parameter: Parameter)], weightDecay: Double = 0,
    rateScale: Double = 1
  ) {
    self.parameters = parameters
    self.weightDecay = weightDecay
    self.rateScale = rateScale
  }

  /// Splits the trainable parameters of a module in two groups: matrices, kernels and tables decay;
  /// biases and scales, which have one axis or none, do not.
  ///
  /// Names begin with `prefix`, so that one optimiser can hold groups of several modules.
  public static func split(
    _ module: any Module, weightDecay: Double, rateScale: Double = 1, prefix: String = ""
  ) -> [ParameterGroup] {
    let trained = trained(module, prefix: prefix)
    return [
      ParameterGroup(
        trained.filter { $0.parameter.value.rank >= 2 }, weightDecay: weightDecay,
        rateScale: rateScale),
      ParameterGroup(trained.filter { $0.parameter.value.rank < 2 }, rateScale: rateScale),
    ].filter { !$0.parameters.isEmpty }
  }

  /// Returns the parameters of a module that are not frozen.
  static func trained(
    _ module: any Module, prefix: String = ""
  ) -> [(name: String, parameter: Parameter)] {
    module.namedParameters().filter { !$0.parameter.isFrozen }.map { (prefix + $0.0, $0.1) }
  }
}

/// A rule that updates parameters by their gradients.
///
/// Make it after `Module.to` and `Module.freeze`: its state keeps the device and type that the
/// parameters have then, and it holds no frozen parameter.
public protocol Optimizer: Resumable {
  /// The parameters that it updates.
  var parameterGroups: [ParameterGroup] { get }
  /// The step size, before a group's scale; a schedule sets it before each step.
  var learningRate: Double { get set }
  /// Updates each parameter that has a gradient.
  func step()
}

extension Optimizer {
  /// All parameters of all groups.
  public var parameters: [Parameter] { parameterGroups.flatMap { $0.parameters.map(\.parameter) } }

  /// Sets the gradient of every parameter to nil.
  public func zeroGradients() { for parameter in parameters { parameter.clearGradient() } }
}

/// Scales the gradients down so that their Euclidean norm, over all parameters together, is at
/// most `maximum`; returns the norm before.
///
/// A norm that is not finite is returned as it is and makes the gradients not finite; a trainer
/// skips the step.
/// Source: PyTorch `clip_grad_norm_`.
@discardableResult
public func clipGradientNorm(_ parameters: [Parameter], maximum: Double) -> Double {
  clipGradients(parameters, maximum: maximum) { $0 }
}

/// Clips gradients as ``clipGradientNorm(_:maximum:)`` does, by the norm that `total` makes of theirs,
/// since others may hold the rest.
package func clipGradients<Failure: Error>(
  _ parameters: [Parameter], maximum: Double, total: (Double) throws(Failure) -> Double
) throws(Failure) -> Double {
  precondition(maximum > 0, "the maximum of a gradient norm is positive, not \(maximum)")
  let gradients = parameters.compactMap(\.gradient)
  let norm = try total(gradients.isEmpty ? 0 : TorchOptim.gradNorm(gradients).item())
  let scale = maximum / (norm + 1e-6)
  if !(scale >= 1) { TorchOptim.foreachMul(gradients, scale) }
  return norm
}

/// Requires parameters and names to be unique, and at least one to train.
func checkGroups(_ groups: [ParameterGroup]) {
  var names: Set<String> = []
  var identities: Set<ObjectIdentifier> = []
  for (name, parameter) in groups.flatMap(\.parameters) {
    precondition(names.insert(name).inserted, "two parameters of one optimiser are named \(name)")
    precondition(
      identities.insert(ObjectIdentifier(parameter)).inserted,
      "\(name) is in an optimiser twice")
    precondition(!parameter.isFrozen, "\(name) is frozen, so an optimiser cannot hold it")
  }
  precondition(!names.isEmpty, "an optimiser needs at least one trainable parameter")
}
