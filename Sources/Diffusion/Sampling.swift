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
  /// Steps taken, with this one: `index + 1` unless denoising has gone back.
  public internal(set) var number: Int
  /// Steps in all; nil where a sampler's step stands alone.
  public internal(set) var count: Int?

  /// Groups the results of a step.
  public init(next: Tensor, predictedStart: Tensor, index: Int, timestep: Int) {
    self.next = next
    self.predictedStart = predictedStart
    self.index = index
    self.timestep = timestep
    number = index + 1
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
  denoise(sample, with: sampler, using: randoms, keeping: nil, model: model)
}

/// Denoises around the part of the sample that is known.
///
/// - Precondition: there are 1 or B sources.
public func denoise(
  _ sample: Tensor, with sampler: any Sampler, using randoms: [RandomSource],
  keeping known: KnownPart?, model: @escaping (_ sample: Tensor, _ timestep: Int) -> Tensor
) -> Denoising {
  Denoising(
    sample: sample.asSamplingType, sampler: sampler, randoms: randoms, known: known, model: model)
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
  private let freshSampler: any Sampler
  private let randoms: [RandomSource]
  private let known: KnownPart?
  private let model: (Tensor, Int) -> Tensor
  private let visits: [ResamplingJumps.Visit]
  private var position = 0
  private var number = 0
  /// Where the next step begins.
  private var level = 0

  init(
    sample: Tensor, sampler: any Sampler, randoms: [RandomSource], known: KnownPart?,
    model: @escaping (Tensor, Int) -> Tensor
  ) {
    self.sample = sample
    self.sampler = sampler
    freshSampler = sampler
    self.randoms = randoms
    self.known = known
    self.model = model
    let count = sampler.timesteps.count
    visits = known?.resampling.visits(of: count) ?? (0..<count).map { .step($0) }
    stepCount = known?.resampling.stepCount(of: count) ?? count
    if let known, count > 0 {
      self.sample = noGrad {
        known.kept(in: sample, at: sampler.timesteps[0], noise: Self.noise(like: sample, randoms))
      }
    }
  }

  /// The number of steps in all.
  public let stepCount: Int

  /// Computes the next step; nil after the last.
  public mutating func next() -> StepOutput? {
    while position < visits.count {
      let visit = visits[position]
      position += 1
      switch visit {
      case .step(let index): return step(index)
      case .jump(let earlier): jump(to: earlier)
      }
    }
    return nil
  }

  private mutating func step(_ index: Int) -> StepOutput {
    let after = timestep(index + 1)
    var step = noGrad {
      let output = model(sample, sampler.timesteps[index])
      // One pixel is either known or generated, so both may use one noise.
      let noise =
        sampler.drawsNoise(at: index) || (known != nil && after != nil)
        ? Self.noise(like: sample, randoms) : nil
      let step = sampler.step(
        output, at: index, from: sample, noise: sampler.drawsNoise(at: index) ? noise : nil)
      guard let known else { return step }
      return StepOutput(
        next: known.kept(in: step.next, at: after, noise: noise),
        predictedStart: known.kept(in: step.predictedStart, at: nil, noise: nil),
        index: index, timestep: step.timestep)
    }
    sample = step.next
    level = index + 1
    number += 1
    step.number = number
    step.count = stepCount
    return step
  }

  /// Noises the sample back to where an earlier step begins; the sampler forgets the steps between.
  private mutating func jump(to earlier: Int) {
    guard let known, let later = timestep(earlier) else { return }
    sample = noGrad {
      known.jumped(
        sample, from: timestep(level), to: later, noise: Self.noise(like: sample, randoms))
    }
    sampler = freshSampler
    level = earlier
  }

  /// The timestep at which the step `index` begins; nil after the last.
  private func timestep(_ index: Int) -> Int? {
    index < sampler.timesteps.count ? sampler.timesteps[index] : nil
  }

  private static func noise(like sample: Tensor, _ randoms: [RandomSource]) -> Tensor {
    normalNoise(sample.shape, dtype: sample.dtype, device: sample.device, using: randoms)
  }

  /// Computes all remaining steps and returns the result, x_0.
  public mutating func finish() -> Tensor {
    while next() != nil {}
    return sample
  }
}
