import Files
import Foundation
import HTTPTypes

/// Addresses of images that work without a key for an hour.
struct SignedLinks: Sendable {
  /// Seconds that an address works.
  static let lifetime = 3600
  let secret: Data

  /// The query that lets everybody fetch an image until then.
  func query(_ id: String, now: Date) -> String {
    let expiry = Int(now.timeIntervalSince1970) + Self.lifetime
    return "exp=\(expiry)&sig=\(signature(id, expiry))"
  }

  /// Checks the query of an address.
  ///
  /// - Throws: 403 for a wrong signature, 410 after the hour.
  func check(_ id: String, expiry: String, signature given: String, now: Date) throws(APIError) {
    guard isEqualSecret(signature(id, Int(expiry) ?? 0), given) else {
      throw APIError("The address of this image is not valid.", status: .forbidden)
    }
    guard let end = Int(expiry), now.timeIntervalSince1970 < Double(end) else {
      throw APIError("The address of this image has expired.", status: .gone)
    }
  }

  private func signature(_ id: String, _ expiry: Int) -> String {
    hmac(Data("\(id) \(expiry)".utf8))
  }

  /// HMAC-SHA256 (RFC 2104), hexadecimal.
  func hmac(_ message: Data) -> String {
    let key = secret.count > 64 ? Self.bytes(sha256(secret)) : secret
    let padded = key + Data(count: 64 - key.count)
    let inner = Self.bytes(sha256(Data(padded.map { $0 ^ 0x36 }) + message))
    return sha256(Data(padded.map { $0 ^ 0x5c }) + inner)
  }

  private static func bytes(_ text: String) -> Data {
    let digits = text.utf8.map { $0 < 0x60 ? $0 - 0x30 : $0 - 0x57 }
    return Data(
      stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
  }
}
