public import Foundation
public import HTTPTypes
public import Hummingbird

/// An error as the OpenAI API's clients read it: `{"error": {message, type, param, code}}`.
public struct APIError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The status.
  public var status: HTTPResponse.Status
  /// What is wrong, and what is allowed.
  public var message: String
  /// The kind, as OpenAI names kinds.
  public var type: String
  /// The field at fault; nil where it is none.
  public var param: String?
  /// The code that programs compare; nil where there is none.
  public var code: String?
  /// Further headers, such as `Retry-After`.
  public var headers: HTTPFields

  /// The message.
  public var description: String { message }
  /// The same, for `localizedDescription`.
  public var errorDescription: String? { message }

  /// Makes an error; by default that of a request at fault.
  public init(
    _ message: String, status: HTTPResponse.Status = .badRequest,
    type: String = "invalid_request_error", param: String? = nil, code: String? = nil,
    headers: HTTPFields = [:]
  ) {
    self.status = status
    self.message = message
    self.type = type
    self.param = param
    self.code = code
    self.headers = headers
  }

  /// Turns anything that a route throws into an error that may be shown; a fault of ours keeps its
  /// details to itself.
  public init(_ error: any Error) {
    switch error {
    case let error as APIError: self = error
    case let headed as HeadedError:
      self.init(headed.error)
      headers.append(contentsOf: headed.headers)
    case let refusal as JobRefusal: self.init(refusal)
    case let failure as JobFailure: self.init(failure)
    case let error as MultipartError: self.init(error)
    // Nobody reads it; the log and the measurements tell it from a fault of ours.
    case is CancellationError:
      self.init(
        "The client has left.", status: .init(code: 499, reasonPhrase: "Client Closed Request"))
    case StoreError.noSpace: self.init(JobRefusal.noSpace)
    case let error as any HTTPResponseError: self.init(error)
    default:
      self.init("The server failed; its log says why.", status: .internalServerError)
      type = "server_error"
    }
  }

  private init(_ error: any HTTPResponseError) {
    let status = error.status
    let message = (error as? HTTPError)?.body ?? status.reasonPhrase
    self.init(message, status: status)
    if status.code >= 500 { type = "server_error" }
    if status == .contentTooLarge { code = "content_too_large" }
  }

  private init(_ refusal: JobRefusal) {
    switch refusal {
    case .invalid(let message, let field): self.init(message, param: field)
    case .full(let images, let wait):
      self.init(
        "The queue is full: \(images) images wait, about \(Int(wait.rounded(.up))) s.", wait: wait,
        code: "queue_full")
    case .overShare(let wait):
      self.init(
        "Rate limit exceeded for images: this key holds its part of the queue.", wait: wait,
        code: "rate_limit_exceeded")
    case .rate(let limit, let current, let wait):
      let seconds = min(wait, 120)
      self.init(
        "Rate limit exceeded for images per minute; wait \(Int(max(1, seconds).rounded(.up))) s. "
          + "Limit: \(limit)/1min. Current: \(current)/1min.", wait: seconds,
        code: "rate_limit_exceeded")
    case .notReady(let message):
      self.init(message, status: .serviceUnavailable, type: "server_error", code: "loading")
    case .draining:
      self.init(
        "The server is stopping.", status: .serviceUnavailable, type: "server_error",
        code: "shutting_down")
    case .noSpace:
      self.init(
        "The server has no room for more files.", status: .init(code: 507),
        type: "server_error", code: "no_space")
      headers[.shouldRetry] = "false"
    }
  }

  /// 429 for a wait that the SDKs accept, else 503.
  private init(_ message: String, wait: Double, code: String) {
    if wait <= 120 {
      self.init(message, status: .tooManyRequests, type: "requests", code: code)
      headers[.retryAfter] = "\(Int(max(1, wait).rounded(.up)))"
    } else {
      self.init(
        message, status: .serviceUnavailable, type: "server_error", code: "overloaded")
      headers[.shouldRetry] = "false"
    }
  }

  private init(_ failure: JobFailure) {
    switch failure {
    case .invalid(let message, let field): self.init(message, param: field)
    case .expired:
      self.init(
        "The time that the client waits passed before the images were begun.",
        status: .serviceUnavailable, type: "server_error", code: "overloaded")
    case .cancelled: self.init("The job was cancelled.", code: "cancelled")
    case .interrupted:
      self.init(
        "The server is stopping.", status: .serviceUnavailable, type: "server_error",
        code: "shutting_down")
    case .outOfMemory:
      self.init(
        "There was not enough memory for this job.", status: .serviceUnavailable,
        type: "server_error", code: "out_of_memory")
      headers[.shouldRetry] = "false"
    case .noSpace: self.init(JobRefusal.noSpace)
    case .crashed, .failed:
      self.init(
        "The images could not be made; the server's log says why.",
        status: .internalServerError, type: "server_error")
      headers[.shouldRetry] = "false"
    }
  }

  private struct Body: Encodable {
    var error: APIError
  }

  /// The JSON of the error.
  public var json: Data {
    get throws { try JSONEncoder.server.encode(Body(error: self)) }
  }
}

/// An error with headers that its answer has too.
struct HeadedError: Error {
  var error: any Error
  var headers: HTTPFields
}

extension APIError: Encodable {
  enum CodingKeys: String, CodingKey { case message, type, param, code }

  /// Writes the four keys; those without a value as null.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(message, forKey: .message)
    try values.encode(type, forKey: .type)
    try values.encode(param, forKey: .param)
    try values.encode(code, forKey: .code)
  }
}

extension APIError: HTTPResponseError {
  /// The answer.
  public func response(from request: Request, context: some RequestContext) throws -> Response {
    var headers = headers
    headers[.contentType] = "application/json"
    return Response(
      status: status, headers: headers,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: try json)))
  }
}

extension HTTPField.Name {
  static var requestID: Self { known("x-request-id") }
  static var jobID: Self { known("x-job-id") }
  static var shouldRetry: Self { known("x-should-retry") }
  static var readTimeout: Self { known("x-stainless-read-timeout") }
  static var retryCount: Self { known("x-stainless-retry-count") }
  static var noSniff: Self { known("x-content-type-options") }

  /// A name that is one.
  static func known(_ text: String) -> Self {
    guard let name = Self(text) else { preconditionFailure("'\(text)' names no header") }
    return name
  }
}
