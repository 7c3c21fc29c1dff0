package import Foundation

/// SHA-256 as sixty-four hexadecimal digits: the name of a file's content, as other programs compute
/// it too.
///
/// Foundation has no such function on Linux.
///
/// Source: FIPS 180-4.
package func sha256(_ data: Data) -> String {
  var message = [UInt8](data)
  let bits = UInt64(message.count) * 8
  message.append(0x80)
  // Zeros up to eight bytes before the end of a block.
  message.append(contentsOf: [UInt8](repeating: 0, count: (120 - message.count % 64) % 64))
  message.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) })

  var state = squareRoots
  var words = [UInt32](repeating: 0, count: 64)
  message.withUnsafeBufferPointer { bytes in
    for start in stride(from: 0, to: bytes.count, by: 64) {
      for i in 0..<16 {
        let at = start + 4 * i
        words[i] =
          UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16 | UInt32(bytes[at + 2]) << 8
          | UInt32(bytes[at + 3])
      }
      mix(&words, into: &state)
    }
  }
  return state.map { word in
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }.joined()
}

/// One block of the message, of which sixteen words are filled in.
private func mix(_ w: inout [UInt32], into state: inout [UInt32]) {
  for i in 16..<64 {
    let s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >> 3)
    let s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >> 10)
    w[i] = w[i - 16] &+ s0 &+ w[i - 7] &+ s1
  }
  var (a, b, c, d) = (state[0], state[1], state[2], state[3])
  var (e, f, g, h) = (state[4], state[5], state[6], state[7])
  for i in 0..<64 {
    let s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
    let first = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ cubeRoots[i] &+ w[i]
    let s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)
    let second = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
    (h, g, f, e) = (g, f, e, d &+ first)
    (d, c, b, a) = (c, b, a, first &+ second)
  }
  for (i, value) in [a, b, c, d, e, f, g, h].enumerated() { state[i] &+= value }
}

private func turn(_ x: UInt32, _ by: UInt32) -> UInt32 { x >> by | x << (32 - by) }

private let primes = (2...311).filter { n in !(2..<n).contains { n % $0 == 0 } }
private let squareRoots = primes.prefix(8).map { fraction(Double($0).squareRoot()) }
private let cubeRoots = primes.map { fraction(cbrt(Double($0))) }

/// The first 32 bits behind the point.
private func fraction(_ x: Double) -> UInt32 {
  UInt32((x - x.rounded(.down)) * 4_294_967_296)
}
