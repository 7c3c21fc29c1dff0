public import Config
public import Foundation

/// The noising process a network was trained for and how it is sampled, as diffusers'
/// `scheduler_config.json` describes them.
///
/// Source: diffusers `UnCLIPScheduler`, `DDIMScheduler`.
public struct SchedulerConfig: Sendable, Equatable {
  /// The class in diffusers, which decides the sampler and the keys of a file.
  public enum Algorithm: String, ConfigChoice {
    /// Ancestral sampling.
    case unCLIP = "UnCLIPScheduler"
    /// DDIM without noise.
    case ddim = "DDIMScheduler"
  }

  /// How a count of steps becomes timesteps; raw values are diffusers'.
  public enum Spacing: String, ConfigChoice {
    /// Evenly, first and last timestep included.
    case uniform = "linspace"
    /// Multiples of a whole stride from 0.
    case leading
    /// Multiples counted down from the last timestep.
    case trailing
  }

  /// The class.
  public var algorithm: Algorithm
  /// T, the steps of the training process.
  public var trainStepCount: Int
  /// The family of the noise schedule.
  public var betaSchedule: BetaSchedule
  /// What the network predicts. Diffusers' `UnCLIPScheduler` itself cannot sample v.
  public var prediction: Prediction
  /// The variance of reverse steps. DDIM has none: ``Variance/fixedSmall``.
  public var variance: Variance
  /// Whether predicted starts are clamped.
  public var clipSample: Bool
  /// The bound they are clamped to.
  public var clipSampleRange: Double
  /// DDIM: the first β of the linear family.
  public var betaStart: Double
  /// DDIM: the last β of the linear family.
  public var betaEnd: Double
  /// DDIM: whether the last step leaves no signal.
  public var zeroTerminalSignal: Bool
  /// DDIM: whether predicted starts are bounded by a quantile instead.
  public var thresholding: Bool
  /// DDIM: the quantile.
  public var thresholdingRatio: Double
  /// DDIM: the largest bound the quantile may set.
  public var thresholdingCap: Double
  /// DDIM: how a count of steps becomes timesteps.
  public var spacing: Spacing

  /// Makes the configuration of an ancestral sampler over a cosine schedule.
  public init(
    trainStepCount: Int = 1000, prediction: Prediction, variance: Variance,
    clipSampleRange: Double?
  ) {
    self.init(algorithm: .unCLIP)
    self.trainStepCount = trainStepCount
    self.prediction = prediction
    self.variance = variance
    clipSample = clipSampleRange != nil
    self.clipSampleRange = clipSampleRange ?? 1
  }

  /// Makes diffusers' defaults for the class.
  private init(algorithm: Algorithm) {
    self.algorithm = algorithm
    trainStepCount = 1000
    betaSchedule = .cosine
    prediction = .epsilon
    variance = .fixedSmall
    clipSample = true
    clipSampleRange = 1
    betaStart = 0.0001
    betaEnd = 0.02
    zeroTerminalSignal = false
    thresholding = false
    thresholdingRatio = 0.995
    thresholdingCap = 1
    spacing = algorithm == .ddim ? .leading : .uniform
  }

  /// The prior: predicts the standardised embedding, clamped to ±5.
  public static let prior = SchedulerConfig(
    prediction: .start, variance: .fixedSmall, clipSampleRange: 5)
  /// The decoder: predicts ε and a variance, images in [-1, 1].
  public static let decoder = SchedulerConfig(
    prediction: .epsilon, variance: .learnedRange, clipSampleRange: 1)
  /// The upsamplers: predict ε, images in [-1, 1].
  public static let upsampler = SchedulerConfig(
    prediction: .epsilon, variance: .fixedSmall, clipSampleRange: 1)

  /// Reads and validates the file at `url`; see ``decode(_:file:)``.
  public static func read(at url: URL) throws(ConfigError) -> SchedulerConfig {
    let config = try ConfigFile.read(
      SchedulerConfig.self, at: url, ignored: ["_diffusers_version"], defaults: defaults)
    try config.validate(file: url.path)
    return config
  }

