public import Config
import TorchNN

/// The timesteps of the training process that a sampler visits.
public enum TimestepSpacing: Sendable, Equatable {
  /// Evenly from the first timestep to the last, rounded half to even. A single step is the last.
  /// Source: diffusers `UnCLIPScheduler.set_timesteps`.
  case uniform(Int)
  /// The first multiples of `T / count` rounded down. Source: diffusers `leading`.
  case leading(Int)
  /// Multiples of `T / count` counted down from the last timestep. Source: diffusers `trailing`.
  case trailing(Int)

  /// Returns the timesteps to visit, ascending, of a process of `trainStepCount` steps.
  ///
  /// - Throws: `ConfigError.invalid` when there are fewer timesteps than asked for.
  public func timesteps(of trainStepCount: Int) throws(ConfigError) -> [Int] {
    switch self {
    case .uniform(let count):
      try Self.require(count, atMost: trainStepCount)
      if count == 1 { return [trainStepCount - 1] }
      let stride = Double(trainStepCount - 1) / Double(count - 1)
      return (0..<count).map { Int((Double($0) * stride).rounded(.toNearestOrEven)) }

    case .leading(let count):
      try Self.require(count, atMost: trainStepCount)
      return (0..<count).map { $0 * (trainStepCount / count) }

    case .trailing(let count):
      try Self.require(count, atMost: trainStepCount)
      let stride = Double(trainStepCount) / Double(count)
      return (0..<count).reversed().map {
        Int((Double(trainStepCount) - Double($0) * stride).rounded(.toNearestOrEven)) - 1
      }
    }
  }

  private static func require(_ count: Int, atMost limit: Int) throws(ConfigError) {
    guard count >= 1 && count <= limit else {
      throw ConfigError.invalid(
        file: "sampling", key: "steps", value: "\(count)",
        expected: "it must lie between 1 and \(limit), the number of training steps")
    }
  }
}
