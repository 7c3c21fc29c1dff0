import Crypto
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
    HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: secret)).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
