import Files
import Torch

/// Makes tensors from the descriptions in a pickle, each value checked before it is used.
struct StorageReader {
  private let archive: ZipArchive
  /// The folder of the storages in the archive, with a slash at its end.
  private let folder: String
  /// Storages that had to be inflated; several tensors may share one.
  private var inflated: [String: [UInt8]] = [:]
  private let budget: ReadingBudget

  init(_ archive: ZipArchive, folder: String, budget: ReadingBudget) {
    self.archive = archive
    self.budget = budget
    self.folder = folder
  }

  /// Elements of the largest tensor.
  private static let mostElements = 1 << 40

  /// - Throws: `ArchiveError.damaged`.
  mutating func tensor(_ wanted: TensorReference, key: String) throws(ArchiveError) -> Tensor {
    let stored = try storedTensor(wanted, key: key)
    guard wanted.isNegated else { return stored }
    try budget.take(bytes: stored.count * wanted.dtype.size)
    return -stored
  }

  private mutating func storedTensor(
    _ wanted: TensorReference, key: String
  ) throws(ArchiveError) -> Tensor {
    func fault(_ reason: String) -> ArchiveError {
      .damaged(file: archive.file, reason: "the tensor \"\(key.prefix(120))\" \(reason)")
    }
    let width = wanted.dtype.size
    guard let entry = archive.entries[folder + wanted.storage.key] else {
      throw fault("lies in the entry \(folder)\(wanted.storage.key), which is not there")
    }
    let (claimed, tooLarge) = wanted.storage.count.multipliedReportingOverflow(
      by: wanted.storage.dtype?.size ?? 1)
    guard !tooLarge, claimed <= entry.size else {
      throw fault("lies in a storage of \(wanted.storage.count) elements, of which there are fewer")
    }
    // Axes of length 0 count as 1, so that the others are bounded too.
    var bound = 1
    for length in wanted.shape {
      let (product, overflow) = bound.multipliedReportingOverflow(by: max(1, length))
      guard !overflow, product <= Self.mostElements else {
        throw fault("has the shape \(wanted.shape), which is too large")
      }
      bound = product
    }
    if wanted.shape.contains(0) { return Tensor.empty(wanted.shape, dtype: wanted.dtype) }
    guard let span = Self.span(wanted), wanted.offset <= claimed / width,
      span <= claimed / width - wanted.offset
    else {
      throw fault(
        "of shape \(wanted.shape) and strides \(wanted.strides) reaches beyond its storage")
    }
    guard bound <= span else {
      throw fault("repeats its elements, having the strides \(wanted.strides)")
    }
    let start = wanted.offset * width
    let isPlain = Self.isRowMajor(wanted)
    if !entry.isDeflated, isPlain {
      return archive.mapping.tensor(
        shape: wanted.shape, dtype: wanted.dtype, at: entry.range.lowerBound + start)
    }
    try budget.take(bytes: bound * width)
    func made(_ storage: UnsafeRawBufferPointer) -> Tensor {
      let bytes = UnsafeRawBufferPointer(rebasing: storage[start..<start + span * width])
      return isPlain
        ? Tensor(bytes: bytes, shape: wanted.shape, dtype: wanted.dtype)
        : StridedCopy(wanted).tensor(of: bytes)
    }
    guard entry.isDeflated else {
      return made(UnsafeRawBufferPointer(rebasing: archive.mapping.bytes[entry.range]))
    }
    if let known = inflated[entry.name] { return known.withUnsafeBytes(made) }
    let storage = try archive.bytes(of: entry, limit: 1 << 32, budget: budget)
    inflated[entry.name] = storage
    return storage.withUnsafeBytes(made)
  }

  /// The count of elements from a tensor's first to its last; nil when it overflows.
  private static func span(_ tensor: TensorReference) -> Int? {
    var last = 0
    for (length, stride) in zip(tensor.shape, tensor.strides) {
      let (step, overflow) = stride.multipliedReportingOverflow(by: length - 1)
      let (sum, tooFar) = last.addingReportingOverflow(step)
      guard !overflow, !tooFar, sum < Int.max else { return nil }
      last = sum
    }
    return last + 1
  }

  /// Whether the elements lie in row-major order without gaps.
  private static func isRowMajor(_ tensor: TensorReference) -> Bool {
    var expected = 1
    for (length, stride) in zip(tensor.shape, tensor.strides).reversed() where length != 1 {
      guard stride == expected else { return false }
      expected *= length
    }
    return true
  }
}

/// Copies the elements of a view in row-major order.
private struct StridedCopy {
  private let shape: [Int]
  private let strides: [Int]
  private let dtype: DType

  init(_ tensor: TensorReference) {
    (shape, dtype) = (tensor.shape, tensor.dtype)
    // The stride of an axis of length 1 is never taken, and may have any value.
    strides = zip(shape, tensor.strides).map { $0 == 1 ? 0 : $1 }
  }

  /// Makes the tensor from the bytes between its first and its last element.
  func tensor(of bytes: UnsafeRawBufferPointer) -> Tensor {
    let count = shape.reduce(1, *)
    switch dtype.size {
    case 1: return copy(bytes, count, as: UInt8.self)
    case 2: return copy(bytes, count, as: UInt16.self)
    case 4: return copy(bytes, count, as: UInt32.self)
    default: return copy(bytes, count, as: UInt64.self)
    }
  }

  private func copy<Bits: FixedWidthInteger & BitwiseCopyable>(
    _ bytes: UnsafeRawBufferPointer, _ count: Int, as type: Bits.Type
  ) -> Tensor {
    let width = MemoryLayout<Bits>.size
    let elements = [Bits](unsafeUninitializedCapacity: count) { buffer, filled in
      var index = [Int](repeating: 0, count: shape.count)
      var source = 0
      for target in 0..<count {
        buffer[target] = bytes.loadUnaligned(fromByteOffset: source * width, as: Bits.self)
        // Counts like an odometer, the last axis fastest.
        var axis = shape.count - 1
        while axis >= 0 {
          index[axis] += 1
          source += strides[axis]
          if index[axis] < shape[axis] { break }
          source -= strides[axis] * shape[axis]
          index[axis] = 0
          axis -= 1
        }
      }
      filled = count
    }
    return elements.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: dtype) }
  }
}
