import CTorch

extension F {
  /// How a loss of many elements is reduced to a scalar.
  public enum Reduction: Int, Sendable {
    // The raw values are those of LibTorch's Reduction.
    /// Not reduced.
    case none = 0
    /// Their mean.
    case mean = 1
    /// Their sum.
    case sum = 2
  }

  /// Returns the squared difference.
  public static func mseLoss(
    _ x: Tensor, _ target: Tensor, reduction: Reduction = .mean
  ) -> Tensor {
    .binary("mse_loss", x, target) { ct_mse_loss($0, $1, reduction.rawValue, $2) }
  }

  /// Returns the absolute difference.
  public static func l1Loss(
    _ x: Tensor, _ target: Tensor, reduction: Reduction = .mean
  ) -> Tensor {
    .binary("l1_loss", x, target) { ct_l1_loss($0, $1, reduction.rawValue, $2) }
  }

  /// Computes d² / (2 beta) for differences below beta, d - beta / 2 above.
  public static func smoothL1Loss(
    _ x: Tensor, _ target: Tensor, beta: Double = 1, reduction: Reduction = .mean
  ) -> Tensor {
    .binary("smooth_l1_loss", x, target) {
      ct_smooth_l1_loss($0, $1, reduction.rawValue, beta, $2)
    }
  }

  /// Computes d² / 2 for differences below delta, delta * (d - delta / 2) above.
  public static func huberLoss(
    _ x: Tensor, _ target: Tensor, delta: Double = 1, reduction: Reduction = .mean
  ) -> Tensor {
    .binary("huber_loss", x, target) { ct_huber_loss($0, $1, reduction.rawValue, delta, $2) }
  }

  /// Returns the negative log probability of the target under the softmax of the logits.
  ///
  /// Shapes: logits `[B, K, ...]`, target `[B, ...]` int64 classes, or probabilities in the shape
  /// of the logits.
  public static func crossEntropy(
    _ logits: Tensor, _ target: Tensor, labelSmoothing: Double = 0, reduction: Reduction = .mean
  ) -> Tensor {
    .binary("cross_entropy", logits, target) {
      ct_cross_entropy($0, $1, reduction.rawValue, labelSmoothing, $2)
    }
  }

  /// Returns the negative log probability of the target.
  ///
  /// Shapes: `[B, K]` log probabilities, target `[B]` int64.
  public static func nllLoss(
    _ logChances: Tensor, _ target: Tensor, reduction: Reduction = .mean
  ) -> Tensor {
    .binary("nll_loss", logChances, target) { ct_nll_loss($0, $1, reduction.rawValue, $2) }
  }

  /// Returns the cross entropy between the target and the sigmoid of the logits, without overflow.
  public static func binaryCrossEntropyWithLogits(
    _ logits: Tensor, _ target: Tensor, reduction: Reduction = .mean
  ) -> Tensor {
    .binary("binary_cross_entropy_with_logits", logits, target) {
      ct_binary_cross_entropy_with_logits($0, $1, reduction.rawValue, $2)
    }
  }

  /// Computes target * (log(target) - x), where x holds log probabilities.
  public static func klDivergence(
    _ x: Tensor, _ target: Tensor, targetIsLog: Bool = false, reduction: Reduction = .mean
  ) -> Tensor {
    .binary("kl_div", x, target) { ct_kl_div($0, $1, reduction.rawValue, targetIsLog, $2) }
  }
}
