public import Torch

extension Tensor {
  /// The type of sampling: float32, or float64 where the tensor already is.
  var samplingDType: DType { dtype == .float64 ? .float64 : .float32 }

  /// The tensor in the type of sampling.
  var asSamplingType: Tensor { dtype == samplingDType ? self : to(samplingDType) }
}

/// One reverse step's result.
public struct StepOutput {
  /// The sample at the next timestep visited; after the last step, the result. Shapes: as the
  /// sample.
  public let next: Tensor
  /// x_0 as predicted at this step, after thresholding: a preview of the result.
  public let predictedStart: Tensor
  /// Position among the sampler's timesteps, from 0.
  public let index: Int
  /// The timestep of the original process this step started from.
  public let timestep: Int

  /// Groups the results of a step.
  public init(next: Tensor, predictedStart: Tensor, index: Int, timestep: Int) {
    self.next = next
    self.predictedStart = predictedStart
    self.index = index
    self.timestep = timestep
  }
}

/// A rule that carries a sample from one timestep to the next.
///
/// A sampler is a value: copying it copies its state, so a copy restarts from there.
public protocol Sampler {
  /// Timesteps of the original process, in sampling order.
  var timesteps: [Int] { get }

  /// Returns whether ``step(_:at:from:noise:)`` at `index` needs noise.
  func drawsNoise(at index: Int) -> Bool

  /// Carries `sample` from `timesteps[index]` to the next timestep, or to the result.
  ///
  /// Shapes: `output` `[B, C or 2C, …]`; `sample` and `noise` `[B, C, …]`.
  /// - Precondition: noise is given where ``drawsNoise(at:)`` asks for it.
  mutating func step(
    _ output: Tensor, at index: Int, from sample: Tensor, noise: Tensor?
  ) -> StepOutput
}

/// Returns the steps of a sampler from `sample` on, as a lazy sequence.
///
/// ```swift
/// for step in denoise(latents, with: sampler, using: random, model: network) {
///   latents = step.next
/// }
/// ```
///
/// Progress, previews and cancellation are the caller's loop. The model runs without gradients
/// and is given the timestep of the original process; noise is sampled after it has run, in
/// the order of diffusers, and only for steps that use it.
/// Shapes: `sample` `[B, C, …]`; the model's output `[B, C or 2C, …]`.
public func denoise(
  _ sample: Tensor, with sampler: any Sampler, using random: RandomSource,
  model: @escaping (_ sample: Tensor, _ timestep: Int) -> Tensor
) -> Denoising {
  denoise(sample, with: sampler, using: [random], model: model)
}

/// Denoises with a random source for each row, so that a row does not depend on the rest of the
/// batch.
///
/// - Precondition: there are 1 or B sources.
public func denoise(
  _ sample: Tensor, with sampler: any Sampler, using randoms: [RandomSource],
  model: @escaping (_ sample: Tensor, _ timestep: Int) -> Tensor
) -> Denoising {
  Denoising(sample: sample.asSamplingType, sampler: sampler, randoms: randoms, model: model)
}

/// Normal noise, sampled whole from one source, or each row from its own source.
///
/// - Precondition: there is one source, or one for each row.
public func normalNoise(
  _ shape: [Int], dtype: DType = .float32, device: Device = .cpu, using randoms: [RandomSource]
) -> Tensor {
  if randoms.count == 1 { return randoms[0].normal(shape, dtype: dtype, device: device) }
  precondition(
    randoms.count == shape[0], "\(randoms.count) random sources for \(shape[0]) rows")
  let row = [1] + shape.dropFirst()
  return Tensor.concatenated(
    randoms.map { $0.normal(row, dtype: dtype, device: device) }, over: 0)
}

/// The sequence that `denoise(_:with:using:model:)` returns, for one pass.
public struct Denoising: Sequence, IteratorProtocol {
  private var sample: Tensor
  private var sampler: any Sampler
  private let randoms: [RandomSource]
  private let model: (Tensor, Int) -> Tensor
  private var index = 0

  init(
    sample: Tensor, sampler: any Sampler, randoms: [RandomSource],
    model: @escaping (Tensor, Int) -> Tensor
  ) {
    self.sample = sample
    self.sampler = sampler
    self.randoms = randoms
    self.model = model
  }

  /// The number of steps in all.
  public var stepCount: Int { sampler.timesteps.count }

  /// Computes the next step; nil after the last.
  public mutating func next() -> StepOutput? {
    guard index < stepCount else { return nil }
    let step = noGrad {
      let output = model(sample, sampler.timesteps[index])
      let noise =
        sampler.drawsNoise(at: index)
        ? normalNoise(sample.shape, dtype: sample.dtype, device: sample.device, using: randoms)
        : nil
      return sampler.step(output, at: index, from: sample, noise: noise)
    }
    sample = step.next
    index += 1
    return step
  }

  /// Computes all remaining steps and returns the result, x_0.
  public mutating func finish() -> Tensor {
    while next() != nil {}
    return sample
  }
}
