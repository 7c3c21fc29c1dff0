import Foundation
import Hummingbird
import HummingbirdTesting
import Testing

@testable import UnCLIPServer

/// The error of an answer, as OpenAI's API has it.
struct ErrorAnswer: Decodable, Equatable {
  var message: String
  var type: String
  var param: String?
  var code: String?

  private struct Whole: Decodable { var error: ErrorAnswer }

  /// Reads it; every error is JSON and has an id.
  init(_ response: TestResponse) throws {
    #expect(response.headers[.contentType] == "application/json")
    #expect(response.headers[.requestID] != nil)
    let body = Data(response.body.readableBytesView)
    self = try JSONDecoder().decode(Whole.self, from: body).error
  }
}
