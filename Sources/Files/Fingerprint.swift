package import Foundation

/// A short name for many bytes; different bytes have the same name only by accident.
///
/// It steps as FNV-1a does, but over words of 8 bytes and with a shift after each product, so it is
/// not FNV-1a, and no defence against forgery. Files store its values, so it must not change.
package struct Fingerprint {
  private var hash: UInt64 = 0xCBF2_9CE4_8422_2325

  package init() {}

  /// The hash as 16 hexadecimal digits.
  package var text: String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  package mutating func add(_ data: Data) {
    add(UInt64(data.count))
    data.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count - 7, by: 8) {
        add(bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
      }
      for byte in bytes.suffix(bytes.count % 8) { add(UInt64(byte)) }
    }
  }

  package mutating func add(_ text: String) { add(Data(text.utf8)) }

  private mutating func add(_ word: UInt64) {
    hash = (hash ^ word) &* 0x100_0000_01B3
    hash ^= hash >> 29
  }
}
