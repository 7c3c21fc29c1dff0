import Config
public import Torch

/// A noisy sample as the input of a network.
public struct NoisedSample {
  /// The sample, `[B, C, …]`, in the type of sampling.
  public internal(set) var sample: Tensor
  /// The timestep of each row in the training process, `[B]`.
  public let timesteps: Tensor
  /// Whether this is the last step of sampling; false in training.
  public let isLastStep: Bool
  /// Where the sample lies in a larger one; nil where it is whole.
  public internal(set) var window: Windows.Window?
}

/// A network with its conditioning: what it predicts of a noised sample, `[B, C or 2C, …]`.
public typealias Denoiser = (NoisedSample) -> Tensor

/// The sampling settings of one stage.
public struct StageSampling: Sendable, Equatable {
  /// The number of denoising steps.
  public var steps: Int
  /// The guidance scale; 1 is none.
  public var guidance: Double
  /// How far the guided prediction's deviation is pulled back to the conditional's, 0 to 1.
  public var guidanceRescale: Double
  /// The fractions of the process between which guidance acts: 0 is all noise, 1 the result.
  public var guidanceInterval: ClosedRange<Double>
  /// How the predicted start is bounded.
  public var threshold: ThresholdKind
  /// The sampler.
  public var sampler: SamplerKind
  /// The variance estimated for the network, which ``SamplerKind/analytic`` needs.
  public var analyticVariance: AnalyticVariance?
  /// DDIM: the noise of a step, 0 (none) to 1 (as much as ancestral sampling).
  public var eta: Double

  /// Groups the settings.
  public init(
    steps: Int, guidance: Double = 1, guidanceRescale: Double = 0,
    guidanceInterval: ClosedRange<Double> = 0...1, threshold: ThresholdKind = .model,
    sampler: SamplerKind = .ddpm, eta: Double = 0
  ) {
    self.guidanceInterval = guidanceInterval
    self.threshold = threshold
    self.steps = steps
    self.guidance = guidance
    self.guidanceRescale = guidanceRescale
    self.sampler = sampler
    self.eta = eta
  }
}

extension StageSampling {
  /// Whether guidance acts where a fraction of the process is done.
  ///
  /// Source: Kynkäänniemi et al. 2024, "Applying guidance in a limited interval".
  package func guides(at fraction: Double) -> Bool {
    guidance != 1 && guidanceInterval.contains(fraction)
  }
}

/// A conditional diffusion model: a prior, a decoder or an upsampler.
///
/// A stage defines its process and how its network is conditioned, in training and in sampling.
/// Timesteps, noise, loss, guidance and the denoising loop are the same for all and written here.
/// Source: DDPM; IDDPM; Ho and Salimans 2022.
public protocol DiffusionStage {
  /// What a sample is conditioned on.
  associatedtype Conditioning
  /// What a training batch is conditioned on, and how often that is dropped.
  associatedtype TrainingConditioning

  /// The process and how it is sampled, as in its file.
  var scheduler: SchedulerConfig { get }
  /// The noising process of ``scheduler``.
  var process: GaussianDiffusion { get }

  /// Returns the network conditioned for a training batch.
  ///
  /// - Parameters:
  ///   - conditioning: What the batch is conditioned on.
  ///   - random: Decides for which rows the conditioning is dropped.
  func trainingDenoiser(
    _ conditioning: TrainingConditioning, using random: RandomSource
  ) -> Denoiser

  /// Returns the network conditioned for sampling; what does not change between steps is computed
  /// here.
  ///
  /// - Parameters:
  ///   - conditioning: What all samples are conditioned on.
  ///   - rows: The number of samples.
  ///   - isGuided: Whether the denoiser is given every sample twice, the unconditional half first.
  func denoiser(_ conditioning: Conditioning, rows: Int, isGuided: Bool) -> Denoiser

  /// Brings the last step's sample into the stage's range.
  func finished(_ sample: Tensor) -> Tensor
}

extension DiffusionStage {
  /// Returns the last step's sample unchanged.
  public func finished(_ sample: Tensor) -> Tensor { sample }

  /// The loss of a batch: a timestep and noise are sampled for each row, in this order, before
  /// the conditioning's random numbers.
  ///
  /// Shapes: `start` `[B, C, …]`.
  /// - Parameters:
  ///   - start: The clean samples.
  ///   - conditioning: What they are conditioned on.
  ///   - weighting: The weight of each timestep.
  ///   - offsetNoise: The deviation of noise that all positions of a channel share.
  ///   - random: The source of all random numbers.
  public func loss(
    of start: Tensor, _ conditioning: TrainingConditioning, weighting: LossWeighting = .uniform,
    offsetNoise: Double = 0, using random: RandomSource
  ) -> DiffusionLosses {
    let timesteps = random.integers(in: 0..<process.schedule.stepCount, [start.dim(0)])
    let steps = timesteps.array(of: Int64.self).map(Int.init)
    let noise = offset(
      random.normal(start.shape, device: start.device), by: offsetNoise, using: random)
    let denoiser = trainingDenoiser(conditioning, using: random)
    let sample = process.noised(start, at: steps, noise: noise)
    let output = denoiser(
      NoisedSample(sample: sample, timesteps: timesteps.to(start.device), isLastStep: false))
    return process.trainingLosses(
      output, start: start, sample: sample, noise: noise, at: steps, weighting: weighting)
  }

