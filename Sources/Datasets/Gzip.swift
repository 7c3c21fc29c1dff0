import CZlib

/// Unpacks gzip files.
enum Gzip {
  /// Returns whether bytes begin as a gzip file does.
  static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

  /// Returns the most bytes that a file of `count` bytes may unpack to: more is an attack.
  private static func mostBytes(of count: Int) -> Int { (64 << 20) + count * 16 }

  /// Returns the unpacked bytes of all members of a gzip file.
  ///
  /// - Throws: `DataError.malformed` for a file that is damaged, cut short, or unpacks to far more
  ///   than its size explains.
  static func unpacked(_ bytes: [UInt8], file: String) throws(DataError) -> [UInt8] {
    let limit = mostBytes(of: bytes.count)
    var result: [UInt8] = []
    var stream = z_stream()
    // 15 for the largest window, 16 more for gzip's header instead of zlib's own.
    let status = inflateInit2_(
      &stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "zlib does not start: \(status)")
    defer { inflateEnd(&stream) }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var read = 0
    while true {
      let (status, taken, made) = step(&stream, bytes[read...], &chunk)
      read += taken
      result += chunk[..<made]
      guard result.count <= limit else {
        throw .malformed(
          file: file, entry: nil,
          problem:
            "it unpacks to more than \(limit) bytes, far more than its \(bytes.count) explain")
      }
      switch status {
      case Z_STREAM_END:
        // Another member may follow; other bytes after the last are ignored.
        guard isGzip(Array(bytes[read...].prefix(2))), inflateReset(&stream) == Z_OK else {
          return result
        }
      case Z_OK where taken + made > 0: break
      default:
        throw .malformed(
          file: file, entry: nil, problem: "it is damaged or cut short; fetch it again")
      }
    }
  }

  /// Calls zlib once; returns its status, the bytes read and the bytes made.
  private static func step(
    _ stream: inout z_stream, _ input: ArraySlice<UInt8>, _ output: inout [UInt8]
  ) -> (status: Int32, taken: Int, made: Int) {
    let input = input.prefix(Int(UInt32.max))
    return input.withUnsafeBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        let status = inflate(&stream, Z_NO_FLUSH)
        return (
          status, source.count - Int(stream.avail_in), target.count - Int(stream.avail_out)
        )
      }
    }
  }
}