  /// Reads and validates the content of a `scheduler_config.json`; `file` names it in errors.
  ///
  /// `_diffusers_version` is ignored. An `UnCLIPScheduler` file may lack `beta_schedule`, as
  /// the first ones do.
  /// - Throws: `ConfigError` for unreadable JSON, an unknown, missing or impossible key.
  public static func decode(_ data: Data, file: String) throws(ConfigError) -> SchedulerConfig {
    let config = try ConfigFile.decode(
      SchedulerConfig.self, from: data, file: file, ignored: ["_diffusers_version"],
      defaults: defaults)
    try config.validate(file: file)
    return config
  }

  /// What the class of diffusers takes for keys that are not there.
  private static func defaults(for found: [String: JSONValue]) -> [String: JSONValue] {
    let shared: [String: JSONValue] = [
      "num_train_timesteps": .number(1000), "prediction_type": .string("epsilon"),
      "clip_sample": .bool(true), "clip_sample_range": .number(1),
    ]
    let own: [String: JSONValue]
    switch found["_class_name"] {
    case .string(Algorithm.unCLIP.rawValue): own = ["variance_type": .string("fixed_small_log")]
    case .string(Algorithm.ddim.rawValue):
      own = [
        "beta_schedule": .string("linear"), "beta_start": .number(0.0001),
        "beta_end": .number(0.02), "rescale_betas_zero_snr": .bool(false),
        "thresholding": .bool(false), "dynamic_thresholding_ratio": .number(0.995),
        "sample_max_value": .number(1), "timestep_spacing": .string("leading"),
        "set_alpha_to_one": .bool(true), "steps_offset": .number(0),
      ]
    default: return [:]
    }
    return own.merging(shared) { own, _ in own }
  }

  /// The file's content, which diffusers' class opens.
  /// - Throws: `ConfigError` when a number has no JSON form.
  public func encoded() throws(ConfigError) -> Data { try ConfigFile.encode(self) }

