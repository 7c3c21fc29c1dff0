public import Classics
public import Config
public import Datasets
public import Foundation

/// What can be trained, in the order of dependence.
public enum TrainingStage: Hashable, Sendable {
  /// The vocabulary of CLIP's tokenizer.
  case tokenizer
  /// Both towers of CLIP.
  case clip
  /// Caption to image embedding.
  case prior
  /// Caption to the tokens of an image embedding.
  case autoregressivePrior
  /// Embeddings to a coarse image that a decoder may be conditioned on.
  case hint
  /// Image embedding to small image.
  case decoder
  /// Small image to large one.
  case upsampler
  /// Large image to larger one.
  case secondUpsampler
  /// One of the models that led to unCLIP.
  case classic(ClassicKind)

  /// The stages of unCLIP, in the order in which they are trained.
  public static let unCLIP: [TrainingStage] = [
    .tokenizer, .clip, .prior, .autoregressivePrior, .hint, .decoder, .upsampler,
    .secondUpsampler,
  ]
}

extension TrainingStage: RawRepresentable, CaseIterable {
  /// The stages of unCLIP, then every classic.
  public static var allCases: [TrainingStage] {
    unCLIP + ClassicKind.allCases.map(TrainingStage.classic)
  }

  /// Finds the stage of a name; nil if there is none.
  public init?(rawValue: String) {
    guard let stage = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = stage
  }

  /// The name of the stage.
  public var rawValue: String {
    switch self {
    case .tokenizer: "tokenizer"
    case .clip: "clip"
    case .prior: "prior"
    case .autoregressivePrior: "ar-prior"
    case .hint: "hint"
    case .decoder: "decoder"
    case .upsampler: "upsampler"
    case .secondUpsampler: "second-upsampler"
    case .classic(let kind): kind.rawValue
    }
  }
}

/// A training configuration: the model, its loss, the training options and the data.
public struct TrainConfig<Model, Objective>: Codable, Sendable, Equatable
where Model: Codable & Sendable & Equatable, Objective: Codable & Sendable & Equatable {
  /// The model's shape.
  public var model: Model
  /// What is minimised and measured.
  public var objective: Objective
  /// The training options.
  public var training: TrainingOptions
  /// The mixture of data.
  public var data: Mixture

  /// Groups the sections.
  public init(model: Model, objective: Objective, training: TrainingOptions, data: Mixture) {
    self.model = model
    self.objective = objective
    self.training = training
    self.data = data
  }

  /// Reads the sections; without `data` every image comes as it is.
  ///
  /// - Throws: `DecodingError`.
  public init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: CodingKeys.self)
    model = try keys.decode(Model.self, forKey: .model)
    objective = try keys.decode(Objective.self, forKey: .objective)
    training = try keys.decode(TrainingOptions.self, forKey: .training)
    data = keys.contains(.data) ? try keys.decode(Mixture.self, forKey: .data) : Mixture()
  }

  /// Reads JSON; every key must be known, and there but in `data`.
  /// - Throws: `ConfigError`, with `file` as the name.
  public static func decode(_ json: Data, file: String) throws(ConfigError) -> Self {
    let config = try ConfigFile.decode(Self.self, from: json, file: file)
    try config.training.validate(file: file)
    try config.data.validate(file: file)
    return config
  }
}

/// A training configuration of the tokenizer, which has no steps.
public struct TokenizerTrainConfig: Codable, Sendable, Equatable {
  /// Number of tokens in the vocabulary.
  public var vocabularySize: Int
  /// Tokens of a text.
  public var contextLength: Int
  /// Pairs that occur less often are not merged.
  public var minimumCount: Int
  /// Number of captions it learns from.
  public var captions: Int
  /// Seed of the choice of captions.
  public var seed: UInt64
  /// Where captions come from.
  public var data: Mixture

  enum CodingKeys: String, CodingKey {
    case captions, seed, data
    case vocabularySize = "vocabulary_size"
    case contextLength = "context_length"
    case minimumCount = "minimum_count"
  }

  /// Groups the values.
  public init(
    vocabularySize: Int, contextLength: Int, minimumCount: Int, captions: Int, seed: UInt64,
    data: Mixture
  ) {
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.minimumCount = minimumCount
    self.captions = captions
    self.seed = seed
    self.data = data
  }

  /// Reads JSON; every key must be known, and there but in `data`.
  /// - Throws: `ConfigError`, with `file` as the name.
  public static func decode(_ json: Data, file: String) throws(ConfigError) -> Self {
    let config = try ConfigFile.decode(Self.self, from: json, file: file)
    let check = ConfigCheck(file: file)
    try check.count("vocabulary_size", config.vocabularySize, in: 514...1_000_000)
    try check.count("context_length", config.contextLength, in: 3...ConfigLimit.positions)
    try check.count("minimum_count", config.minimumCount, in: 1...1_000_000_000)
    try check.count("captions", config.captions, in: 1...10_000_000)
    try config.data.validate(file: file)
    return config
  }
}
