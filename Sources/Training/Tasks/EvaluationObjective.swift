public import Config

/// The objective of a task whose loss has no settings: only the size of the evaluation.
public struct EvaluationObjective: Codable, Sendable, Equatable {
  /// The largest number of images to evaluate: held-out ones, and as many seen ones where a task
  /// reports both.
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
    try ConfigCheck(objective: file).evaluation(evaluationCount)
  }
}
