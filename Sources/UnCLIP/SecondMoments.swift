package import Config
public import Diffusion
import Files
public import Foundation
import Torch

/// How far a stage's network is from the truth at some timesteps, measured over data: what the
/// analytic sampler's variance is made of.
///
/// In a model folder it is a file beside the configuration of the stage's process, which diffusers
/// does not read.
public struct SecondMoments: Sendable, Equatable {
  /// Timesteps of the training process, ascending.
  public let timesteps: [Int]
  /// E‖x_0 − x̂_0‖² / d at each of them; see `AnalyticVariance`.
  public let values: [Double]
  /// The samples that were noised, at each timestep.
  public let samples: Int

  /// Groups them.
  ///
  /// - Precondition: There is a value for each timestep.
  public init(timesteps: [Int], values: [Double], samples: Int) {
    precondition(
      timesteps.count == values.count, "\(timesteps.count) timesteps, \(values.count) values")
    (self.timesteps, self.values, self.samples) = (timesteps, values, samples)
  }

  /// Returns the variance of a process of `stepCount` steps: values lie on straight lines between
  /// the timesteps.
  ///
  /// - Precondition: There are timesteps, which ascend within `0 ..< stepCount`.
  public func variance(stepCount: Int) -> AnalyticVariance {
    AnalyticVariance(
      startErrors: SecondMomentEstimate.interpolated(
        zip(timesteps, values).map { (timestep: $0, moment: $1) }, stepCount: stepCount))
  }
}

/// The content of a file with second moments.
package struct SecondMomentsFile: Codable {
  /// The networks and the process that the moments are of.
  var fingerprint: String
  var samples: Int
  var timesteps: [Int]
  var secondMoments: [Double]

  enum CodingKeys: String, CodingKey {
    case fingerprint, samples, timesteps
    case secondMoments = "second_moments"
  }

  /// Reads and checks a file for a process of `stepCount` steps.
  /// - Throws: `ConfigError`, naming the file.
  package static func read(at url: URL, stepCount: Int) throws(ConfigError) -> Self {
    let file = try ConfigFile.read(Self.self, at: url)
    try file.validate(file: url.path, stepCount: stepCount)
    return file
  }

  /// Checks every value for a process of `stepCount` steps.
  fileprivate func validate(file: String, stepCount: Int) throws(ConfigError) {
    let check = ConfigCheck(file: file)
    try check.count("samples", samples, in: 1...1_000_000_000)
    try check.require(
      !timesteps.isEmpty, "timesteps", "[]", "there must be one at least")
    try check.require(
      secondMoments.count == timesteps.count, "second_moments", "\(secondMoments.count) values",
      "'timesteps' has \(timesteps.count), and both must agree")
    var before = -1
    for (position, timestep) in timesteps.enumerated() {
      let key = "timesteps[\(position)]"
      try check.count(key, timestep, in: 0...stepCount - 1)
      try check.require(timestep > before, key, timestep, "timesteps must ascend")
      before = timestep
    }
    for (position, value) in secondMoments.enumerated() {
      try check.number("second_moments[\(position)]", value, in: 0...1e6)
    }
  }
}

extension GenerationProgress.Stage {
  /// The stages that denoise, in order.
  public static let denoising: [Self] = [.prior, .decoder, .upsampler, .secondUpsampler]

  /// The part with the stage's process, and those with its networks; nil for a stage that has no
  /// process of its own.
  var parts: (process: ModelFolder.Part, networks: [ModelFolder.Part])? {
    switch self {
    case .prior: (.priorScheduler, [.prior])
    case .decoder: (.decoderScheduler, [.textProjection, .imageHint, .decoder])
    case .upsampler: (.upsamplerScheduler, Upsampler.Level.first.networks)
    case .secondUpsampler: (.secondUpsamplerScheduler, Upsampler.Level.second.networks)
    case .text, .inversion: nil
    }
  }
}

extension SamplingSettings {
  /// Returns a stage's part; nil for a stage that does not denoise.
  func sampling(of stage: GenerationProgress.Stage) -> StageSampling? {
    switch stage {
    case .prior: prior
    case .decoder: decoder
    case .upsampler: upsampler
    case .secondUpsampler: secondUpsampler
    case .text, .inversion: nil
    }
  }
}

extension ModelFolder {
  /// The file with a stage's second moments, beside the configuration of its process.
  public static let momentsName = "second_moments.json"

