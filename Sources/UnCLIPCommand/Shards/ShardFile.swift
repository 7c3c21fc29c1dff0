import Datasets
import Files
import Foundation
import Torch

/// A shard while it is written: a tar file of samples, and beside it the list of what failed.
///
/// Both are written aside; ``commit()`` puts them in their places, the tar file last.
final class ShardFile {
  /// A line of the list of what failed.
  struct Failure: Codable, Equatable {
    /// The number of the item: of a prompt, its line.
    var item: Int
    /// The prompt, or the name of the image; nil where it is no text.
    var text: String?
    /// Why, in words that fit after a colon.
    var error: String
    /// How many samples are missing for it.
    var samples: Int
  }

  /// Samples of the items that were added, those that failed included.
  private(set) var done = 0 {
    didSet { onChange(done) }
  }

  private let tar: AtomicFile
  private let list: URL
  private var failures: AtomicFile?
  private let onChange: (Int) -> Void

  /// Begins a shard, of which `onChange` is told how many samples are done.
  ///
  /// - Throws: `CommandError.cannotCreate`.
  init(_ url: URL, failures list: URL, onChange: @escaping (Int) -> Void) throws(CommandError) {
    self.list = list
    self.onChange = onChange
    tar = try Self.writing { () throws(FileError) in try AtomicFile(url) }
  }

  /// Adds a sample: files of one key, told apart by what follows its first dot.
  ///
  /// - Throws: `CommandError.cannotCreate`.
  func append(_ key: String, _ files: [(kind: String, bytes: [UInt8])]) throws(CommandError) {
    for (kind, bytes) in files {
      var block = TarHeader.make(name: "\(key).\(kind)", size: bytes.count)
      block += bytes
      block += [UInt8](repeating: 0, count: TarHeader.padding(bytes.count))
      try Self.writing { () throws(FileError) in try tar.write(block) }
    }
    done += 1
  }

  /// Notes what failed.
  ///
  /// - Throws: `CommandError.cannotCreate`.
  func fail(_ failure: Failure) throws {
    let line = try Self.json(failure) + [10]
    try Self.writing { () throws(FileError) in
      if failures == nil { failures = try AtomicFile(list) }
      try failures?.write(line)
    }
    done += failure.samples
  }

  /// Ends the files and moves them to their places.
  ///
  /// - Throws: `CommandError.cannotCreate`.
  func commit() throws(CommandError) {
    try Self.writing { () throws(FileError) in
      if let failures { try failures.commit() } else { unlink(list.path) }
      try tar.write([UInt8](repeating: 0, count: 2 * TarHeader.blockSize))
      try tar.commit()
    }
  }

  // MARK: Contents

  /// The key of a sample: `000000042`, or `000000042-3` where an item has several.
  static func key(_ item: Int, _ index: Int = 0, of count: Int = 1) -> String {
    func padded(_ number: Int, _ width: Int) -> String {
      String(repeating: "0", count: max(0, width - "\(number)".count)) + "\(number)"
    }
    return padded(item, 9) + (count > 1 ? "-" + padded(index, "\(count - 1)".count) : "")
  }

  /// A value as JSON on one line, with sorted keys.
  static func json(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return [UInt8](try encoder.encode(value))
  }

  /// A NumPy file of one vector, version 1.0. Source: NumPy `numpy.lib.format`.
  ///
  /// - Precondition: The type is float16 or float32.
  static func npy(_ vector: Tensor, _ dtype: DType = .float32) -> [UInt8] {
    precondition(dtype == .float32 || dtype == .float16, "a NumPy file of \(dtype)")
    let kind = dtype == .float16 ? "<f2" : "<f4"
    var header = "{'descr': '\(kind)', 'fortran_order': False, 'shape': (\(vector.count),), }"
    // Magic, version and length take 10 bytes; data begin at a multiple of 64.
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let length = header.utf8.count
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(length & 0xFF), UInt8(length >> 8)] + Array(header.utf8)
    let plain = vector.detached().to(.cpu).to(dtype).contiguous()
    return bytes + plain.withBytes { Array($0) }
  }

  private static func writing<Result>(
    _ body: () throws(FileError) -> Result
  ) throws(CommandError) -> Result {
    do {
      return try body()
    } catch {
      throw .cannotCreate(path: error.path, reason: error.reason, option: "--shards")
    }
  }
}
