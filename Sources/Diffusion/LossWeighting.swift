import Config

/// How the loss weights the error of each timestep.
public enum LossWeighting: Sendable, Equatable {
  /// Weight 1 for the error of what the network predicts.
  case uniform
  /// `min(SNR, γ)` times the start's error: the least noisy steps do not outweigh the others.
  ///
  /// Source: Hang et al. 2023, 3.4.
  case minSNR(gamma: Double)
  /// `SNR` clamped to 1 … γ times the start's error: the noisiest steps, which decide colour and
  /// layout, keep weight. Source: Salimans & Ho 2022, 4 (truncated SNR), with Hang's bound.
  case truncatedSNR(gamma: Double)
}

extension LossWeighting: Codable {
  private enum Keys: String, CodingKey { case rule, gamma }
  private enum Rule: String, ConfigChoice {
    case uniform
    case minSNR = "min_snr"
    case truncatedSNR = "truncated_snr"
  }

  /// Decodes the rule; every key must be there.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Keys.self)
    let rule = try values.decode(Rule.self, forKey: .rule)
    guard rule != .uniform else {
      self = .uniform
      return
    }
    let gamma = try values.decode(Double.self, forKey: .gamma)
    guard (1...1e6).contains(gamma) else {
      throw ConfigFault(
        path: values.codingPath + [Keys.gamma], expected: "it must be 1 to 1000000")
    }
    self = rule == .minSNR ? .minSNR(gamma: gamma) : .truncatedSNR(gamma: gamma)
  }

  /// Encodes the rule with every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Keys.self)
    switch self {
    case .uniform: try values.encode(Rule.uniform, forKey: .rule)
    case .minSNR(let gamma):
      try values.encode(Rule.minSNR, forKey: .rule)
      try values.encode(gamma, forKey: .gamma)
    case .truncatedSNR(let gamma):
      try values.encode(Rule.truncatedSNR, forKey: .rule)
      try values.encode(gamma, forKey: .gamma)
    }
  }
}
