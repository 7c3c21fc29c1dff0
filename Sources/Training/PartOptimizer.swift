package import Distribution
package import Foundation
package import Torch
package import TorchNN

/// Adam over the parameters of a part, whose gradients are summed over the processes.
///
/// Sharded, each process keeps the moments of its share of the weights and updates that share, then all
/// receive the shares of the others: the processes send as many bytes as they do to sum gradients, and the
/// moments and the gradients take an Nth of the memory. Source: Rajbhandari et al. 2020 (ZeRO), stage 1.
package final class PartOptimizer {
  /// The parameters that it updates.
  package var parameters: [Parameter] { named.map(\.parameter) }
  /// The bytes of moments that this process keeps, and those of all weights.
  package var momentBytes: (own: Int, all: Int) {
    func bytes(_ parameters: [Parameter]) -> Int {
      parameters.reduce(0) { $0 + 2 * $1.value.count * $1.dtype.size }
    }
    return (bytes(shards ?? parameters), bytes(parameters))
  }

  private let named: [(name: String, parameter: Parameter)]
  private let ranks: Ranks
  private let gradients: SharedGradients
  private let adam: Adam
  /// This process's share of each bucket's weights, one after another; nil if it updates all.
  private let shards: [Parameter]?

  private static let slots = (mean: ".exp_avg", square: ".exp_avg_sq", step: ".step")

  /// Makes an optimiser of the groups.
  package init(
    _ groups: [ParameterGroup], betas: (Double, Double), epsilon: Double, ranks: Ranks,
    isSharded: Bool
  ) {
    let isSharded = isSharded && ranks.count > 1
    let gradients = SharedGradients(
      of: groups, ranks: ranks, keeping: isSharded ? .share : .all)
    let shards =
      isSharded
      ? gradients.buckets.map { Parameter(Self.share(of: $0, ranks) { $0.parameter.value }) } : nil
    let own = shards.map { shards in
      groups.enumerated().compactMap { index, group -> ParameterGroup? in
        let parts = zip(gradients.buckets, shards).enumerated()
          .filter { $0.element.0.group == index }
          .map { (Self.name(of: $0.offset), $0.element.1) }
        return parts.isEmpty
          ? nil
          : ParameterGroup(parts, weightDecay: group.weightDecay, rateScale: group.rateScale)
      }
    }
    adam = Adam(own ?? groups, learningRate: 0, betas: betas, epsilon: epsilon)
    named = groups.flatMap(\.parameters)
    self.ranks = ranks
    self.gradients = gradients
    self.shards = shards
  }

  /// Whether each process keeps the moments of its share alone; then all of them must call
  /// ``write(to:)``.
  package var isSharded: Bool { shards != nil }

  /// Computes gradients. The last backward pass of a step is `completing`: its gradients are summed
  /// meanwhile.
  package func backward(_ loss: Tensor, completing: Bool) {
    gradients.backward(loss, completing: completing)
  }

  /// Waits for the gradients' sums and clips them.
  ///
  /// - Returns: Their Euclidean norm before, over all parameters and processes.
  package func finishGradients(maximum: Double) throws(DistributionError) -> Double {
    let sums = try gradients.finish()
    guard let shards else { return clipGradientNorm(parameters, maximum: maximum) }
    for (shard, sum) in zip(shards, sums) { shard.value.setGrad(sum.to(shard.device)) }
    return try clipGradients(shards, maximum: maximum) { own throws(DistributionError) in
      let square = Tensor([own * own])
      try ranks.sum([square])
      return square.item().squareRoot()
    }
  }

  /// Updates the parameters, and sets their gradients to nil.
  package func step(learningRate: Double) throws(DistributionError) {
    adam.learningRate = learningRate
    defer { for parameter in parameters { parameter.clearGradient() } }
    guard let shards else { return adam.step() }
    noGrad {
      for (bucket, shard) in zip(gradients.buckets, shards) {
        shard.value.copy(from: Self.share(of: bucket, ranks) { $0.parameter.value })
      }
    }
    adam.step()
    adam.zeroGradients()
    for (bucket, shard) in zip(gradients.buckets, shards) {
      let all = try ranks.gatherShares(shard.value.detached().to(.cpu), of: bucket.count)
      OverlappedSums.unpack(all, into: bucket.parameters.map(\.parameter.value))
    }
  }

  /// Writes the state to a file, which is the same whether it is sharded or not. The first process
  /// writes, and receives the others' shares tensor by tensor.
  ///
  /// - Throws: `CheckpointError` in the first process.
  package func write(to url: URL) throws {
    guard isSharded else {
      if ranks.isRoot { try Safetensors.write(adam.stateDict(), to: url) }
      return
    }
    let layout = SafetensorsWriter.ordered(
      expected.map { ($0.key, $0.value.dtype, $0.value.shape) })
    var writer: SafetensorsWriter?
    var failure: CheckpointError?
    // The others go on to send theirs whether the first can write or not.
    func attempt(_ body: () throws(CheckpointError) -> Void) {
      guard ranks.isRoot, failure == nil else { return }
      do throws(CheckpointError) { try body() } catch { failure = error }
    }
    attempt { () throws(CheckpointError) in writer = try SafetensorsWriter(layout, to: url) }
    let places = places
    let state = adam.slots
    for (key, _, shape) in layout {
      guard let place = places[key], let own = state[place.slot] else { continue }
      let whole =
        key.hasSuffix(Self.slots.step)
        ? own : try gathered(place.range, of: place.total, own).reshaped(shape)
      attempt { () throws(CheckpointError) in try writer?.append(whole) }
    }
    attempt { () throws(CheckpointError) in try writer?.commit() }
    if let failure { throw failure }
  }

  /// Restores a state that ``write(to:)`` has written.
  ///
  /// - Throws: `CheckpointError.misfit`, with the state as it was.
  package func load(_ state: [String: Tensor], file: URL?) throws(CheckpointError) {
    guard isSharded else { return try adam.load(state, file: file) }
    try checkFit(of: state, to: expected, file: file)
    let own = adam.slots
    noGrad {
      for (index, bucket) in gradients.buckets.enumerated() {
        for slot in [Self.slots.mean, Self.slots.square] {
          own[Self.name(of: index) + slot]?.copy(
            from: Self.share(of: bucket, ranks) { entry in
              state[entry.name + slot] ?? entry.parameter.value.zerosLike()
            })
        }
        if let first = bucket.parameters.first, let step = state[first.name + Self.slots.step] {
          own[Self.name(of: index) + Self.slots.step]?.copy(from: step)
        }
      }
    }
  }

  /// Keys and tensors of the shapes that a file has.
  private var expected: [(key: String, value: Tensor)] {
    let step = Tensor.zeros([])
    return named.flatMap { name, parameter in
      let value = parameter.value.detached()
      return [
        (name + Self.slots.mean, value), (name + Self.slots.square, value),
        (name + Self.slots.step, step),
      ]
    }
  }

  /// For each key of a file, Adam's slot that has it, and which elements of the bucket they are.
  private var places: [String: (slot: String, range: Range<Int>, total: Int)] {
    var places: [String: (slot: String, range: Range<Int>, total: Int)] = [:]
    for (index, bucket) in gradients.buckets.enumerated() {
      var start = 0
      for (name, parameter) in bucket.parameters {
        let range = start..<start + parameter.value.count
        start = range.upperBound
        for slot in [Self.slots.mean, Self.slots.square, Self.slots.step] {
          places[name + slot] = (Self.name(of: index) + slot, range, bucket.count)
        }
      }
    }
    return places
  }

  private static func name(of bucket: Int) -> String { "bucket-\(bucket)" }

  /// This process's share of what a bucket's parameters have, one after another: `[n]`.
  private static func share(
    of bucket: SharedGradients.Bucket, _ ranks: Ranks,
    _ tensor: ((name: String, parameter: Parameter)) -> Tensor
  ) -> Tensor {
    let share = ranks.share(of: bucket.count)
    var start = 0
    var parts: [Tensor] = []
    for entry in bucket.parameters {
      let range = start..<start + entry.parameter.value.count
      start = range.upperBound
      let common = share.clamped(to: range)
      if common.isEmpty { continue }
      let first = common.lowerBound - range.lowerBound
      parts.append(tensor(entry).detached().flattened()[first..<first + common.count])
    }
    let device = bucket.parameters[0].parameter.device
    return parts.isEmpty
      ? Tensor.zeros([0], device: device) : Tensor.concatenated(parts, over: 0)
  }

  /// Elements of a bucket, of which every process has those of its share.
  private func gathered(
    _ range: Range<Int>, of total: Int, _ own: Tensor
  ) throws(DistributionError) -> Tensor {
    let shares = ranks.shares(of: total)
    let mine = shares[ranks.rank]
    let common = mine.clamped(to: range)
    let part =
      common.isEmpty
      ? own[0..<0] : own[common.lowerBound - mine.lowerBound..<common.upperBound - mine.lowerBound]
    return try ranks.gather(part, counts: shares.map { $0.clamped(to: range).count })
  }
}
