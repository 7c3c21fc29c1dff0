import Files
import Foundation

/// The checked header of a safetensors file: names, types, shapes and byte ranges.
public struct SafetensorsHeader: Sendable, Equatable {
  /// One tensor of the file.
  public struct Entry: Sendable, Equatable {
    /// Its key.
    public let name: String
    /// Its element type.
    public let dtype: DType
    /// The length of each axis.
    public let shape: [Int]
    /// Its bytes, counted from the end of the header.
    public let range: Range<Int>
  }

  /// The tensors in the order of their bytes.
  public let entries: [Entry]
  /// The writer's metadata.
  public let metadata: [String: String]
  /// The bytes of the file before the first tensor's.
  public let dataStart: Int

  /// The largest header that is read: 100 MB, the format's own limit.
  public static let longestHeader = 100_000_000

  /// Reads and checks the header of a file that begins with `bytes`.
  ///
  /// The tensors must fill the file after the header without gap or overlap, each with exactly the
  /// bytes of its shape.
  /// - Throws: `CheckpointError.malformed` and `.badTensor`.
  public init(
    parsing bytes: UnsafeRawBufferPointer, fileSize: Int, file: String
  ) throws(CheckpointError) {
    guard fileSize >= 8, bytes.count >= 8 else {
      throw .malformed(file: file, reason: "it has \(fileSize) bytes, fewer than a header")
    }
    if FileHead.isPage(bytes) { throw .malformed(file: file, reason: FileHead.pageReason) }
    if let text = FileHead.message(bytes) {
      throw .malformed(file: file, reason: "it is a text that begins \"\(text)\"")
    }
    if bytes.starts(with: [0x50, 0x4B, 3, 4]) {
      throw .malformed(
        file: file, reason: "it is a file of torch.save, which `unclip convert` reads")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length >= 2, length <= UInt64(Self.longestHeader), Int(length) <= fileSize - 8,
      Int(length) <= bytes.count - 8
    else {
      throw .malformed(
        file: file, reason: "its header claims \(length) bytes in a file of \(fileSize)")
    }
    let start = 8 + Int(length)
    let contents: Contents
    do {
      contents = try JSONDecoder().decode(Contents.self, from: Data(bytes[8..<start]))
    } catch {
      throw .malformed(file: file, reason: "its header is not the JSON of safetensors")
    }
    if let key = JSONKeys.repeated(in: UnsafeRawBufferPointer(rebasing: bytes[8..<start])) {
      throw .malformed(file: file, reason: "its header has the key \"\(key)\" twice in one place")
    }
    try Self.checkLength(contents.items, dataSize: fileSize - start, file: file)
    var entries: [Entry] = []
    for (name, item) in contents.items {
      entries.append(try Self.entry(name, item, dataSize: fileSize - start, file: file))
    }
    entries.sort {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    var end = 0
    for entry in entries {
      guard entry.range.lowerBound == end else {
        let fault = entry.range.lowerBound < end ? "overlaps another" : "follows a gap"
        throw .malformed(
          file: file,
          reason: "the tensor \"\(entry.name)\" at byte \(entry.range.lowerBound) \(fault)")
      }
      end = entry.range.upperBound
    }
    guard end == fileSize - start else {
      throw .malformed(
        file: file, reason: "its tensors take \(end) bytes of \(fileSize - start) after the header")
    }
    self.entries = entries
    metadata = contents.metadata
    dataStart = start
  }

  /// Distinguishes a truncated file, such as an incomplete download, from a wrong one.
  private static func checkLength(
    _ items: [(String, Item)], dataSize: Int, file: String
  ) throws(CheckpointError) {
    let plausible = items.allSatisfy { _, item in
      item.data_offsets.count == 2 && item.data_offsets[0] >= 0
        && item.data_offsets[0] <= item.data_offsets[1]
    }
    let needed = items.compactMap(\.1.data_offsets.last).max() ?? 0
    guard plausible, needed > dataSize else { return }
    throw .malformed(
      file: file,
      reason: "it is cut short, as by a download that did not end: \(dataSize) of \(needed) bytes "
        + "of its tensors are there")
  }

  private static func entry(
    _ name: String, _ item: Item, dataSize: Int, file: String
  ) throws(CheckpointError) -> Entry {
    guard let dtype = DType(safetensorsName: item.dtype) else {
      throw .badTensor(
        file: file, key: name, expected: "a type this package knows", found: item.dtype)
    }
    // Axes of length 0 count as one here, so that the other axes and the strides are bounded too.
    var bound = dtype.size
    for length in item.shape {
      let (product, overflow) = bound.multipliedReportingOverflow(by: max(1, length))
      guard length >= 0, !overflow else {
        throw .badTensor(
          file: file, key: name, expected: "a possible shape", found: "the shape \(item.shape)")
      }
      bound = product
    }
    let size = item.shape.contains(0) ? 0 : bound
    guard item.data_offsets.count == 2, item.data_offsets[0] >= 0,
      item.data_offsets[0] <= item.data_offsets[1], item.data_offsets[1] <= dataSize
    else {
      throw .badTensor(
        file: file, key: name, expected: "two ascending offsets within \(dataSize) bytes",
        found: "the offsets \(item.data_offsets)")
    }
    let range = item.data_offsets[0]..<item.data_offsets[1]
    guard range.count == size else {
      throw .badTensor(
        file: file, key: name, expected: "\(size) bytes for \(item.dtype) \(item.shape)",
        found: "\(range.count) bytes")
    }
    return Entry(name: name, dtype: dtype, shape: item.shape, range: range)
  }

  /// The JSON of one tensor, with the format's names.
  private struct Item: Decodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  /// The JSON of the whole header.
  private struct Contents: Decodable {
    var items: [(String, Item)] = []
    var metadata: [String: String] = [:]

    struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      for key in container.allKeys {
        if key.stringValue == "__metadata__" {
          metadata = try container.decode([String: String].self, forKey: key)
        } else {
          items.append((key.stringValue, try container.decode(Item.self, forKey: key)))
        }
      }
    }
  }
}
