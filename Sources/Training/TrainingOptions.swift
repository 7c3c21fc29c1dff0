public import Config
import Foundation
import TorchNN

/// The options of a training run: all that shapes the result beside the model and the data.
///
/// Every key is required and unknown keys are refused, so a file states every choice.
public struct TrainingOptions: Codable, Sendable, Equatable {
  /// The element type of activations and matrix products.
  public enum Precision: String, ConfigChoice {
    /// Single precision throughout.
    case float32
    /// bfloat16 where autocast allows; weights, moments and averages stay float32.
    case bfloat16
  }

  /// How the learning rate falls after the warm-up.
  public enum Schedule: String, ConfigChoice {
    /// Half a cosine from the learning rate down to the final one.
    case cosine
    /// The learning rate does not fall.
    case constant
  }

  /// Optimiser steps of the whole run.
  public var steps: Int
  /// Images in one batch.
  public var batchSize: Int
  /// Batches whose gradients are averaged in one step.
  public var gradientAccumulation: Int
  /// The learning rate after the warm-up.
  public var learningRate: Double
  /// Steps over which the learning rate rises from 0.
  public var warmUpSteps: Int
  /// How the learning rate falls after the warm-up.
  public var schedule: Schedule
  /// The learning rate at the last step of a cosine schedule.
  public var finalLearningRate: Double
  /// Decoupled weight decay of parameters with two or more axes; the others have none.
  public var weightDecay: Double
  /// Adam's decay rates of the gradients' running mean and running square, each in 0 ..< 1.
  public var betas: [Double]
  /// Adam's epsilon, added to the root of the running square.
  public var epsilon: Double
  /// The Euclidean norm that gradients are clipped to.
  public var maxGradientNorm: Double
  /// Decay of the exponential moving average of the weights, in 0 ..< 1.
  public var emaDecay: Double
  /// Decays of further averages, each kept in checkpoints and written as a model of its own; nil for
  /// none.
  public var emaDecays: [Double]?
  /// Exponent of the averages' warm-up, 1 − (1 + step)^−power; 0 for none.
  public var emaWarmUpPower: Double
  /// The element type of activations.
  public var precision: Precision
  /// Seed of the weights, the order of the data and the noise of every step.
  public var seed: UInt64
  /// Steps between two lines of the log.
  public var logEverySteps: Int
  /// Steps between two sample sheets and evaluations; 0 for none.
  public var sampleEverySteps: Int
  /// Steps between two checkpoints; 0 for the last alone.
  public var checkpointEverySteps: Int
  /// Seconds after which a checkpoint is due whatever the step; 0 for never.
  public var checkpointEverySeconds: Double
  /// How many of the newest checkpoints are kept.
  public var keepCheckpoints: Int
  /// Whether the keys of each step's samples are written to `samples.jsonl`; nil for not.
  public var logSamples: Bool?
  /// Whether each process of several keeps the optimiser's state of its share of the weights alone; nil
  /// for not.
  public var shardOptimizer: Bool?
  /// Threads of tensor operations; 0 for one per core. Bit-exact resumption needs the same.
  public var threads: Int

  enum CodingKeys: String, CodingKey {
    case steps, schedule, betas, epsilon, precision, seed, threads
    case batchSize = "batch_size"
    case gradientAccumulation = "gradient_accumulation"
    case learningRate = "learning_rate"
    case warmUpSteps = "warm_up_steps"
    case finalLearningRate = "final_learning_rate"
    case weightDecay = "weight_decay"
    case maxGradientNorm = "max_gradient_norm"
    case emaDecay = "ema_decay"
    case emaDecays = "ema_decays"
    case emaWarmUpPower = "ema_warm_up_power"
    case logEverySteps = "log_every_steps"
    case sampleEverySteps = "sample_every_steps"
    case checkpointEverySteps = "checkpoint_every_steps"
    case checkpointEverySeconds = "checkpoint_every_seconds"
    case keepCheckpoints = "keep_checkpoints"
    case logSamples = "log_samples"
    case shardOptimizer = "shard_optimizer"
  }

  /// A short run for tests and first tries: 8 steps of 4 images.
  public static let tiny = TrainingOptions(
    steps: 8, batchSize: 4, gradientAccumulation: 1, learningRate: 1e-3, warmUpSteps: 2,
    schedule: .cosine, finalLearningRate: 1e-5, weightDecay: 0.01, betas: [0.9, 0.99],
    epsilon: 1e-8, maxGradientNorm: 1, emaDecay: 0.99, emaWarmUpPower: 0.75,
    precision: .float32, seed: 0, logEverySteps: 2, sampleEverySteps: 4, checkpointEverySteps: 4,
    checkpointEverySeconds: 0, keepCheckpoints: 2, threads: 1)

  /// Checks each value.
  ///
  /// - Parameter file: The name used in errors.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: "training")
    try check.count("steps", steps, in: 1...1_000_000_000)
    try check.count("batch_size", batchSize)
    try check.count("gradient_accumulation", gradientAccumulation)
    try check.count("warm_up_steps", warmUpSteps, in: 0...steps)
    try check.number("learning_rate", learningRate, in: 0...1000)
    try check.number("final_learning_rate", finalLearningRate, in: 0...1000)
    try check.number("weight_decay", weightDecay, in: 0...1000)
    try check.require(
      betas.count == 2 && betas.allSatisfy { (0..<1).contains($0) }, "betas", betas,
      "it must be two numbers of 0 or more and less than 1")
    try check.positive("epsilon", epsilon, upTo: 1)
    try check.positive("max_gradient_norm", maxGradientNorm, upTo: 1e9)
    try check.belowOne("ema_decay", emaDecay)
    try check.require(
      furtherDecays.count <= 8 && furtherDecays.allSatisfy { (0..<1).contains($0) }
        && Set(furtherDecays + [emaDecay]).count == furtherDecays.count + 1, "ema_decays",
      furtherDecays,
      "it must be at most 8 different numbers of 0 or more and less than 1, none of them ema_decay")
    try check.number("ema_warm_up_power", emaWarmUpPower, in: 0...100)
    let interval = 0...1_000_000_000
    try check.count("log_every_steps", logEverySteps, in: 1...interval.upperBound)
    try check.count("sample_every_steps", sampleEverySteps, in: interval)
    try check.count("checkpoint_every_steps", checkpointEverySteps, in: interval)
    try check.number("checkpoint_every_seconds", checkpointEverySeconds, in: 0...1e9)
    try check.count("keep_checkpoints", keepCheckpoints, in: 1...10_000)
    try check.count("threads", threads, in: 0...ConfigLimit.threads)
  }

  /// The decays of the averages beside the one that is sampled from.
  var furtherDecays: [Double] { emaDecays ?? [] }

  /// Whether the keys of samples are logged.
  var logsSamples: Bool { logSamples ?? false }

  /// Whether the optimiser's state is divided between the processes.
  var shardsOptimizer: Bool { shardOptimizer ?? false }

  /// The learning rate of each step.
  var rateSchedule: LearningRateSchedule {
    LearningRateSchedule(
      peak: learningRate, warmUpSteps: warmUpSteps, totalSteps: steps,
      shape: schedule == .cosine ? .cosine : .constant, final: finalLearningRate)
  }
}
