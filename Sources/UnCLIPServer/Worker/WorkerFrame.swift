package import Foundation

/// Why bytes are no frames of the worker's protocol.
package enum WorkerProtocolError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Another program, or something printed into the stream.
  case magic
  /// Another version than this one.
  case version(UInt16)
  /// A part that is longer than may be.
  case size(part: String, bytes: Int, limit: Int)
  /// A frame is missing, or comes twice.
  case order(expected: UInt32, found: UInt32)
  /// JSON that is no message.
  case message(String)
  /// More or fewer blobs than the message has.
  case blobs(Int)
  /// An embedding whose bytes are no 32-bit numbers.
  case embedding(Int)
  /// The stream ends inside a frame.
  case torn
  /// The stream cannot be read or written.
  case stream(String)

  /// What is wrong.
  package var description: String {
    switch self {
    case .magic: "the stream of the worker process holds bytes that are no frame"
    case .version(let version):
      "the worker process speaks version \(version) of the protocol, not "
        + "\(WorkerFrame.version); install one version of unclip"
    case .size(let part, let bytes, let limit):
      "the \(part) of a frame has \(bytes) bytes, more than \(limit)"
    case .order(let expected, let found): "frame \(found) came where \(expected) was due"
    case .message(let reason): "a frame holds no message: \(reason)"
    case .blobs(let count): "a message came with \(count) blobs, which it does not have"
    case .embedding(let count): "an embedding has \(count) bytes, which is no number of elements"
    case .torn: "the stream ends inside a frame"
    case .stream(let reason): "the stream of the worker process is broken: \(reason)"
    }
  }
}

/// The frames of a stream between server and worker process.
///
/// A header of 32 bytes (magic `uncl`, version, number of blobs, number of the frame, length of the
/// JSON, lengths of up to four blobs; integers are little-endian), the JSON, the blobs.
package enum WorkerFrame {
  /// The version of the protocol.
  static let version: UInt16 = 1
  /// The bytes of a header.
  static let headerSize = 32
  /// The most blobs of a frame.
  static let blobLimit = 4
  /// The most bytes of a message's JSON, and of its blobs together.
  static let jsonSizeLimit = 8 << 20
  static let blobSizeLimit = 512 << 20
  private static let magic = Array("uncl".utf8)

  /// The lengths of a frame's parts.
  struct Header: Equatable {
    var number: UInt32
    var json: Int
    var blobs: [Int]
    /// Bytes after the header.
    var size: Int { json + blobs.reduce(0, +) }
  }

  /// Returns the bytes of a frame.
  ///
  /// - Parameter number: How many frames were sent before, modulo 2³².
  /// - Throws: `WorkerProtocolError` for a message that is too large or has no JSON form.
  package static func encode(
    _ packet: WorkerPacket, number: UInt32
  ) throws(WorkerProtocolError) -> Data {
    let json: Data
    do { json = try JSONEncoder().encode(packet.message) } catch {
      throw .message("\(error)")
    }
    guard packet.message.blobCounts.contains(packet.blobs.count) else {
      throw .blobs(packet.blobs.count)
    }
    let lengths = packet.blobs.map(\.count)
    try check(json: json.count, blobs: lengths)
    var data = Data(capacity: headerSize + json.count + lengths.reduce(0, +))
    func append<Value: FixedWidthInteger>(_ value: Value) {
      withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }
    data.append(contentsOf: magic)
    append(version)
    append(UInt16(lengths.count))
    append(number)
    append(UInt32(json.count))
    for index in 0..<blobLimit {
      append(UInt32(lengths.indices.contains(index) ? lengths[index] : 0))
    }
    data.append(json)
    for blob in packet.blobs { data.append(blob) }
    return data
  }

  private static func check(json: Int, blobs: [Int]) throws(WorkerProtocolError) {
    guard json <= jsonSizeLimit else {
      throw .size(part: "message", bytes: json, limit: jsonSizeLimit)
    }
    let sum = blobs.reduce(0, +)
    guard sum <= blobSizeLimit else {
      throw .size(part: "blobs", bytes: sum, limit: blobSizeLimit)
    }
  }

  /// Reads a header.
  /// - Throws: `WorkerProtocolError`.
  /// - Precondition: `bytes` holds as many as a header has.
  static func header(_ bytes: some Collection<UInt8>) throws(WorkerProtocolError) -> Header {
    let bytes = Array(bytes)
    precondition(bytes.count == headerSize, "a header of \(bytes.count) bytes")
    func integer<Value: FixedWidthInteger>(_ start: Int, _ type: Value.Type) -> Value {
      bytes.withUnsafeBytes {
        Value(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: type))
      }
    }
    guard Array(bytes.prefix(4)) == magic else { throw .magic }
    let version = integer(4, UInt16.self)
    guard version == Self.version else { throw .version(version) }
    let count = Int(integer(6, UInt16.self))
    guard count <= blobLimit else { throw .blobs(count) }
    let lengths = (0..<blobLimit).map { Int(integer(16 + 4 * $0, UInt32.self)) }
    guard lengths.dropFirst(count).allSatisfy({ $0 == 0 }) else { throw .blobs(count) }
    let header = Header(
      number: integer(8, UInt32.self), json: Int(integer(12, UInt32.self)),
      blobs: Array(lengths.prefix(count)))
    try check(json: header.json, blobs: header.blobs)
    return header
  }
}

/// Takes a stream's bytes as they come, and gives its messages.
package struct WorkerFrameReader {
  private var buffer = Data()
  private var header: WorkerFrame.Header?
  private var number: UInt32 = 0

  /// Begins with the first frame.
  package init() {}

  /// Takes bytes.
  package mutating func append(_ bytes: some Collection<UInt8>) { buffer.append(contentsOf: bytes) }

  /// Returns the next message; nil until all of it has come.
  /// - Throws: `WorkerProtocolError`, after which nothing of the stream can be read.
  package mutating func next() throws(WorkerProtocolError) -> WorkerPacket? {
    if header == nil {
      guard buffer.count >= WorkerFrame.headerSize else { return nil }
      let read = try WorkerFrame.header(buffer.prefix(WorkerFrame.headerSize))
      guard read.number == number else { throw .order(expected: number, found: read.number) }
      header = read
    }
    guard let header, buffer.count >= WorkerFrame.headerSize + header.size else { return nil }
    var rest = buffer.dropFirst(WorkerFrame.headerSize)
    let json = Data(rest.prefix(header.json))
    rest = rest.dropFirst(header.json)
    var blobs: [Data] = []
    for length in header.blobs {
      blobs.append(Data(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    buffer = Data(rest)
    self.header = nil
    number &+= 1
    let message: WorkerMessage
    do { message = try JSONDecoder().decode(WorkerMessage.self, from: json) } catch {
      throw .message("\(error)")
    }
    guard message.blobCounts.contains(blobs.count) else { throw .blobs(blobs.count) }
    return WorkerPacket(message, blobs: blobs)
  }

  /// Says that the stream has ended.
  /// - Throws: `WorkerProtocolError.torn` inside a frame.
  package func end() throws(WorkerProtocolError) {
    guard buffer.isEmpty, header == nil else { throw .torn }
  }
}
