import Files
public import Foundation

/// A matrix file written some rows at a time, so that it need not fit in memory.
///
/// The rows go to a temporary file, which ``commit(metadata:replacing:)`` renames; without that nothing is left.
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

  /// Rows that there is room for.
  public private(set) var missingRows: Int
  private let rows: Int
  private let columns: Int
  private let format: Format
  private let dtype: DType
  private let metadata: [String: String]
  private let headerSize: Int
  private let url: URL
  private let file: AtomicFile

  /// Begins a file for a matrix of at most `rows` by `columns`.
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
    self.rows = rows
    self.columns = columns
    self.format = format
    self.dtype = dtype
    self.metadata = metadata
    self.url = url
    let header = try Self.header(format, rows, columns, dtype, metadata, url)
    headerSize = header.count
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

  /// Moves the file to its path, as a matrix of the rows that were written.
  ///
  /// - Parameters:
  ///   - metadata: What takes the place of the metadata that the file began with.
  ///   - replacing: Whether a file of that name is replaced; otherwise it is an error and stays.
  /// - Precondition: A row is written, and the metadata are no longer than before.
  /// - Throws: `CheckpointError.unwritable`.
  public func commit(
    metadata: [String: String]? = nil, replacing: Bool = true
  ) throws(CheckpointError) {
    precondition(missingRows < rows, "no row is written")
    let metadata = metadata ?? self.metadata
    let header =
      missingRows > 0 || metadata != self.metadata
      ? try Self.header(
        format, rows - missingRows, columns, dtype, metadata, url, size: headerSize) : nil
    do {
      if let header { try file.rewriteStart(header) }
      try file.commit(replacing: replacing)
    } catch {
      throw CheckpointError(unwritable: error)
    }
  }

  /// Returns a header, padded to `size` bytes when given.
  private static func header(
    _ format: Format, _ rows: Int, _ columns: Int, _ dtype: DType, _ metadata: [String: String],
    _ url: URL, size: Int? = nil
  ) throws(CheckpointError) -> Data {
    switch format {
    case .npy: return npyHeader(rows: rows, columns: columns, dtype: dtype, size: size)
    case .safetensors:
      do {
        return try safetensorsHeader(
          rows: rows, columns: columns, dtype: dtype, metadata: metadata, size: size)
      } catch {
        throw .unwritable(file: url.path, reason: "its texts are not all Unicode")
      }
    }
  }

  private static func npyHeader(rows: Int, columns: Int, dtype: DType, size: Int?) -> Data {
    let kind = dtype == .float16 ? "<f2" : "<f4"
    var text = "{'descr': '\(kind)', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    // Magic, version and length take 10 bytes; data begin at a multiple of 64.
    let used = 10 + text.utf8.count + 1
    text += String(repeating: " ", count: padding(used, to: size, multipleOf: 64)) + "\n"
    let length = UInt16(text.utf8.count)
    var header = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0])
    header += [UInt8(length & 0xFF), UInt8(length >> 8)]
    return header + Data(text.utf8)
  }

  private static func safetensorsHeader(
    rows: Int, columns: Int, dtype: DType, metadata: [String: String], size: Int?
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
    let padding = padding(8 + text.count, to: size, multipleOf: 8)
    text.append(contentsOf: [UInt8](repeating: 0x20, count: padding))
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) } + text
  }

  private static func padding(_ used: Int, to size: Int?, multipleOf unit: Int) -> Int {
    guard let size else { return (unit - used % unit) % unit }
    precondition(used <= size, "a header of \(used) bytes where \(size) are kept for it")
    return size - used
  }
}