  /// Returns the file with a stage's second moments, whether or not it exists.
  ///
  /// - Precondition: The stage is one of ``GenerationProgress/Stage/denoising``.
  public func moments(of stage: GenerationProgress.Stage) -> URL {
    folder(of: Self.parts(of: stage).process).appendingPathComponent(Self.momentsName)
  }

  /// Returns whether a stage's second moments are there.
  package func hasMoments(of stage: GenerationProgress.Stage) -> Bool {
    FileManager.default.fileExists(atPath: moments(of: stage).path)
  }

  /// Loads a stage's second moments.
  ///
  /// - Throws: `ModelFolderError.noMoments` where the folder has none, and `.otherMoments` for those
  ///   of other weights or another process; `ConfigError` for a damaged file; `CheckpointError`.
  /// - Precondition: As ``moments(of:)``.
  public func loadMoments(of stage: GenerationProgress.Stage) throws -> SecondMoments {
    let process = Self.parts(of: stage).process
    try require([process])
    let url = moments(of: stage)
    guard hasMoments(of: stage) else {
      throw ModelFolderError.noMoments(folder: self.url.path, stage: stage.rawValue)
    }
    let scheduler = try SchedulerConfig.read(at: configuration(of: process))
    let file = try SecondMomentsFile.read(at: url, stepCount: scheduler.trainStepCount)
    guard try file.fingerprint == momentsFingerprint(of: stage, scheduler) else {
      throw ModelFolderError.otherMoments(folder: self.url.path, stage: stage.rawValue)
    }
    return SecondMoments(
      timesteps: file.timesteps, values: file.secondMoments, samples: file.samples)
  }

  /// Writes a stage's second moments, measured with the weights that the folder has now.
  ///
  /// - Throws: `ConfigError`, `CheckpointError`.
  /// - Precondition: As ``moments(of:)``.
  public func write(_ moments: SecondMoments, of stage: GenerationProgress.Stage) throws {
    let url = self.moments(of: stage)
    let scheduler = try SchedulerConfig.read(
      at: configuration(of: Self.parts(of: stage).process))
    let file = SecondMomentsFile(
      fingerprint: try momentsFingerprint(of: stage, scheduler), samples: moments.samples,
      timesteps: moments.timesteps, secondMoments: moments.values)
    try file.validate(file: url.path, stepCount: scheduler.trainStepCount)
    try write(ConfigFile.encode(file), to: url)
  }

  /// Writes the second moments of another folder's stages, whose weights this one has in another
  /// type. A stage of which the source has none that fit gets none.
  ///
  /// - Throws: As ``write(_:of:)-(SecondMoments,_)``.
  package func copyMoments(
    of stages: [GenerationProgress.Stage] = GenerationProgress.Stage.denoising,
    from source: ModelFolder
  ) throws {
    for stage in stages where source.hasMoments(of: stage) && has(Self.parts(of: stage).process) {
      let moments: SecondMoments
      do { moments = try source.loadMoments(of: stage) } catch { continue }
      try write(moments, of: stage)
    }
  }

  static func parts(
    of stage: GenerationProgress.Stage
  ) -> (process: Part, networks: [Part]) {
    guard let parts = stage.parts else {
      preconditionFailure("the stage \(stage.rawValue) does not denoise")
    }
    return parts
  }

  /// Returns a hash of all that a stage's second moments depend on: its networks, the noise and how
  /// predictions are bounded. How timesteps are chosen is free.
  private func momentsFingerprint(
    of stage: GenerationProgress.Stage, _ scheduler: SchedulerConfig
  ) throws(CheckpointError) -> String {
    var fingerprint = try fingerprint(of: Self.parts(of: stage).networks)
    fingerprint.add(scheduler.prediction.rawValue)
    fingerprint.add(scheduler.betaSchedule.rawValue)
    var numbers = [Double(scheduler.trainStepCount)]
    if scheduler.betaSchedule == .linear { numbers += [scheduler.betaStart, scheduler.betaEnd] }
    if scheduler.zeroTerminalSignal { numbers.append(0) }
    switch scheduler.threshold {
    case .none: break
    case .range(let bound): numbers.append(bound)
    case .quantile(let fraction, let cap): numbers += [fraction, cap ?? 0]
    }
    for number in numbers { fingerprint.add("\(number)") }
    return fingerprint.text
  }
}
