import CMPI
import Foundation
public import Torch

extension Ranks {
  /// Elements of one copy; larger tensors are passed on in several.
  private static let bucket = 8 << 20

  /// Copies tensors of the first process to all, in place.
  public func broadcast(_ tensors: [Tensor]) throws(DistributionError) {
    guard count > 1 else { return }
    for tensor in tensors where tensor.count > 0 {
      let plain = Self.plain(tensor)
      let code = plain.withMutableBytes { cmpi_broadcast($0, $1, 0) }
      try check(code)
      noGrad { tensor.copy(from: plain) }
    }
  }

  /// Replaces tensors by their sums over all processes, in buckets, each dtype by itself.
  ///
  /// Sums are rounded once: half-precision and single-precision elements are added in double.
  public func sum(_ tensors: [Tensor]) throws(DistributionError) {
    guard count > 1 else { return }
    var start = 0
    while start < tensors.count {
      let dtype = Self.wide(tensors[start].dtype)
      var (end, size) = (start, 0)
      while end < tensors.count, Self.wide(tensors[end].dtype) == dtype,
        end == start || size + tensors[end].count <= Self.bucket
      {
        size += tensors[end].count
        end += 1
      }
      try sum(bucket: Array(tensors[start..<end]), as: dtype)
      start = end
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

  private func sum(bucket: [Tensor], as dtype: DType) throws(DistributionError) {
    let flat = Tensor.concatenated(
      bucket.map { $0.detached().to(device: .cpu, dtype: dtype).flattened() }, over: 0)
    let total = flat.count
    let sums = Tensor.empty([total], dtype: dtype)
    for first in stride(from: 0, to: total, by: Self.bucket) {
      let part = first..<min(first + Self.bucket, total)
      let counts = (0..<count).map { part.count * ($0 + 1) / count - part.count * $0 / count }
      let own = try scatter(flat[part], counts: counts)
      sums[part].copy(from: try gather(own, counts: counts))
    }
    var start = 0
    for tensor in bucket {
      let own = sums[start..<start + tensor.count].reshaped(tensor.shape)
      noGrad { tensor.detached().copy(from: own) }
      start += tensor.count
    }
  }

  /// The rows of all processes.
  private func gather(_ own: Tensor, counts: [Int]) throws(DistributionError) -> Tensor {
    let shape = Array(own.shape.dropFirst())
    let blocks = Blocks(counts.map { $0 * shape.reduce(own.dtype.size, *) })
    let all = Tensor.empty([counts.reduce(0, +)] + shape, dtype: own.dtype)
    let plain = Self.plain(own)
    let code = plain.withMutableBytes { own, _ in
      all.withMutableBytes { all, _ in
        cmpi_all_gather(own, all, blocks.counts, blocks.offsets)
      }
    }
    try check(code)
    return all
  }

  /// This process's rows of the sum of what all processes have for all rows.
  private func scatter(_ all: Tensor, counts: [Int]) throws(DistributionError) -> Tensor {
    let shape = Array(all.shape.dropFirst())
    let size = shape.reduce(all.dtype.size, *)
    let sent = Blocks(counts.map { $0 * size })
    let received = Blocks([Int](repeating: counts[rank] * size, count: count))
    let parts = Tensor.empty([count, counts[rank]] + shape, dtype: all.dtype)
    let plain = Self.plain(all)
    let code = plain.withMutableBytes { all, _ in
      parts.withMutableBytes { parts, _ in
        cmpi_all_to_all(
          all, sent.counts, sent.offsets, parts, received.counts, received.offsets)
      }
    }
    try check(code)
    return parts.to(.float64).sum(over: 0).to(all.dtype)
  }

  /// The elements in memory of the CPU, in row-major order.
  private static func plain(_ tensor: Tensor) -> Tensor { tensor.detached().to(.cpu).contiguous() }

  private static func wide(_ dtype: DType) -> DType { dtype == .float64 ? .float64 : .float32 }

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
  /// Passes on the memory of a contiguous tensor of the CPU.
  fileprivate func withMutableBytes<Result>(
    _ body: (UnsafeMutableRawPointer, Int) -> Result
  ) -> Result {
    withBytes { bytes in
      guard let start = bytes.baseAddress else {
        return withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { empty in
          guard let start = empty.baseAddress else { preconditionFailure("no memory on the stack") }
          return body(start, 0)
        }
      }
      return body(UnsafeMutableRawPointer(mutating: start), bytes.count)
    }
  }
}
