public import Config
import TorchNN

/// Which timesteps of the training process a sampler visits.
public enum TimestepSpacing: Sendable, Equatable {
  /// Evenly from the first timestep to the last, rounded half to even. A single step is the last.
  /// Source: diffusers `UnCLIPScheduler.set_timesteps`.
  case uniform(Int)
  /// A whole stride from 0 that yields exactly this many; written `ddim50`.
  /// Source: guided-diffusion `space_timesteps`.
  case stride(Int)
  /// The process cut into equal parts, so many steps evenly in each; written `10,15,20`.
  /// Source: guided-diffusion `space_timesteps`.
  case sections([Int])
  /// The first multiples of `T / count` rounded down. Source: diffusers `leading`.
  case leading(Int)
  /// Multiples of `T / count` counted down from the last timestep. Source: diffusers `trailing`.
  case trailing(Int)

  /// Reads `25` (uniform), `ddim50` (stride) or `10,15,20` (sections).
  ///
  /// Throws: `ConfigError.invalid` for any other text.
  public init(parsing text: String) throws(ConfigError) {
    let wrong = ConfigError.invalid(
      file: "sampling", key: "steps", value: "\"\(text)\"",
      expected: "it must be a count (25), a stride (ddim50) or sections (10,15,20)")
    if text.hasPrefix("ddim") {
      guard let count = Int(text.dropFirst(4)), count > 0 else { throw wrong }
      self = .stride(count)
      return
    }
    var counts: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let count = Int(part), count > 0 else { throw wrong }
      counts.append(count)
    }
    self = counts.count == 1 ? .uniform(counts[0]) : .sections(counts)
  }

  /// The visited timesteps of a process of `trainStepCount` steps, ascending.
  ///
  /// Throws: `ConfigError.invalid` when there are fewer timesteps than asked for, or no whole
  /// stride yields the count.
  public func timesteps(of trainStepCount: Int) throws(ConfigError) -> [Int] {
    switch self {
    case .uniform(let count):
      try Self.require(count, atMost: trainStepCount)
      if count == 1 { return [trainStepCount - 1] }
      let stride = Double(trainStepCount - 1) / Double(count - 1)
      return (0..<count).map { Int((Double($0) * stride).rounded(.toNearestOrEven)) }

    case .stride(let count):
      try Self.require(count, atMost: trainStepCount)
      for step in 1...trainStepCount where (trainStepCount + step - 1) / step == count {
        return Array(Swift.stride(from: 0, to: trainStepCount, by: step))
      }
      throw ConfigError.invalid(
        file: "sampling", key: "steps", value: "ddim\(count)",
        expected: "no whole stride visits exactly \(count) of \(trainStepCount) timesteps")

    case .sections(let counts):
      return try Self.sections(counts, of: trainStepCount)

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

  private static func sections(
    _ counts: [Int], of trainStepCount: Int
  ) throws(ConfigError) -> [Int] {
    guard !counts.isEmpty else {
      throw ConfigError.invalid(
        file: "sampling", key: "steps", value: "empty", expected: "it must name a section")
    }
    let size = trainStepCount / counts.count
    let larger = trainStepCount % counts.count
    var first = 0
    var visited: [Int] = []
    for (section, count) in counts.enumerated() {
      let length = size + (section < larger ? 1 : 0)
      guard count >= 1 && count <= length else {
        throw ConfigError.invalid(
          file: "sampling", key: "steps", value: "\(count)",
          expected: "a section of \(length) timesteps has room for 1 to \(length)")
      }
      let stride = count == 1 ? 1 : Double(length - 1) / Double(count - 1)
      var position = 0.0
      for _ in 0..<count {
        visited.append(first + Int(position.rounded(.toNearestOrEven)))
        position += stride
      }
      first += length
    }
    return visited
  }

  private static func require(_ count: Int, atMost limit: Int) throws(ConfigError) {
    guard count >= 1 && count <= limit else {
      throw ConfigError.invalid(
        file: "sampling", key: "steps", value: "\(count)",
        expected: "it must lie between 1 and \(limit), the number of training steps")
    }
  }
}
