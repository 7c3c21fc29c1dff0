public import Torch

/// The optimal variance of a reverse step, given the mean that a network predicts.
///
/// It needs one value per timestep, the second moment of the predicted start's error,
/// E‖x_0 − x̂_0(x_t, t)‖² / d over training data. For a perfect network that is
/// (1 − ᾱ_t) / ᾱ_t · (1 − Γ_t), with the second moment Γ_t = E‖ε̂‖² / d of the predicted noise that
/// Analytic-DPM is written with; for an imperfect one the error gives the optimum, and it keeps its
/// digits where ᾱ_t is almost 0.
///
/// Source: Bao et al. 2022, Analytic-DPM, theorem 1; Bao et al. 2022, "Estimating the optimal
/// covariance with imperfect mean in diffusion probabilistic models".
public struct AnalyticVariance: Sendable, Equatable {
  /// E‖x_0 − x̂_0‖² / d for each timestep of the original process.
  public let startErrors: [Double]

  /// Makes the variance from the errors of the predicted start.
  public init(startErrors: [Double]) { self.startErrors = startErrors }

  /// Makes the variance from the second moments of the predicted noise, one for each timestep of
  /// `schedule`.
  ///
  /// - Parameters:
  ///   - noiseMoments: Γ; values above 1, which a perfect network has not, are taken as 1.
  ///   - schedule: The process.
  ///   - dataVariance: The largest error: 1 for data in [-1, 1].
  /// - Precondition: There is a moment for each timestep.
  public init(noiseMoments: [Double], schedule: NoiseSchedule, dataVariance: Double = 1) {
    precondition(
      noiseMoments.count == schedule.stepCount,
      "\(noiseMoments.count) moments for \(schedule.stepCount) timesteps")
    startErrors = zip(noiseMoments, schedule.alphaBars).map { moment, bar in
      min((1 - bar) / bar * max(1 - moment, 0), dataVariance)
    }
  }

  /// Computes σ² of the step from ᾱ to the previous, larger one.
  public func variance(
    alphaBar: Double, previousAlphaBar: Double, startError: Double
  ) -> Double {
    let skipBeta = 1 - alphaBar / previousAlphaBar
    let noise = 1 - alphaBar
    return skipBeta * (1 - previousAlphaBar) / noise
      + previousAlphaBar * skipBeta * skipBeta / (noise * noise) * startError
  }
}

/// Estimates a second moment for each timestep over batches; timesteps without a batch are
/// interpolated between their neighbours.
public struct SecondMomentEstimate {
  private var sums: [Double]
  private var counts: [Int]

  /// Starts an estimate for a process of `stepCount` steps.
  public init(stepCount: Int) {
    sums = Array(repeating: 0, count: stepCount)
    counts = Array(repeating: 0, count: stepCount)
  }

  /// Adds the mean square of each row. Shapes: `values` `[B, …]`, a timestep for each row.
  public mutating func add(_ values: Tensor, at timesteps: [Int]) {
    precondition(
      timesteps.count == values.dim(0), "\(timesteps.count) timesteps, \(values.dim(0)) rows")
    let rows = values.detached().asSamplingType.reshaped([values.dim(0), -1])
    let moments = rows.square().mean(over: 1).array(of: Double.self)
    for (t, moment) in zip(timesteps, moments) {
      sums[t] += moment
      counts[t] += 1
    }
  }

  /// The estimates so far; nil before the first batch.
  public var secondMoments: [Double]? {
    let seen = counts.indices.filter { counts[$0] > 0 }
    guard !seen.isEmpty else { return nil }
    return Self.interpolated(
      seen.map { (timestep: $0, moment: sums[$0] / Double(counts[$0])) }, stepCount: counts.count)
  }

  /// Returns a moment for each of `stepCount` timesteps from those of some: straight lines between
  /// them, and the nearest beyond the first and the last.
  ///
  /// - Precondition: There are some, and their timesteps ascend within `0 ..< stepCount`.
  public static func interpolated(
    _ some: [(timestep: Int, moment: Double)], stepCount: Int
  ) -> [Double] {
    guard let first = some.first, let last = some.last else {
      preconditionFailure("moments of no timestep cannot be interpolated")
    }
    precondition(
      first.timestep >= 0 && last.timestep < stepCount
        && zip(some, some.dropFirst()).allSatisfy { $0.timestep < $1.timestep },
      "timesteps of moments do not ascend within 0 ..< \(stepCount)")
    var moments = Array(repeating: first.moment, count: stepCount)
    for (low, high) in zip(some, some.dropFirst()) {
      for t in low.timestep...high.timestep {
        let fraction = Double(t - low.timestep) / Double(high.timestep - low.timestep)
        moments[t] = low.moment + (high.moment - low.moment) * fraction
      }
    }
    for t in last.timestep..<stepCount { moments[t] = last.moment }
    return moments
  }
}

extension DiffusionStage {
  /// Adds the errors of the starts that the network predicts of a noised batch, bounded as in
  /// sampling: what ``AnalyticVariance`` is made of.
  ///
  /// Shapes: `start` `[B, C, …]`, the clean samples.
  /// - Parameters:
  ///   - start: The clean samples.
  ///   - conditioning: What they are conditioned on, nothing of it dropped.
  ///   - timestep: The timestep of all rows.
  ///   - estimate: Of as many timesteps as the process has.
  ///   - random: The source of the noise, and of what the conditioning takes after it.
  public func addStartErrors(
    of start: Tensor, _ conditioning: TrainingConditioning, at timestep: Int,
    to estimate: inout SecondMomentEstimate, using random: RandomSource
  ) {
    let steps = Array(repeating: timestep, count: start.dim(0))
    let errors = noGrad {
      let noise = random.normal(start.shape, dtype: start.samplingDType, device: start.device)
      let sample = process.noised(start, at: [timestep], noise: noise)
      let output = trainingDenoiser(conditioning, using: random)(
        NoisedSample(sample, timestep: timestep))
      return scheduler.threshold(process.predictedStart(output, sample: sample, at: [timestep]))
        - start.asSamplingType
    }
    estimate.add(errors, at: steps)
  }
}