  /// Checks every value.
  ///
  /// - Parameters:
  ///   - file: The name used in errors.
  ///   - path: The keys of the sections around it in that file.
  /// - Throws: `ConfigError.invalid` for the first that is impossible.
  public func validate(
    file: String = "scheduler_config.json", at path: String = ""
  ) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path)
    try check.count("num_train_timesteps", trainStepCount, in: 2...1_000_000)
    try check.positive("clip_sample_range", clipSampleRange)
    // Smaller ones vanish in diffusers' float32 tables.
    try check.number("beta_start", betaStart, in: 1e-6...1)
    try check.require(
      betaStart <= betaEnd, "beta_start", betaStart, "it must be at most beta_end, \(betaEnd)")
    try check.number("beta_end", betaEnd, in: 1e-6...0.9999)
    try check.positive("dynamic_thresholding_ratio", thresholdingRatio, upTo: 1)
    try check.number("sample_max_value", thresholdingCap, in: 1...1e6)
    try check.require(
      !zeroTerminalSignal || prediction != .epsilon, "rescale_betas_zero_snr", true,
      "a network that predicts epsilon cannot start from a sample without signal")
    try check.require(
      algorithm != .unCLIP || betaSchedule == .cosine, "beta_schedule",
      "\"\(betaSchedule.rawValue)\"", "UnCLIPScheduler knows only \"squaredcos_cap_v2\"")
    try check.require(
      algorithm != .unCLIP || variance != .fixedLarge, "variance_type",
      "\"\(variance.rawValue)\"",
      "UnCLIPScheduler knows only \"fixed_small_log\" and \"learned_range\"")
  }

  /// Makes the noising process. Train with float64 tables; sample diffusers' weights with the
  /// float32 reference.
  public func diffusion(_ precision: TablePrecision = .float64) -> GaussianDiffusion {
    let betas: [Double]
    switch betaSchedule {
    case .cosine: betas = BetaSchedule.cosine.betas(stepCount: trainStepCount)
    case .linear:
      betas = BetaSchedule.line(from: betaStart, to: betaEnd, count: trainStepCount)
    }
    var schedule = NoiseSchedule(betas: betas, precision: precision)
    if zeroTerminalSignal { schedule = schedule.withZeroTerminalSignal() }
    return GaussianDiffusion(schedule: schedule, prediction: prediction, variance: variance)
  }

  /// How predicted starts are bounded.
  public var threshold: Threshold {
    if thresholding { return .quantile(thresholdingRatio, cap: thresholdingCap) }
    return clipSample ? .range(clipSampleRange) : .none
  }

  /// Returns how predicted starts are bounded where a person may have chosen.
  func threshold(_ kind: ThresholdKind) -> Threshold {
    switch kind {
    case .model: threshold
    case .none: .none
    case .static: .range(clipSampleRange)
    case .dynamic: .quantile(thresholdingRatio, cap: thresholding ? thresholdingCap : nil)
    }
  }

  /// Returns the timesteps of `stepCount` steps.
  public func timestepSpacing(_ stepCount: Int) -> TimestepSpacing {
    switch spacing {
    case .uniform: return .uniform(stepCount)
    case .leading: return .leading(stepCount)
    case .trailing: return .trailing(stepCount)
    }
  }

  /// The sampler that the class names.
  public var defaultSampler: SamplerKind {
    switch algorithm {
    case .unCLIP: .ddpm
    case .ddim: .ddim
    }
  }

  /// Returns a sampler of `stepCount` steps, over the float32 reference schedule; nil takes the
  /// class's.
  ///
  /// - Throws: `ConfigError` when the process has fewer timesteps, the sampler cannot start
  ///   from it, or it is ``SamplerKind/analytic``, which needs a variance.
  public func sampler(
    _ kind: SamplerKind? = nil, stepCount: Int
  ) throws(ConfigError) -> any Sampler {
    try sampler(for: StageSampling(steps: stepCount, sampler: kind ?? defaultSampler))
  }

  /// Returns the sampler of a stage's settings, over the float32 reference schedule.
  ///
  /// With a strength below 1 the steps are taken over that fraction of the process alone, the
  /// cleanest, and are at most as many as it has timesteps.
  /// - Throws: as ``sampler(_:stepCount:)``.
  /// - Precondition: the strength lies in (0, 1].
  public func sampler(
    for sampling: StageSampling, strength: Double = 1
  ) throws(ConfigError) -> any Sampler {
    precondition(strength > 0 && strength <= 1, "the strength \(strength) is not in (0, 1]")
    var diffusion = diffusion(.float32Reference)
    var count = sampling.steps
    if strength < 1, count <= trainStepCount {
      let used = max(1, Int((strength * Double(trainStepCount)).rounded()))
      diffusion = diffusion.respaced(to: Array(0..<used))
      count = min(count, used)
    }
    let spacing = timestepSpacing(count)
    let threshold = threshold(sampling.threshold)
    switch sampling.sampler {
    case .ddpm: return try DDPMSampler(diffusion, spacing: spacing, threshold: threshold)
    case .analytic:
      guard let variance = sampling.analyticVariance, variance.startErrors.count == trainStepCount
      else {
        throw ConfigError.invalid(
          file: "sampling", key: "sampler", value: sampling.sampler.rawValue,
          expected: "it needs the second moments of the network's errors at its "
            + "\(trainStepCount) timesteps")
      }
      return try DDPMSampler(
        diffusion, spacing: spacing, threshold: threshold, analytic: variance)
    case .ddim:
      return try DDIMSampler(
        diffusion, spacing: spacing, eta: sampling.eta, threshold: threshold)
    case .dpmSolver:
      return try DPMSolverSampler(diffusion, spacing: spacing, threshold: threshold)
    }
  }
}

extension SchedulerConfig {
  /// Returns the inversion of the DDIM sampler of a stage's settings: over the same timesteps, with
  /// the same threshold.
  ///
  /// - Throws: `ConfigError` when the process has fewer timesteps.
  func inversion(for sampling: StageSampling) throws(ConfigError) -> DDIMInversion {
    try DDIMInversion(
      diffusion(.float32Reference), spacing: timestepSpacing(sampling.steps),
      threshold: threshold(sampling.threshold))
  }
}

/// The sampler of a stage; raw values are those of `--sampler` and of image metadata.
public enum SamplerKind: String, ConfigChoice {
  /// Ancestral sampling, ``DDPMSampler``.
  case ddpm
  /// Of first order, ``DDIMSampler``; deterministic unless η is above 0.
  case ddim
  /// Deterministic, of second order, ``DPMSolverSampler``.
  case dpmSolver = "dpm++"
  /// Ancestral sampling with the variance that was estimated for the network,
  /// ``AnalyticVariance``: also instead of a learned one, and also with guidance.
  case analytic
}

