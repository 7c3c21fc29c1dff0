public import Torch

/// Normalises groups of channels of each sample: `[B, C, …] -> [B, C, …]`.
///
/// Source: PyTorch `nn.GroupNorm` and its keys.
public final class GroupNorm: UnaryLayer {
  /// `[C]`, one at first.
  public let weight: Parameter
  /// `[C]`, zero at first.
  public let bias: Parameter
  private let groups: Int
  private let epsilon: Double

  /// Makes a layer.
  ///
  /// - Precondition: `groups` divides `channels`.
  public init(_ groups: Int, _ channels: Int, epsilon: Double = 1e-5) {
    precondition(
      groups > 0 && channels % groups == 0, "\(groups) groups do not divide \(channels) channels")
    weight = Parameter([channels], filledWith: 1)
    bias = Parameter([channels], filledWith: 0)
    self.groups = groups
    self.epsilon = epsilon
  }

  /// Gives each group mean 0 and variance 1, then scales and shifts by channel.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    F.groupNorm(x, groups: groups, weight.value, bias.value, epsilon: epsilon)
  }

  /// Normalises `x` and applies SiLU; each image's channels may first be shifted by `offset`
  /// `[B, C]`, and afterwards scaled and shifted by `modulation` `[B, 2C]`.
  public func thenSiLU(_ x: Tensor, offset: Tensor? = nil, modulation: Tensor? = nil) -> Tensor {
    F.groupNorm(
      x, groups: groups, weight.value, bias.value, offset: offset, modulation: modulation,
      epsilon: epsilon, silu: true)
  }
}

/// Normalises the last axis: `[…, width] -> […, width]`.
///
/// Source: PyTorch `nn.LayerNorm` and its keys.
public final class LayerNorm: UnaryLayer {
  /// `[width]`, one at first.
  public let weight: Parameter
  /// `[width]`, zero at first.
  public let bias: Parameter?
  private let epsilon: Double

  /// Makes a layer, with a shift unless `bias` is false.
  public init(_ width: Int, epsilon: Double = 1e-5, bias: Bool = true) {
    weight = Parameter([width], filledWith: 1)
    self.bias = bias ? Parameter([width], filledWith: 0) : nil
    self.epsilon = epsilon
  }

  /// Gives each vector mean 0 and variance 1, then scales and shifts.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    F.layerNorm(
      x, normalizedShape: weight.shape, weight.value, bias?.value, epsilon: epsilon)
  }
}

/// Normalises each channel over the batch: `[B, C, H, W] -> [B, C, H, W]`.
///
/// In training by the batch's own mean and variance, which it averages; in evaluation by the
/// averages.
/// Source: PyTorch `nn.BatchNorm2d` and its keys.
public final class BatchNorm2d: UnaryLayer, TrainingSwitch, BatchDependent {
  /// `[C]`, one at first.
  public let weight: Parameter
  /// `[C]`, zero at first.
  public let bias: Parameter
  /// `[C]`, the averaged mean.
  public let runningMean: Buffer
  /// `[C]`, the averaged variance.
  public let runningVariance: Buffer
  /// `[]` int64, the number of batches seen.
  public let numBatchesTracked: Buffer
  /// PyTorch's key where it is not the property's name.
  public static let keys = ["runningVariance": "running_var"]
  private let epsilon: Double
  private let momentum: Double
  /// Whether the batch's own statistics are used.
  public var isTraining = true
  /// Gathers the statistics of the rows that other processes have.
  public var gather: ((Tensor) -> Tensor)?

  /// Makes a layer; `momentum` is the weight of the newest batch in the averages.
  public init(_ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1) {
    weight = Parameter([channels], filledWith: 1)
    bias = Parameter([channels], filledWith: 0)
    runningMean = Buffer([channels], filledWith: 0)
    runningVariance = Buffer([channels], filledWith: 1)
    numBatchesTracked = Buffer([], filledWith: 0, dtype: .int64)
    self.epsilon = epsilon
    self.momentum = momentum
  }

  /// Gives each channel mean 0 and variance 1, then scales and shifts.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    if isTraining {
      numBatchesTracked.value.copy(from: numBatchesTracked.value + 1)
      if let gather { return normalized(x, by: gather) }
    }
    return F.batchNorm(
      x, runningMean: runningMean.value, runningVariance: runningVariance.value,
      weight.value, bias.value, training: isTraining, momentum: momentum, epsilon: epsilon)
  }

  /// Normalises by the mean and variance of all processes' rows.
  private func normalized(_ x: Tensor, by gather: (Tensor) -> Tensor) -> Tensor {
    let channels = x.dim(1)
    /// Sums over all but the channels of all rows, `[1, C, 1, 1]`.
    func total(_ values: Tensor) -> Tensor {
      gather(values.sum(over: [0, 2, 3]).unsqueezed(0)).sum(over: 0).reshaped(1, channels, 1, 1)
    }
    let elements = Double(x.count / channels)
    let count = gather(Tensor([elements], shape: [1])).sum().item()
    let wide = x.to(runningMean.value.dtype)
    let mean = total(wide) / count
    let centred = wide - mean
    let variance = total(centred.square()) / count
    noGrad {
      let unbiased = variance.flattened() * (count / max(1, count - 1))
      runningMean.value.copy(
        from: runningMean.value.interpolated(to: mean.detached().flattened(), momentum))
      runningVariance.value.copy(
        from: runningVariance.value.interpolated(to: unbiased.detached(), momentum))
    }
    let scale = weight.value.reshaped(1, channels, 1, 1) * (variance + epsilon).rsqrt()
    return (centred * scale + bias.value.reshaped(1, channels, 1, 1)).to(x.dtype)
  }
}
