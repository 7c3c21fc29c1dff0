import Foundation

/// What a step takes that several processes share, from the operations of the stage, the sums of the
/// gradients as they are done here, and the speed of the machines. A model, which `unclip bench ranks`
/// compares with what is measured.
///
/// Sums are not hidden behind the backward pass: each bucket of gradients is divided between the
/// processes, each adds its part of all in double precision, and gathers the sums of the others.
public struct SharedCost: Sendable, Equatable {
  /// The speed of one process and of what joins it with the others.
  public struct Machine: Sendable, Equatable {
    /// Operations in a second that are reached.
    public var speed: Double
    /// Bytes in a second that a process can send, and receive at the same time.
    public var bandwidth: Double
    /// Seconds that a message takes however short it is.
    public var latency: Double
    /// Bytes in a second that a process can read or write in its memory.
    public var memoryBandwidth: Double

    /// Groups the values.
    public init(speed: Double, bandwidth: Double, latency: Double, memoryBandwidth: Double) {
      self.speed = speed
      self.bandwidth = bandwidth
      self.latency = latency
      self.memoryBandwidth = memoryBandwidth
    }
  }

  /// What takes most of a step.
  public enum Bottleneck: String, Sendable, CaseIterable {
    /// The passes of the networks.
    case computation
    /// Messages, however short.
    case latency
    /// Bytes between processes.
    case bandwidth
    /// Copies and sums of gradients, and the optimiser, in the memory of each process.
    case memory
    /// The averages of the weights, which the first process keeps while the others wait.
    case first = "first process"
  }

  /// How many processes share a step.
  public let ranks: Int
  /// The most images that one of them has.
  public let images: Int
  /// Seconds of a step by what takes them.
  public let seconds: [Bottleneck: Double]
  /// Seconds of a step in one process.
  public let aloneSeconds: Double
  /// Days of the whole training.
  public let days: Double

  /// Seconds of a step.
  public var stepSeconds: Double {
    Bottleneck.allCases.reduce(0) { $0 + (seconds[$1] ?? 0) }
  }

  /// The speed as a fraction of that of as many processes that need not wait for each other.
  public var efficiency: Double { aloneSeconds / (Double(ranks) * stepSeconds) }

  /// What takes most of a step.
  public var bottleneck: Bottleneck {
    Bottleneck.allCases.max { (seconds[$0] ?? 0) < (seconds[$1] ?? 0) } ?? .computation
  }

  /// Elements of a bucket of gradients, as `Ranks` sums them.
  package static let bucket = 8 << 20
  /// Messages of a step beside the gradients: the batch, which weights have gradients, the loss,
  /// whether to stop, and what the first process writes; each once to and once from all.
  static let smallCollectives = 10
  /// Bytes that the sum of a gradient moves in memory: into the bucket (8), to double (12), the sum
  /// (8), into the result (8), and back into the gradient (8).
  static let sumBytes = 44.0
  /// Bytes that the update of a weight moves: weight, gradient and moments in, weight and moments
  /// out, the gradient's norm, and its clearing.
  static let updateBytes = 36.0
  /// Bytes that the average of a weight moves.
  static let averageBytes = 12.0

  /// Counts a step of a stage; nil where its batch is not known, or has fewer images than there are
  /// processes.
  public init?(of cost: TrainingCost, ranks: Int, machine: Machine) {
    guard let budget = cost.budget, ranks >= 1, budget.images >= ranks else { return nil }
    let weights = Double(cost.parameters)
    let images = (budget.images + ranks - 1) / ranks
    let others = Double(ranks - 1)
    let buckets = (weights / Double(Self.bucket)).rounded(.up)
    let isShared = ranks > 1 ? 1.0 : 0
    self.ranks = ranks
    self.images = images
    let update = weights * Self.updateBytes / machine.memoryBandwidth
    let averages =
      weights * Double(budget.averages) * Self.averageBytes / machine.memoryBandwidth
    seconds = [
      .computation: Double(images) * cost.imageOperations / machine.speed,
      .latency: others * (2 * buckets + Double(Self.smallCollectives)) * machine.latency,
      .bandwidth: 2 * others / Double(ranks) * 4 * weights / machine.bandwidth,
      .memory: isShared * weights * Self.sumBytes / machine.memoryBandwidth + update,
      .first: averages,
    ]
    aloneSeconds =
      Double(budget.images) * cost.imageOperations / machine.speed + update + averages
    let step = seconds.sorted { $0.key.rawValue < $1.key.rawValue }.reduce(0) { $0 + $1.value }
    days = step * Double(budget.steps) / 86_400
  }
}
