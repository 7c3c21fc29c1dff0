import CLIP
public import Classics
public import Config
public import Foundation
public import Imaging
public import Torch
public import TorchNN

/// Training of a prior over the codes of a code model.
///
/// Source: van den Oord et al. 2017, section 3.3.
public final class CodePriorTask<Prior: CodePrior>: TrainingTask {
  /// What is minimised and measured.
  public struct Objective: Codable, Sendable, Equatable {
    /// The fraction of images whose condition is dropped.
    public var conditionDropRate: Double
    /// The largest number of held-out images to evaluate.
    public var evaluationCount: Int
    /// The temperature codes are sampled at.
    public var sampleTemperature: Double

    enum CodingKeys: String, CodingKey {
      case conditionDropRate = "condition_drop_rate"
      case evaluationCount = "evaluation_count"
      case sampleTemperature = "sample_temperature"
    }

    /// Groups the values.
    public init(conditionDropRate: Double, evaluationCount: Int, sampleTemperature: Double) {
      self.conditionDropRate = conditionDropRate
      self.evaluationCount = evaluationCount
      self.sampleTemperature = sampleTemperature
    }

    /// Checks each value.
    /// - Throws: `ConfigError.invalid` for the first value that is impossible.
    public func validate(file: String) throws(ConfigError) {
      let check = ConfigCheck(objective: file)
      try check.fraction("condition_drop_rate", conditionDropRate)
      try check.evaluation(evaluationCount)
      try check.number("sample_temperature", sampleTemperature, in: 0.001...1000)
    }
  }

  /// The name of the stage.
  public var stage: String { Prior.kind.rawValue }
  /// The module that is trained, averaged and saved.
  public var module: any Module { prior }

  private let prior: Prior
  private let decoder: any CodeModel
  private let objective: Objective
  private let seed: UInt64
  private let training: CodeSet
  private let heldOut: CodeSet
  private let classes: [String]?
  private var current: (pass: Int, rows: Tensor)?

  /// A prior with random weights over the codes of `decoder`.
  init(
    _ config: Prior.Config, objective: Objective, decoder: any CodeModel, training: CodeSet,
    heldOut: CodeSet, classes: [String]?, options: TrainingOptions, using random: RandomSource
  ) {
    prior = Prior(config, using: random)
    self.objective = objective
    self.decoder = decoder
    self.training = training
    self.heldOut = heldOut.prefix(objective.evaluationCount)
    self.classes = classes
    seed = options.seed
  }

  /// Loads the weights of a model folder.
  func start(from folder: URL) throws {
    try prior.load(ClassicFolder(folder).load(Prior.self).stateDict(), file: folder)
  }

  /// Images in a batch, at most all that there are.
  public func batchSize(of options: TrainingOptions) -> Int {
    min(options.batchSize, training.count)
  }

  /// Rows of the batch at an index, in the order of its epoch.
  public func batch(at index: Int, rows: BatchRows) -> CodeSet {
    let perPass = training.count / rows.total
    let (pass, position) = index.quotientAndRemainder(dividingBy: perPass)
    let start = position * rows.total
    return training[
      order(of: pass)[start + rows.range.lowerBound..<start + rows.range.upperBound]]
  }

  /// The rows in an epoch's random order.
  private func order(of pass: Int) -> Tensor {
    if let current, current.pass == pass { return current.rows }
    let random = RandomSource(seed: StepSeed.seed(seed, .data, at: pass))
    let rows = random.permutation(training.count)
    current = (pass, rows)
    return rows
  }

  /// The mean cross-entropy of a code given those before it, nats.
  public func loss(_ batch: CodeSet, of part: Int, using random: RandomSource) -> Losses {
    let nats = prior.loss(batch.codes, condition: dropped(batch.conditions, using: random))
    return Losses(total: nats)
  }

  /// Measures bits per code on held-out images, beside the entropy of the codes' frequencies.
  public func evaluate() throws -> [String: Double] {
    var bits = 0.0
    for start in stride(from: 0, to: heldOut.count, by: 250) {
      let rows = start..<min(start + 250, heldOut.count)
      let fraction = Double(rows.count) / Double(heldOut.count)
      bits +=
        fraction
        * prior.bitsPerCode(
          heldOut.codes[rows], condition: heldOut.conditions?[rows])
    }
    let entropy = heldOut.unigramEntropy(codebookSize: prior.codes.codebookSize)
    return ["bits_per_code": bits, "unigram_bits": entropy, "saved": 1 - bits / entropy]
  }

  /// Decodes images from sampled codes.
  public func sample(using random: RandomSource) throws -> Image? {
    let conditions = heldOut.conditions.map { $0[0..<min(32, heldOut.count)] }
    let codes = prior.sample(
      conditions?.dim(0) ?? 32, condition: conditions,
      sampling: CodeSampling(temperature: objective.sampleTemperature), using: random)
    return ContactSheet.grid([Image](decoder.decode(codes)), columns: 8)
  }

  /// Writes the averaged weights as a model folder.
  public func export(to folder: URL) throws {
    try ClassicFolder(folder).save(
      prior, codebook: decoder.codebookFingerprint, classes: classes)
  }

  /// Drops some of the conditions.
  private func dropped(_ conditions: Tensor?, using random: RandomSource) -> Tensor? {
    guard let conditions, objective.conditionDropRate > 0 else { return conditions }
    let drop = random.bernoulli(objective.conditionDropRate, [conditions.dim(0)])
    return prior.dropping(conditions, where: drop)
  }
}
