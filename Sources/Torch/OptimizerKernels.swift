import CTorch

/// LibTorch's fused kernels over lists of tensors, in place and without recording gradients.
package enum TorchOptim {
  /// Takes one step of Adam, or of AdamW if the weight decay is decoupled.
  ///
  /// `steps` are float32 scalars that the kernel counts up before the step.
  /// Source: Kingma and Ba, Adam; Loshchilov and Hutter, Decoupled Weight Decay Regularization.
  package static func adam(
    parameters: [Tensor], gradients: [Tensor], expAvgs: [Tensor], expAvgSqs: [Tensor],
    steps: [Tensor], lr: Double, beta1: Double, beta2: Double, weightDecay: Double, eps: Double,
    decoupled: Bool
  ) {
    let count = parameters.count
    precondition(
      [gradients, expAvgs, expAvgSqs, steps].allSatisfy { $0.count == count },
      "adam needs lists of one length: \(count) parameters, \(gradients.count) gradients, "
        + "\(expAvgs.count) and \(expAvgSqs.count) moments, \(steps.count) steps")
    foreachAdd(steps, 1)
    let status = Tensor.withHandles(parameters) { parameters in
      Tensor.withHandles(gradients) { gradients in
        Tensor.withHandles(expAvgs) { first in
          Tensor.withHandles(expAvgSqs) { second in
            Tensor.withHandles(steps) { steps in
              ct_fused_adam(
                parameters, gradients, first, second, steps, count, lr, beta1, beta2,
                weightDecay, eps, decoupled)
            }
          }
        }
      }
    }
    Tensor.check("fused_adam", Array(parameters.prefix(1)), status)
  }

  /// Computes `targets += weight * (sources - targets)`.
  package static func foreachLerp(_ targets: [Tensor], _ sources: [Tensor], weight: Double) {
    precondition(
      targets.count == sources.count,
      "foreach_lerp needs lists of one length, not \(targets.count) and \(sources.count)")
    guard !targets.isEmpty else { return }
    let status = Tensor.withHandles(targets) { targets in
      Tensor.withHandles(sources) { ct_foreach_lerp(targets, $0, sources.count, weight) }
    }
    Tensor.check("foreach_lerp", targets + sources, status)
  }

  /// Computes `targets += value`.
  package static func foreachAdd(_ targets: [Tensor], _ value: Double) {
    guard !targets.isEmpty else { return }
    let status = Tensor.withHandles(targets) { ct_foreach_add_scalar($0, targets.count, value) }
    Tensor.check("foreach_add", targets, status)
  }

  /// Computes `targets *= factor`.
  package static func foreachMul(_ targets: [Tensor], _ factor: Double) {
    guard !targets.isEmpty else { return }
    let status = Tensor.withHandles(targets) { ct_foreach_mul($0, targets.count, factor) }
    Tensor.check("foreach_mul", targets, status)
  }

  /// Returns the Euclidean norm of all gradients together, as a tensor of no axes.
  ///
  /// - Precondition: The list is not empty.
  package static func gradNorm(_ gradients: [Tensor]) -> Tensor {
    precondition(!gradients.isEmpty, "gradNorm needs at least one gradient")
    return Tensor("total_norm", Array(gradients.prefix(1))) { out in
      Tensor.withHandles(gradients) { ct_total_norm($0, gradients.count, out) }
    }
  }
}
