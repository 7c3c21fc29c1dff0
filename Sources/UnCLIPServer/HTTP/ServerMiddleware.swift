import Files
import Foundation
public import Hummingbird
import Logging

/// What a request carries through the routes.
public struct ServerContext: RequestContext {
  /// Hummingbird's own part.
  public var coreContext: CoreRequestContextStorage
  /// The key of the request; nil where the server asks for none.
  public var key: ServerKey?

  /// Begins a request.
  public init(source: Source) { coreContext = .init(source: source) }
}

/// Gives each request an id, logs it without what it says, and answers every error in one form.
struct AnswerMiddleware: RouterMiddleware {
  let logger: Logger

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    let given = request.headers[.requestID] ?? ""
    let isPlain = given.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    let id = isPlain && (1...128).contains(given.utf8.count) ? given : UUID().uuidString
    var response: Response
    do {
      response = try await next(request, context)
    } catch {
      let shown = APIError(error)
      if shown.status == .internalServerError {
        logger.error("request failed", metadata: ["id": "\(id)", "error": "\(error)"])
      }
      response = try shown.response(from: request, context: context)
    }
    response.headers[.requestID] = id
    response.headers[.noSniff] = "nosniff"
    if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
    logger.info(
      "request",
      metadata: [
        "id": "\(id)", "method": "\(request.method)", "path": "\(request.uri.path)",
        "status": "\(response.status.code)", "seconds": "\((ContinuousClock.now - start).seconds)",
      ])
    return response
  }
}

/// Refuses names of hosts and origins that are not the server's: a page elsewhere cannot reach it
/// through a browser.
struct OriginMiddleware: RouterMiddleware {
  let hosts: Set<String>
  let origins: Set<String>

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let authority = request.head.authority ?? ""
    guard hosts.contains(Self.host(authority)) else {
      throw APIError("The host '\(authority.prefix(255))' is not allowed.", status: .forbidden)
    }
    if let origin = request.headers[.origin], request.method != .get, request.method != .head,
      !origins.contains(origin), origin != "http://" + authority, origin != "https://" + authority
    {
      throw APIError("The origin '\(origin.prefix(255))' is not allowed.", status: .forbidden)
    }
    return try await next(request, context)
  }

  /// An authority without its port.
  static func host(_ authority: String) -> String {
    let lower = authority.lowercased()
    if lower.hasPrefix("["), let end = lower.firstIndex(of: "]") { return String(lower[...end]) }
    return String(lower.prefix { $0 != ":" })
  }
}

/// Asks for a key on every route but `/health/live`, signed files and the page's own files, which are
/// the same for everybody; also on routes that do not exist.
struct KeyMiddleware: RouterMiddleware {
  /// Paths that need no key to be read.
  let open: Set<String>
  let key: @Sendable (String) async throws -> ServerKey?

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let path = request.uri.path
    if path == "/health/live" || open.contains(path) && request.method == .get {
      return try await next(request, context)
    }
    let isSigned =
      (path.hasPrefix("/images/files/") || path.hasPrefix("/v1/images/files/"))
      && request.uri.queryParameters["sig"] != nil
      && request.method == .get
    if isSigned { return try await next(request, context) }
    let parts = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else {
      throw APIError(
        "You didn't provide an API key. Send it as 'Authorization: Bearer KEY'.",
        status: .unauthorized, headers: [.wwwAuthenticate: "Bearer"])
    }
    guard let key = try await key(String(parts[1])) else {
      throw APIError(
        "Incorrect API key provided.", status: .unauthorized, code: "invalid_api_key")
    }
    let scope: ServerKey.Scope = path == "/metrics" ? .admin : .draw
    guard key.scopes.contains(scope) else {
      throw APIError("This key does not allow '\(scope.rawValue)'.", status: .forbidden)
    }
    var context = context
    context.key = key
    return try await next(request, context)
  }
}
