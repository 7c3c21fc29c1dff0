import Foundation
import HTTPTypes
import Hummingbird

extension JSONEncoder {
  /// As the server writes JSON, on disk and in answers: one form for one value; times are seconds
  /// since 1970.
  static var server: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .secondsSince1970
    return encoder
  }
}

/// An answer of JSON.
func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
  Response(
    status: status, headers: [.contentType: "application/json"],
    body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder.server.encode(value))))
}