/// How predicted starts are bounded; raw values are those of `--threshold` and of image metadata.
public enum ThresholdKind: String, ConfigChoice {
  /// As the model's file says.
  case model
  /// Not at all.
  case none
  /// By clamping to the data's range.
  case `static`
  /// By the quantile of each image, ``Threshold/quantile(_:cap:)``.
  case dynamic
}

extension SchedulerConfig: Codable {
  enum Keys: String, CodingKey {
    case algorithm = "_class_name"
    case trainStepCount = "num_train_timesteps"
    case betaSchedule = "beta_schedule"
    case prediction = "prediction_type"
    case variance = "variance_type"
    case clipSample = "clip_sample"
    case clipSampleRange = "clip_sample_range"
    case betaStart = "beta_start"
    case betaEnd = "beta_end"
    case zeroTerminalSignal = "rescale_betas_zero_snr"
    case thresholding
    case thresholdingRatio = "dynamic_thresholding_ratio"
    case thresholdingCap = "sample_max_value"
    case spacing = "timestep_spacing"
    // Only one value of these DDIM keys is supported.
    case setAlphaToOne = "set_alpha_to_one"
    case stepsOffset = "steps_offset"
  }

  /// Reads the keys of the class that `_class_name` names.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Keys.self)
    self.init(algorithm: try values.decode(Algorithm.self, forKey: .algorithm))
    trainStepCount = try values.decode(Int.self, forKey: .trainStepCount)
    prediction = try values.decode(Prediction.self, forKey: .prediction)
    clipSample = try values.decode(Bool.self, forKey: .clipSample)
    clipSampleRange = try values.decode(Double.self, forKey: .clipSampleRange)
    switch algorithm {
    case .unCLIP:
      betaSchedule =
        try values.decodeIfPresent(BetaSchedule.self, forKey: .betaSchedule) ?? .cosine
      variance = try values.decode(Variance.self, forKey: .variance)
    case .ddim:
      betaSchedule = try values.decode(BetaSchedule.self, forKey: .betaSchedule)
      betaStart = try values.decode(Double.self, forKey: .betaStart)
      betaEnd = try values.decode(Double.self, forKey: .betaEnd)
      zeroTerminalSignal = try values.decode(Bool.self, forKey: .zeroTerminalSignal)
      thresholding = try values.decode(Bool.self, forKey: .thresholding)
      thresholdingRatio = try values.decode(Double.self, forKey: .thresholdingRatio)
      thresholdingCap = try values.decode(Double.self, forKey: .thresholdingCap)
      spacing = try values.decode(Spacing.self, forKey: .spacing)
      guard try values.decode(Bool.self, forKey: .setAlphaToOne) else {
        throw ConfigFault(
          path: values.codingPath + [Keys.setAlphaToOne], expected: "only true is supported")
      }
      guard try values.decode(Int.self, forKey: .stepsOffset) == 0 else {
        throw ConfigFault(
          path: values.codingPath + [Keys.stepsOffset], expected: "only 0 is supported")
      }
    }
  }

  /// Writes the keys of the class, and no others.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Keys.self)
    try values.encode(algorithm, forKey: .algorithm)
    try values.encode(trainStepCount, forKey: .trainStepCount)
    try values.encode(betaSchedule, forKey: .betaSchedule)
    try values.encode(prediction, forKey: .prediction)
    try values.encode(clipSample, forKey: .clipSample)
    try values.encode(clipSampleRange, forKey: .clipSampleRange)
    switch algorithm {
    case .unCLIP:
      try values.encode(variance, forKey: .variance)
    case .ddim:
      try values.encode(betaStart, forKey: .betaStart)
      try values.encode(betaEnd, forKey: .betaEnd)
      try values.encode(zeroTerminalSignal, forKey: .zeroTerminalSignal)
      try values.encode(thresholding, forKey: .thresholding)
      try values.encode(thresholdingRatio, forKey: .thresholdingRatio)
      try values.encode(thresholdingCap, forKey: .thresholdingCap)
      try values.encode(spacing, forKey: .spacing)
      try values.encode(true, forKey: .setAlphaToOne)
      try values.encode(0, forKey: .stepsOffset)
    }
  }
}
