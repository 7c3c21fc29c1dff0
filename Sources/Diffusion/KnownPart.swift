public import Torch

/// How often denoising goes back, so that generated and known parts come to agree.
///
/// Denoising the first `length` steps' worth of noise and adding it again is one jump. A stretch of
/// steps is passed `1 + count` times, the noisiest stretch once, so there are at most `1 + count`
/// times as many steps.
///
/// Source: Lugmayr et al. 2022 (RePaint), 4.2 and appendix B; diffusers `RePaintScheduler`, whose
/// `jump_n_sample` is `1 + count`.
public struct ResamplingJumps: Sendable, Equatable {
  /// How often each stretch is noised and denoised again; 0 goes straight through.
  public var count: Int
  /// Steps in a stretch.
  public var length: Int

  /// Groups the two.
  ///
  /// - Precondition: `count` is not negative, and `length` at least 1.
  public init(count: Int, length: Int = 1) {
    precondition(count >= 0 && length >= 1, "\(count) jumps over \(length) steps")
    self.count = count
    self.length = length
  }

  /// Returns the steps that are taken in all where `steps` would be without going back.
  public func stepCount(of steps: Int) -> Int {
    visits(of: steps).count { if case .step = $0 { true } else { false } }
  }

  /// What happens next: a sampler's step, or noise that leads back to where a step begins.
  enum Visit: Equatable {
    case step(Int)
    case jump(to: Int)
  }

  /// Returns the visits of `stepCount` steps, in order.
  func visits(of stepCount: Int) -> [Visit] {
    var jumpsLeft: [Int: Int] = [:]
    for left in stride(from: 0, to: stepCount - length, by: length) { jumpsLeft[left] = count }
    var visits: [Visit] = []
    var left = stepCount
    while left > 0 {
      left -= 1
      visits.append(.step(stepCount - 1 - left))
      guard let jumps = jumpsLeft[left], jumps > 0 else { continue }
      jumpsLeft[left] = jumps - 1
      left += length
      visits.append(.jump(to: stepCount - left))
    }
    return visits
  }
}

/// The part of a sample that is known and stays, while the rest is generated around it.
///
/// After each step the known elements are replaced by the clean ones, noised to the level that the
/// step has reached: `x ← m q(x_t | x_0) + (1 − m) x`. The result holds them as they are.
///
/// Source: Lugmayr et al. 2022 (RePaint), algorithm 1.
public struct KnownPart {
  /// The clean sample, `[1 or B, C, …]`.
  public let start: Tensor
  /// 1 where an element is known, 0 where it is generated; broadcasts with the sample.
  public let mask: Tensor
  /// The noising process, whose timesteps the sampler visits.
  public let process: GaussianDiffusion
  /// How often denoising goes back.
  public let resampling: ResamplingJumps

  /// Groups them.
  public init(
    start: Tensor, mask: Tensor, process: GaussianDiffusion, resampling: ResamplingJumps
  ) {
    self.start = start.asSamplingType
    self.mask = mask.to(self.start.dtype)
    self.process = process
    self.resampling = resampling
  }

  /// Returns the sample with the known elements as they are at a timestep; nil is the clean end.
  ///
  /// - Precondition: noise is given for a timestep.
  func kept(in sample: Tensor, at timestep: Int?, noise: Tensor?) -> Tensor {
    var known = start
    if let timestep {
      guard let noise else { preconditionFailure("known elements at \(timestep) need noise") }
      known = process.noised(start, at: [timestep], noise: noise)
    }
    return known * mask + sample * (1 - mask)
  }

  /// Noises a sample from one timestep, nil for a clean one, up to a later one.
  func jumped(_ sample: Tensor, from timestep: Int?, to later: Int, noise: Tensor) -> Tensor {
    let bars = process.schedule.alphaBars
    let ratio = bars[later] / (timestep.map { bars[$0] } ?? 1)
    return sample * ratio.squareRoot() + noise * (1 - ratio).squareRoot()
  }
}

/// A clean sample that sampling starts from, or of which a part stays.
///
/// At a strength below 1 sampling starts from the sample, noised to that fraction of the process,
/// and takes its steps over that fraction alone: the result stays near. At strength 1 it starts
/// from noise, so that only what is known matters.
///
/// Source: Meng et al. 2022 (SDEdit), algorithm 1; Lugmayr et al. 2022 (RePaint).
public struct GivenSample {
  /// The clean sample, `[1 or B, C, …]`.
  public var start: Tensor
  /// The fraction of the process that is run, in (0, 1].
  public var strength: Double
  /// 1 where an element stays, 0 where it is generated; nil generates all.
  public var known: Tensor?
  /// How often denoising goes back for what is known.
  public var resampling: ResamplingJumps

  /// Groups them.
  ///
  /// - Precondition: `strength` lies in (0, 1].
  public init(
    _ start: Tensor, strength: Double = 1, known: Tensor? = nil,
    resampling: ResamplingJumps = ResamplingJumps(count: 0)
  ) {
    precondition(strength > 0 && strength <= 1, "the strength \(strength) is not in (0, 1]")
    self.start = start
    self.strength = strength
    self.known = known
    self.resampling = resampling
  }
}
