import Files
public import Foundation

/// A matrix file written some rows at a time, so that it need not fit in memory.
///
/// The rows go to a temporary file, which ``commit(replacing:)`` renames; without that nothing is left.
public final class MatrixFile {
  /// The format of the header.
  public enum Format: String, Sendable, CaseIterable {
    /// NumPy's own, version 1.0. Source: NumPy `numpy.lib.format`.
    case npy
    /// One tensor, `embeddings`, with metadata in the header.
    case safetensors
  }

  /// The key of the matrix in a safetensors file.
  public static let key = "embeddings"

  /// Rows not written yet.
  public private(set) var missingRows: Int
  private let columns: Int
  private let dtype: DType
  private let file: AtomicFile

  /// Begins a file for a matrix of `rows` by `columns`.
  ///
  /// `metadata` is kept in safetensors only.
  /// - Precondition: Both sides are at least 1, and the type is float16 or float32.
  /// - Throws: `CheckpointError.unwritable`.
  public init(
    _ url: URL, format: Format, rows: Int, columns: Int, dtype: DType = .float32,
    metadata: [String: String] = [:]
  ) throws(CheckpointError) {
    precondition(rows > 0 && columns > 0, "a matrix of \(rows) by \(columns)")
    precondition(
      dtype == .float32 || dtype == .float16, "a matrix file holds float32 or float16, not \(dtype)"
    )
    missingRows = rows
    self.columns = columns
    self.dtype = dtype
    let header: Data
    switch format {
    case .npy: header = Self.npyHeader(rows: rows, columns: columns, dtype: dtype)
    case .safetensors:
      do {
        header = try Self.safetensorsHeader(
          rows: rows, columns: columns, dtype: dtype, metadata: metadata)
      } catch {
        throw .unwritable(file: url.path, reason: "its texts are not all Unicode")
      }
    }
    do {
      file = try AtomicFile(url)
      try file.write(header)
    } catch {
      throw CheckpointError(unwritable: error)
    }
  }

  /// Adds rows at the end.
  ///
  /// Shapes: `[N, columns]`, in any floating-point type.
  /// - Precondition: The rows have the matrix's width and are not more than are missing.
  /// - Throws: `CheckpointError.unwritable`.
  public func append(_ rows: Tensor) throws(CheckpointError) {
    let (count, width) = rows.shape2
    precondition(
      width == columns && count <= missingRows,
      "rows \(rows.shape) for \(missingRows) of width \(columns)")
    let plain = rows.detached().to(.cpu).to(dtype).contiguous()
    do {
      try plain.withBytes { bytes throws(FileError) in try file.write(bytes) }
    } catch {
      throw CheckpointError(unwritable: error)
    }
    missingRows -= count
  }

  /// Moves the file to its path.
  ///
  /// Without `replacing` a file of that name is an error and stays.
  ///
  /// - Precondition: All rows are written.
  /// - Throws: `CheckpointError.unwritable`.
  public func commit(replacing: Bool = true) throws(CheckpointError) {
    precondition(missingRows == 0, "\(missingRows) rows are missing")
    do { try file.commit(replacing: replacing) } catch { throw CheckpointError(unwritable: error) }
  }

  private static func npyHeader(rows: Int, columns: Int, dtype: DType) -> Data {
    let kind = dtype == .float16 ? "<f2" : "<f4"
    var text = "{'descr': '\(kind)', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    // Magic, version and length take 10 bytes; data begin at a multiple of 64.
    text += String(repeating: " ", count: (64 - (10 + text.utf8.count + 1) % 64) % 64) + "\n"
    let length = UInt16(text.utf8.count)
    var header = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0])
    header += [UInt8(length & 0xFF), UInt8(length >> 8)]
    return header + Data(text.utf8)
  }

  private static func safetensorsHeader(
    rows: Int, columns: Int, dtype: DType, metadata: [String: String]
  ) throws -> Data {
    var items: [String: Any] = [
      key: [
        "dtype": dtype.safetensorsName, "shape": [rows, columns],
        "data_offsets": [0, rows * columns * dtype.size],
      ] as [String: Any]
    ]
    if !metadata.isEmpty { items["__metadata__"] = metadata }
    var text = try JSONSerialization.data(
      withJSONObject: items, options: [.sortedKeys, .withoutEscapingSlashes])
    text.append(contentsOf: [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) } + text
  }
}
