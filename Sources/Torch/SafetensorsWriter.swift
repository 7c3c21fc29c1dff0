import Files
package import Foundation

/// A safetensors file that is written tensor by tensor, so that not all need be in memory at once.
package final class SafetensorsWriter {
  /// The keys in the order in which their tensors are appended.
  package let keys: [String]
  private let layout: [(dtype: DType, shape: [Int])]
  private let file: AtomicFile
  private var count = 0

  /// Begins the file that ``commit()`` puts at `url`; without that nothing is left.
  ///
  /// - Throws: `CheckpointError.unwritable`.
  package init(
    _ tensors: [(key: String, dtype: DType, shape: [Int])], metadata: [String: String] = [:],
    to url: URL
  ) throws(CheckpointError) {
    let ordered = Self.ordered(tensors)
    keys = ordered.map(\.key)
    layout = ordered.map { ($0.dtype, $0.shape) }
    var offset = 0
    var items: [String: Any] = metadata.isEmpty ? [:] : ["__metadata__": metadata]
    for (key, dtype, shape) in ordered {
      guard key != "__metadata__" else {
        throw .unwritable(file: url.path, reason: "no tensor may be called \(key)")
      }
      let size = shape.reduce(dtype.size, *)
      items[key] =
        [
          "dtype": dtype.safetensorsName, "shape": shape, "data_offsets": [offset, offset + size],
        ] as [String: Any]
      offset += size
    }
    var header: Data
    do {
      header = try JSONSerialization.data(
        withJSONObject: items, options: [.sortedKeys, .withoutEscapingSlashes])
    } catch {
      throw .unwritable(file: url.path, reason: "its texts are not all Unicode")
    }
    header.append(contentsOf: [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8))
    do {
      file = try AtomicFile(url)
      try withUnsafeBytes(of: UInt64(header.count).littleEndian) { bytes throws(FileError) in
        try file.write(bytes)
      }
      try file.write(header)
    } catch {
      throw CheckpointError(unwritable: error)
    }
  }

  /// The order in which tensors lie in a file: the widest types first, which keeps each on a multiple of
  /// its element size, and those of a type by their keys.
  package static func ordered(
    _ tensors: [(key: String, dtype: DType, shape: [Int])]
  ) -> [(key: String, dtype: DType, shape: [Int])] {
    tensors.sorted { ($1.dtype.size, $0.key) < ($0.dtype.size, $1.key) }
  }

  /// Appends the tensor of the next key.
  ///
  /// - Throws: `CheckpointError.unwritable`.
  package func append(_ tensor: Tensor) throws(CheckpointError) {
    precondition(
      count < keys.count && tensor.dtype == layout[count].dtype
        && tensor.shape == layout[count].shape,
      "\(count < keys.count ? keys[count] : "nothing") is written next, not \(tensor.shape)")
    count += 1
    let plain = tensor.detached().to(.cpu).contiguous()
    do {
      try plain.withBytes { bytes throws(FileError) in try file.write(bytes) }
    } catch {
      throw CheckpointError(unwritable: error)
    }
  }

  /// Puts the file at its place in one step.
  ///
  /// - Throws: `CheckpointError.unwritable`.
  package func commit() throws(CheckpointError) {
    precondition(count == keys.count, "\(keys.count - count) tensors are yet to be written")
    do {
      try file.commit()
    } catch {
      throw CheckpointError(unwritable: error)
    }
  }
}
