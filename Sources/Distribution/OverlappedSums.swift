import CMPI
public import Torch

/// Sums of tensors over the processes that go on while the processes compute.
///
/// Every process begins sums of the same sizes in the same order. A sum takes two copies: each process
/// receives its share of the elements from all, adds them in the order of the ranks and in double
/// precision, and then, unless it keeps its share alone, receives the sums of the others' shares. A thread
/// moves the copies on; ``advance()`` adds what has arrived, so call it now and then.
public final class OverlappedSums {
  /// What a process keeps of a sum.
  public enum Kept: Sendable {
    /// All elements.
    case all
    /// Its share, by `Ranks.share(of:)`.
    case share
  }

  private final class Sum {
    enum Stage {
      case dividing(OpaquePointer)
      case added
      case gathering(OpaquePointer)
      case ended
    }

    /// This process's values; later the sum.
    let flat: Tensor
    /// This process's share of all processes' values, until they are added.
    var parts: Tensor?
    var share: Tensor?
    var stage = Stage.ended

    init(_ flat: Tensor) { self.flat = flat }
  }

  private let ranks: Ranks
  private let kept: Kept
  private var sums: [Sum] = []
  /// How many sums have come so far that the share is added, without a gap. The copies of one kind begin
  /// in one order in all processes, whichever arrives first.
  private var addedCount = 0
  /// How many have ended, without a gap.
  private var endedCount = 0

  /// Prepares sums over the processes.
  public init(_ ranks: Ranks, keeping kept: Kept = .all) {
    self.ranks = ranks
    self.kept = kept
  }

  /// Begins the sum of a tensor that nothing else uses until the end.
  ///
  /// - Parameter flat: `[n]` float32 or float64 in contiguous memory of the CPU.
  public func begin(_ flat: Tensor) throws(DistributionError) {
    precondition(flat.rank == 1 && flat.isContiguous && flat.device == .cpu)
    let sum = Sum(flat)
    sums.append(sum)
    let words = flat.dtype.size / 4
    let own = ranks.share(of: flat.count).count
    let parts = Tensor.empty([ranks.count, own], dtype: flat.dtype)
    let received = Blocks([Int](repeating: own * words, count: ranks.count))
    let sent = blocks(of: flat)
    sum.parts = parts
    var copy: OpaquePointer?
    try ranks.check(
      cmpi_begin_all_to_all(
        1, 4, flat.elements, sent.counts, sent.offsets, parts.elements, received.counts,
        received.offsets, &copy))
    if let copy { sum.stage = .dividing(copy) }
    try advance()
  }

  /// Goes on with what has arrived.
  public func advance() throws(DistributionError) {
    while addedCount < sums.count {
      let sum = sums[addedCount]
      guard case .dividing(let copy) = sum.stage, try hasEnded(copy) else { break }
      try add(sum)
    }
    while endedCount < addedCount {
      let sum = sums[endedCount]
      if case .gathering(let copy) = sum.stage {
        guard try hasEnded(copy) else { break }
        sum.stage = .ended
      }
      endedCount += 1
    }
  }

  /// Waits for the sums, and forgets them.
  ///
  /// - Returns: In the order in which they were begun, `[n]`, or this process's share.
  public func finish() throws(DistributionError) -> [Tensor] {
    while addedCount < sums.count {
      let sum = sums[addedCount]
      if case .dividing(let copy) = sum.stage { try ranks.check(cmpi_finish(copy)) }
      try add(sum)
    }
    while endedCount < sums.count {
      let sum = sums[endedCount]
      if case .gathering(let copy) = sum.stage { try ranks.check(cmpi_finish(copy)) }
      sum.stage = .ended
      endedCount += 1
    }
    let results = sums.map { sum in kept == .share ? sum.share ?? sum.flat : sum.flat }
    sums = []
    (addedCount, endedCount) = (0, 0)
    return results
  }

  private func hasEnded(_ copy: OpaquePointer) throws(DistributionError) -> Bool {
    var ended = false
    try ranks.check(cmpi_test(copy, &ended))
    return ended
  }

  /// Adds the share of the next sum, and begins to gather the others' if they are kept.
  private func add(_ sum: Sum) throws(DistributionError) {
    guard let parts = sum.parts else { return }
    let share = Tensor.empty([parts.dim(1)], dtype: parts.dtype)
    let add = parts.dtype == .float64 ? cmpi_add_doubles : cmpi_add_floats
    add(parts.elements, parts.dim(0), parts.dim(1), share.elements)
    sum.parts = nil
    sum.share = share
    sum.stage = .added
    addedCount += 1
    guard kept == .all else { return }
    let blocks = blocks(of: sum.flat)
    var copy: OpaquePointer?
    try ranks.check(
      cmpi_begin_all_gather(
        2, 4, share.elements, sum.flat.elements, blocks.counts, blocks.offsets, &copy))
    if let copy { sum.stage = .gathering(copy) }
  }

  /// The processes' shares in words of four bytes.
  private func blocks(of flat: Tensor) -> Blocks {
    Blocks(ranks.shares(of: flat.count).map { $0.count * flat.dtype.size / 4 })
  }
}

extension OverlappedSums {
  /// The type in which tensors are sent.
  static func dtype(of tensor: Tensor) -> DType { tensor.dtype == .float64 ? .float64 : .float32 }

  /// Copies tensors one after another into memory of the CPU; the type is that of the first.
  package static func flat(_ tensors: [Tensor]) -> Tensor {
    let dtype = tensors.first.map(dtype) ?? .float32
    return Tensor.concatenated(
      tensors.map { $0.detached().to(device: .cpu, dtype: dtype).flattened() }, over: 0)
  }

  /// Copies what lies one after another back into tensors of those shapes.
  package static func unpack(_ flat: Tensor, into tensors: [Tensor]) {
    var start = 0
    noGrad {
      for tensor in tensors {
        tensor.detached().copy(
          from: flat[start..<start + tensor.count].reshaped(tensor.shape))
        start += tensor.count
      }
    }
  }
}
