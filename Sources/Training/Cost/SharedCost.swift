import Foundation

/// What a step takes that several processes share, from the operations of the stage, the sums of the
/// gradients as they are done here, and the speed of the machines. A model, which `unclip bench ranks`
/// compares with what is measured.
///
/// Each bucket of gradients is divided between the processes, each adds its share of all in double
/// precision, and gathers the sums of the others. Messages travel while the backward pass, two thirds of the
/// computation, goes on; those of the last bucket begin when it has ended. Copies and sums take the
/// processor from the passes.
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
  /// Seconds of a step by what takes them; of messages, what the backward pass does not hide.
  public let seconds: [Bottleneck: Double]
  /// Seconds of a step in one process.
  public let aloneSeconds: Double
  /// Days of the whole training.
  public let days: Double
  /// Bytes of weights, gradients and moments of each process where the moments are divided.
  public let shardedBytes: Double
  /// Those of the first process, which keeps the averages too.
  public let shardedBytesOfFirst: Double

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

  /// Messages of a step beside the gradients: the batch, which weights have gradients, the loss,
  /// whether to stop, and what the first process writes; each once to and once from all.
  static let smallCollectives = 10
  /// Bytes that the sum of a gradient moves in memory: into the bucket (8), the share of all (4), and back
  /// into the gradient (8).
  static let sumBytes = 20.0
  /// Bytes that the update of a weight moves: weight, gradient and moments in, weight and moments
  /// out, the gradient's norm, and its clearing.
  static let updateBytes = 36.0
  /// Bytes that the average of a weight moves.
  static let averageBytes = 12.0

  /// The buckets in which so many gradients are summed.
  package static func buckets(of weights: Int) -> Double {
    (Double(weights) / Double(SharedGradients.bucketSize(of: weights))).rounded(.up)
  }

  /// The part of the messages' time that the backward pass does not hide.
  package static func left(
    of messages: Double, computation: Double, buckets: Double
  ) -> Double {
    messages > 0 ? max(1 / buckets, 1 - computation * 2 / 3 / messages) : 0
  }

  /// Counts a step of a stage; nil where its batch is not known, or has fewer images than there are
  /// processes.
  public init?(of cost: TrainingCost, ranks: Int, machine: Machine) {
    guard let budget = cost.budget, ranks >= 1, budget.images >= ranks else { return nil }
    let weights = Double(cost.parameters)
    let images = (budget.images + ranks - 1) / ranks
    let others = Double(ranks - 1)
    let buckets = Self.buckets(of: cost.parameters)
    let isShared = ranks > 1 ? 1.0 : 0
    self.ranks = ranks
    self.images = images
    let update = weights * Self.updateBytes / machine.memoryBandwidth
    let averages =
      weights * Double(budget.averages) * Self.averageBytes / machine.memoryBandwidth
    let computation = Double(images) * cost.imageOperations / machine.speed
    let latency = others * 2 * buckets * machine.latency
    let bandwidth = 2 * others / Double(ranks) * 4 * weights / machine.bandwidth
    let left = Self.left(of: latency + bandwidth, computation: computation, buckets: buckets)
    seconds = [
      .computation: computation,
      .latency: others * Double(Self.smallCollectives) * machine.latency + left * latency,
      .bandwidth: left * bandwidth,
      .memory: isShared * weights * Self.sumBytes / machine.memoryBandwidth + update,
      .first: averages,
    ]
    aloneSeconds =
      Double(budget.images) * cost.imageOperations / machine.speed + update + averages
    let step = seconds.sorted { $0.key.rawValue < $1.key.rawValue }.reduce(0) { $0 + $1.value }
    days = step * Double(budget.steps) / 86_400
    // The gradients of the buckets on their way are not counted.
    shardedBytes = 4 * weights * (1 + 3 / Double(ranks))
    shardedBytesOfFirst = shardedBytes + 4 * weights * Double(budget.averages)
  }
}
