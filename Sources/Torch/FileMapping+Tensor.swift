package import Files

extension FileMapping {
  /// Returns the tensor whose bytes, in row-major order, start at `offset`; copied only when they
  /// are not aligned.
  ///
  /// - Precondition: The bytes lie within the file.
  package func tensor(shape: [Int], dtype: DType, at offset: Int) -> Tensor {
    let range = offset..<offset + shape.reduce(dtype.size, *)
    guard let base, !range.isEmpty, offset % dtype.size == 0 else {
      return Tensor(
        bytes: UnsafeRawBufferPointer(rebasing: bytes[range]), shape: shape, dtype: dtype)
    }
    precondition(range.upperBound <= bytes.count, "\(range) of \(bytes.count) bytes")
    return Tensor(over: base + offset, shape: shape, dtype: dtype, keeping: self)
  }
}
