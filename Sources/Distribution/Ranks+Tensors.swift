import CMPI
import Foundation
public import Torch

extension Ranks {
  /// Elements that are summed at once, unless a tensor has more.
  package static let bucket = 8 << 20

  /// Copies tensors of the first process to all, in place.
  public func broadcast(_ tensors: [Tensor]) throws(DistributionError) {
    guard count > 1 else { return }
    for tensor in tensors where tensor.count > 0 {
      let plain = Self.plain(tensor)
      try check(cmpi_broadcast(plain.elements, plain.count * plain.dtype.size, 0))
      noGrad { tensor.copy(from: plain) }
    }
  }

  /// Replaces tensors by their sums over all processes, in buckets, each dtype by itself.
  ///
  /// Sums are rounded once: half-precision and single-precision elements are added in double.
  public func sum(_ tensors: [Tensor]) throws(DistributionError) {
    guard count > 1 else { return }
    var buckets: [[Tensor]] = []
    var size = 0
    for tensor in tensors {
      size += tensor.count
      if let last = buckets.last?.last, size <= Self.bucket,
        OverlappedSums.dtype(of: last) == OverlappedSums.dtype(of: tensor)
      {
        buckets[buckets.count - 1].append(tensor)
      } else {
        buckets.append([tensor])
        size = tensor.count
      }
    }
    let sums = OverlappedSums(self)
    for bucket in buckets { try sums.begin(OverlappedSums.flat(bucket)) }
    for (bucket, sum) in zip(buckets, try sums.finish()) {
      OverlappedSums.unpack(sum, into: bucket)
    }
  }

  /// Concatenates the rows of all processes in the order of the ranks; gradients of the rows are
  /// summed over the processes.
  ///
  /// An error of MPI ends all processes: nothing can be thrown out of a backward pass.
  /// Shapes: `[n, …]`, where n may differ between processes, to `[N, …]`.
  public func concatenated(_ rows: Tensor) -> Tensor {
    guard count > 1 else { return rows }
    let device = rows.device
    let counts = Self.endingRun { () throws(DistributionError) in try sizes(rows.dim(0)) }
    return rows.mapped(
      by: { own in
        Self.endingRun { () throws(DistributionError) in
          try gather(own.to(.cpu), counts: counts)
        }.to(device)
      },
      transpose: { all in
        Self.endingRun { () throws(DistributionError) in
          try scatter(all.to(.cpu), counts: counts)
        }.to(device)
      })
  }

  // MARK: - Parts

  /// The rows of all processes, one after another.
  ///
  /// - Parameters:
  ///   - own: Those of this process, `[n, …]` on the CPU.
  ///   - counts: How many each process has.
  /// - Returns: `[N, …]` on the CPU.
  public func gather(_ own: Tensor, counts: [Int]) throws(DistributionError) -> Tensor {
    guard count > 1 else { return own }
    let shape = Array(own.shape.dropFirst())
    let blocks = Blocks(counts.map { $0 * shape.reduce(own.dtype.size, *) })
    let all = Tensor.empty([counts.reduce(0, +)] + shape, dtype: own.dtype)
    let plain = Self.plain(own)
    try gather(plain.elements, all.elements, blocks)
    return withExtendedLifetime(plain) { all }
  }

  /// A tensor of `total` elements of which every process has its share: `[total]` on the CPU.
  public func gatherShares(_ own: Tensor, of total: Int) throws(DistributionError) -> Tensor {
    try gather(own, counts: shares(of: total).map(\.count))
  }

  /// This process's rows of the sum of what all processes have for all rows.
  private func scatter(_ all: Tensor, counts: [Int]) throws(DistributionError) -> Tensor {
    let shape = Array(all.shape.dropFirst())
    let size = shape.reduce(all.dtype.size, *)
    let sent = Blocks(counts.map { $0 * size })
    let received = Blocks([Int](repeating: counts[rank] * size, count: count))
    let parts = Tensor.empty([count, counts[rank]] + shape, dtype: all.dtype)
    let plain = Self.plain(all)
    var copy: OpaquePointer?
    try check(
      cmpi_begin_all_to_all(
        0, 1, plain.elements, sent.counts, sent.offsets, parts.elements, received.counts,
        received.offsets, &copy))
    if let copy { try check(cmpi_finish(copy)) }
    return withExtendedLifetime(plain) { parts.to(.float64).sum(over: 0).to(all.dtype) }
  }

  /// The elements in memory of the CPU, in row-major order.
  static func plain(_ tensor: Tensor) -> Tensor { tensor.detached().to(.cpu).contiguous() }

  private static func endingRun<Result>(
    _ body: () throws(DistributionError) -> Result
  ) -> Result {
    do {
      return try body()
    } catch {
      FileHandle.standardError.write(Data("unclip: \(error)\n".utf8))
      cmpi_abort(70)
    }
  }
}

extension Tensor {
  /// The memory of a contiguous tensor of the CPU, which stays where it is while the tensor lives.
  var elements: UnsafeMutableRawPointer {
    withBytes { bytes in
      // MPI takes an address for no elements too.
      guard let start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8) else {
        preconditionFailure("an address of 8 is not null")
      }
      return UnsafeMutableRawPointer(mutating: start)
    }
  }
}