  /// Denoises `noise` to samples of one conditioning.
  ///
  /// Shapes: `noise` `[B, C, …]`, kept.
  /// - Parameters:
  ///   - noise: Where denoising starts.
  ///   - conditioning: What all samples are conditioned on.
  ///   - sampling: Steps, guidance and sampler.
  ///   - given: A clean sample to start from, or to keep a part of.
  ///   - windows: The windows that the network sees of a larger sample; nil shows it the whole.
  ///   - random: The source of the noise that steps add.
  ///   - onStep: Called after each step; what it throws ends the sampling.
  /// - Throws: `ConfigError` when the process cannot be sampled so, and what `onStep` throws.
  public func sample(
    from noise: Tensor, _ conditioning: Conditioning, sampling: StageSampling,
    given: GivenSample? = nil, windows: Windows? = nil, using random: RandomSource,
    onStep: (StepOutput) throws -> Void = { _ in }
  ) throws -> Tensor {
    let sampler = try scheduler.sampler(for: sampling, strength: given?.strength ?? 1)
    let failure = Windows.Failure()
    func denoiser(isGuided: Bool) -> Denoiser {
      let whole = noGrad { self.denoiser(conditioning, rows: noise.dim(0), isGuided: isGuided) }
      return windows?.blended(whole, failure) ?? whole
    }
    let isGuided = { [trainStepCount = scheduler.trainStepCount] (timestep: Int) in
      sampling.guides(at: 1 - Double(timestep + 1) / Double(trainStepCount))
    }
    let guides = sampler.timesteps.map(isGuided)
    let plain = guides.contains(false) ? denoiser(isGuided: false) : nil
    let double = guides.contains(true) ? denoiser(isGuided: true) : nil
    func check(_ step: StepOutput) throws {
      if let error = failure.error { throw error }
      try onStep(step)
    }
    var start = noise
    var known: KnownPart?
    if let given {
      let process = scheduler.diffusion(.float32Reference)
      if given.strength < 1 {
        start = process.noised(given.start, at: [sampler.timesteps[0]], noise: noise)
      }
      known = given.known.map {
        KnownPart(
          start: given.start, mask: $0, process: process, resampling: given.resampling)
      }
    }
    return try finished(
      walk(
        from: start, with: sampler, using: random, keeping: known, onStep: check
      ) { sample, timestep in
        guard isGuided(timestep), let double else {
          guard let plain else { preconditionFailure("timestep \(timestep) has no denoiser") }
          return plain(NoisedSample(sample, timestep: timestep))
        }
        let output = double(
          NoisedSample(Tensor.concatenated([sample, sample], over: 0), timestep: timestep))
        return guided(
          halves: output, scale: sampling.guidance, channels: sample.dim(1),
          rescale: sampling.guidanceRescale)
      })
  }

  /// The noise from which DDIM of the same sampling, without guidance and added noise, reproduces
  /// `start`: DDIM inversion.
  ///
  /// Shapes: `start` `[B, C, …]`, kept.
  /// Source: Song et al. 2020, 4.3; unCLIP 3.
  /// - Parameters:
  ///   - start: The clean sample.
  ///   - conditioning: What it is conditioned on.
  ///   - sampling: Steps and threshold; the rest has no influence.
  ///   - onStep: Called after each step; what it throws ends the inversion.
  /// - Throws: `ConfigError` when the process has fewer steps, and what `onStep` throws.
  public func noise(
    of start: Tensor, _ conditioning: Conditioning, sampling: StageSampling,
    onStep: (StepOutput) throws -> Void = { _ in }
  ) throws -> Tensor {
    let inversion = try scheduler.inversion(for: sampling)
    let denoiser = noGrad { self.denoiser(conditioning, rows: start.dim(0), isGuided: false) }
    // No step samples noise, so the source's seed has no effect.
    return try walk(
      from: start, with: inversion, using: RandomSource(seed: 0), onStep: onStep
    ) { sample, timestep in
      denoiser(NoisedSample(sample, timestep: timestep))
    }
  }

  private func walk(
    from start: Tensor, with sampler: any Sampler, using random: RandomSource,
    keeping known: KnownPart? = nil, onStep: (StepOutput) throws -> Void,
    model: @escaping (Tensor, Int) -> Tensor
  ) throws -> Tensor {
    var sample = start
    for step in denoise(start, with: sampler, using: [random], keeping: known, model: model) {
      sample = step.next
      try onStep(step)
    }
    return sample
  }
}

/// Adds noise that all positions of a channel share, so that training also changes an image's mean
/// brightness, which independent noise hardly does: `[B, C, …] -> [B, C, …]`.
///
/// Source: Guttenberg 2023, "Diffusion with offset noise".
func offset(_ noise: Tensor, by deviation: Double, using random: RandomSource) -> Tensor {
  guard deviation > 0 else { return noise }
  let shape = Array(noise.shape.prefix(2)) + Array(repeating: 1, count: max(0, noise.rank - 2))
  return noise + random.normal(shape, device: noise.device) * deviation
}

extension NoisedSample {
  /// Rows at one timestep of sampling.
  init(_ sample: Tensor, timestep: Int) {
    self.init(
      sample: sample,
      timesteps: Tensor.full([sample.dim(0)], Double(timestep), device: sample.device),
      isLastStep: timestep == 0)
  }
}
