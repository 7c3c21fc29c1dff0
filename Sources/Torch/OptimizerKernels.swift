import CTorch

/// LibTorch's fused kernels over lists of tensors. They write in place and record nothing.
package enum TorchOptim {
  /// One step of Adam, or of AdamW when the weight decay is decoupled.
  ///
  /// `steps` are float32 scalars that the kernel counts up before the step.
  /// Source: Kingma and Ba, Adam; Loshchilov and Hutter, Decoupled Weight Decay Regularization.
  package static func adamw(
    parameters: [Tensor], gradients: [Tensor], expAvgs: [Tensor], expAvgSqs: [Tensor],
    steps: [Tensor], lr: Double, beta1: Double, beta2: Double, weightDecay: Double, eps: Double,
    decoupled: Bool = true
  ) {
    let count = parameters.count
    precondition(
      [gradients, expAvgs, expAvgSqs, steps].allSatisfy { $0.count == count },
      "adamw needs lists of one length: \(count) parameters, \(gradients.count) gradients, "
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

  /// One step of stochastic gradient descent; `momenta` may be empty when momentum is 0.
  package static func sgd(
    parameters: [Tensor], gradients: [Tensor], momenta: [Tensor] = [], lr: Double,
    momentum: Double = 0, weightDecay: Double = 0, nesterov: Bool = false,
    isFirstStep: Bool = false
  ) {
    let count = parameters.count
    precondition(
      gradients.count == count && (momentum == 0 || momenta.count == count),
      "sgd needs lists of one length: \(count) parameters, \(gradients.count) gradients, "
        + "\(momenta.count) momenta")
    let status = Tensor.withHandles(parameters) { parameters in
      Tensor.withHandles(gradients) { gradients in
        Tensor.withHandles(momenta) { momenta in
          ct_fused_sgd(
            parameters, gradients, momenta, count, lr, momentum, weightDecay, nesterov,
            isFirstStep)
        }
      }
    }
    Tensor.check("fused_sgd", Array(parameters.prefix(1)), status)
  }

  /// `targets += weight * (sources - targets)`.
  package static func foreachLerp(_ targets: [Tensor], _ sources: [Tensor], weight: Double) {
    two("foreach_lerp", targets, sources) { ct_foreach_lerp($0, $1, targets.count, weight) }
  }

  /// `targets = targets * factor + sources * sourceFactor`.
  package static func foreachMulAdd(
    _ targets: [Tensor], factor: Double, _ sources: [Tensor], sourceFactor: Double
  ) {
    foreachMul(targets, factor)
    two("foreach_add", targets, sources) {
      ct_foreach_add($0, $1, targets.count, sourceFactor)
    }
  }

  /// `targets += value`.
  package static func foreachAdd(_ targets: [Tensor], _ value: Double) {
    guard !targets.isEmpty else { return }
    let status = Tensor.withHandles(targets) { ct_foreach_add_scalar($0, targets.count, value) }
    Tensor.check("foreach_add", targets, status)
  }

  /// `targets *= factor`.
  package static func foreachMul(_ targets: [Tensor], _ factor: Double) {
    guard !targets.isEmpty else { return }
    let status = Tensor.withHandles(targets) { ct_foreach_mul($0, targets.count, factor) }
    Tensor.check("foreach_mul", targets, status)
  }

  /// `targets = 0`.
  package static func foreachZero(_ targets: [Tensor]) {
    guard !targets.isEmpty else { return }
    let status = Tensor.withHandles(targets) { ct_foreach_zero($0, targets.count) }
    Tensor.check("foreach_zero", targets, status)
  }

  /// `targets = sources`, converting dtypes.
  package static func foreachCopy(_ targets: [Tensor], _ sources: [Tensor]) {
    two("foreach_copy", targets, sources) { ct_foreach_copy($0, $1, targets.count) }
  }

  /// The Euclidean norm of all gradients together, as a tensor of no axes.
  ///
  /// Traps: if the list is empty.
  package static func gradNorm(_ gradients: [Tensor]) -> Tensor {
    precondition(!gradients.isEmpty, "gradNorm needs at least one gradient")
    return Tensor("total_norm", Array(gradients.prefix(1))) { out in
      Tensor.withHandles(gradients) { ct_total_norm($0, gradients.count, out) }
    }
  }

  private static func two(
    _ op: StaticString, _ targets: [Tensor], _ sources: [Tensor],
    _ body: (UnsafePointer<OpaquePointer?>, UnsafePointer<OpaquePointer?>) -> Int32
  ) {
    precondition(
      targets.count == sources.count,
      "\(op) needs lists of one length, not \(targets.count) and \(sources.count)")
    guard !targets.isEmpty else { return }
    let status = Tensor.withHandles(targets) { targets in
      Tensor.withHandles(sources) { body(targets, $0) }
    }
    Tensor.check(op, targets + sources, status)
  }
}
