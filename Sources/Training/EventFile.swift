import Files
import Foundation

/// TensorBoard's event file of a run: each scalar of each summary.
///
/// A file is a sequence of TFRecords: the length (8 bytes, little-endian), its checksum, the bytes of
/// an `Event`, their checksum. Source: tensorflow `core/lib/io/record_writer.cc`,
/// `core/util/event.proto` and `core/framework/summary.proto`.
final class EventFile {
  /// The file's name; TensorBoard reads what has `tfevents` in its name.
  static let name = "events.out.tfevents.unclip"

  private let file: FileHandle

  /// Writes the summaries so far.
  init(_ url: URL, of summaries: [TrainingSummary]) throws {
    let begin = summaries.first?.time ?? Date().timeIntervalSince1970
    let head = Self.event(time: begin) { $0.add(3, text: "brain.Event:2") }
    try AtomicFile.write(summaries.reduce(head) { $0 + Self.event(of: $1) }, to: url)
    file = try FileHandle(forWritingTo: url)
    try file.seekToEnd()
  }

  /// Adds the scalars of a summary.
  func append(_ summary: TrainingSummary) throws {
    try file.write(contentsOf: Self.event(of: summary))
  }

  /// The record of a summary.
  static func event(of summary: TrainingSummary) -> Data {
    var values = ProtocolBuffer()
    for (name, value) in summary.scalars {
      var scalar = ProtocolBuffer()
      scalar.add(1, text: name)
      scalar.add(2, float: Float(value))
      values.add(1, bytes: scalar.data)
    }
    return event(time: summary.time ?? 0) {
      $0.add(2, integer: summary.step)
      $0.add(5, bytes: values.data)
    }
  }

  private static func event(time: Double, _ fill: (inout ProtocolBuffer) -> Void) -> Data {
    var event = ProtocolBuffer()
    event.add(1, double: time)
    fill(&event)
    let length = littleEndian(UInt64(event.data.count))
    return length + littleEndian(maskedChecksum(length)) + event.data
      + littleEndian(maskedChecksum(event.data))
  }

  /// The checksum of TFRecords: CRC-32C, rotated and shifted, since a checksum of bytes that hold
  /// their own checksum would be weak.
  static func maskedChecksum(_ data: Data) -> UInt32 {
    let crc = checksum(data)
    return ((crc >> 15) | (crc << 17)) &+ 0xA282_EAD8
  }

  /// CRC-32C (Castagnoli). Source: RFC 3720, appendix B.4.
  static func checksum(_ data: Data) -> UInt32 {
    ~data.reduce(~UInt32(0)) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ ($0 >> 8) }
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in
      crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1
    }
  }
}

/// A message of protocol buffers, field by field.
private struct ProtocolBuffer {
  private(set) var data = Data()

  mutating func add(_ field: Int, integer value: Int) {
    tag(field, kind: 0)
    variable(UInt64(bitPattern: Int64(value)))
  }

  mutating func add(_ field: Int, double value: Double) {
    tag(field, kind: 1)
    data += littleEndian(value.bitPattern)
  }

  mutating func add(_ field: Int, float value: Float) {
    tag(field, kind: 5)
    data += littleEndian(value.bitPattern)
  }

  mutating func add(_ field: Int, bytes: Data) {
    tag(field, kind: 2)
    variable(UInt64(bytes.count))
    data += bytes
  }

  mutating func add(_ field: Int, text: String) { add(field, bytes: Data(text.utf8)) }

  private mutating func tag(_ field: Int, kind: Int) { variable(UInt64(field << 3 | kind)) }

  /// Seven bits a byte, the lowest first.
  private mutating func variable(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      data.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }
}

private func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> Data {
  withUnsafeBytes(of: value.littleEndian) { Data($0) }
}
