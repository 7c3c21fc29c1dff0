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
  /// `1 / (k + SNR)^γ` times the error of the noise: the least noisy steps, which are about details
  /// no eye sees, count less. γ 1 and k 1 are the paper's. Source: Choi et al. 2022, 3.2 (P2).
  case p2(gamma: Double, k: Double)
}

extension LossWeighting: Codable {
  private enum Keys: String, CodingKey { case rule, gamma, k }
  private enum Rule: String, ConfigChoice {
    case uniform
    case minSNR = "min_snr"
    case truncatedSNR = "truncated_snr"
    case p2
  }

  /// Decodes the rule; every key must be there.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Keys.self)
    let rule = try values.decode(Rule.self, forKey: .rule)
    func number(_ key: Keys, in range: ClosedRange<Double>, _ words: String) throws -> Double {
      let value = try values.decode(Double.self, forKey: key)
      guard range.contains(value) else {
        throw ConfigFault(path: values.codingPath + [key], expected: "it must be \(words)")
      }
      return value
    }
    switch rule {
    case .uniform: self = .uniform
    case .minSNR: self = .minSNR(gamma: try number(.gamma, in: 1...1e6, "1 to 1000000"))
    case .truncatedSNR:
      self = .truncatedSNR(gamma: try number(.gamma, in: 1...1e6, "1 to 1000000"))
    case .p2:
      self = .p2(
        gamma: try number(.gamma, in: 0...10, "0 to 10"),
        k: try number(.k, in: 1e-6...1e6, "1e-6 to 1000000"))
    }
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
    case .p2(let gamma, let k):
      try values.encode(Rule.p2, forKey: .rule)
      try values.encode(gamma, forKey: .gamma)
      try values.encode(k, forKey: .k)
    }
  }
}
