import CImaging
import Foundation

/// Calls a function of the C layer; nil if it succeeded, else the library's message.
func message(_ call: (UnsafeMutablePointer<CChar>) -> Int32) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CI_MESSAGE_SIZE)) { buffer in
    guard let base = buffer.baseAddress else { return nil }
    base[0] = 0
    return call(base) == 0 ? nil : String(cString: base)
  }
}

/// Calls an encoder of the C layer and takes over its bytes.
func encoded(
  as format: ImageFormat, _ call: (inout ci_bytes, UnsafeMutablePointer<CChar>) -> Int32
) throws(ImageError) -> [UInt8] {
  var bytes = ci_bytes()
  defer { ci_bytes_free(&bytes) }
  let text = message { call(&bytes, $0) }
  if let text { throw .unencodable(format: format, reason: text) }
  return Array(UnsafeBufferPointer(start: bytes.data, count: bytes.count))
}

extension ContiguousBytes {
  /// Runs `body` on the bytes, keeping the type of what it throws.
  func read<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    let result = withUnsafeBytes { bytes in
      Result { () throws(E) in try body(bytes) }
    }
    return try result.get()
  }
}
