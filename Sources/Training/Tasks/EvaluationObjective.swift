public import Config

/// The objective of a task whose loss has no settings: how much is measured.
public struct EvaluationObjective: Codable, Sendable, Equatable {
  /// Pictures that are measured, at most: held-out ones, and where a task shows both, seen ones.
  public var evaluationCount: Int

  enum CodingKeys: String, CodingKey {
    case evaluationCount = "evaluation_count"
  }

  /// Groups the values.
  public init(evaluationCount: Int) {
    self.evaluationCount = evaluationCount
  }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    try ObjectiveCheck(file: file).positive(evaluationCount, CodingKeys.evaluationCount)
  }
}
