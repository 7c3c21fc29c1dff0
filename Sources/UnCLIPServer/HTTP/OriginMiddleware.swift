import HTTPTypes
import Hummingbird

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
    guard let origin = request.headers[.origin] else { return try await next(request, context) }
    let isOwn = origin == "http://" + authority || origin == "https://" + authority
    if isOwn || request.method == .get || request.method == .head || origins.contains(origin) {
      return try await next(request, context)
    }
    throw APIError("The origin '\(origin.prefix(255))' is not allowed.", status: .forbidden)
  }

  /// An authority without its port.
  static func host(_ authority: String) -> String {
    let lower = authority.lowercased()
    if lower.hasPrefix("["), let end = lower.firstIndex(of: "]") { return String(lower[...end]) }
    return String(lower.prefix { $0 != ":" })
  }
}

/// Lets pages of the named origins, and of no others, read answers in a browser; answers what a
/// browser asks beforehand.
///
/// No cookies or other credentials that a browser adds are in play: a page sends its key itself.
struct CrossOriginMiddleware: RouterMiddleware {
  let origins: Set<String>

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    guard let origin = request.headers[.origin], origins.contains(origin) else {
      return try await next(request, context)
    }
    var response: Response
    if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
      response = Response(
        status: .noContent,
        headers: [
          .accessControlAllowMethods: "GET, POST, PUT, DELETE",
          // A browser's OpenAI client sends headers of its own.
          .accessControlAllowHeaders: request.headers[.accessControlRequestHeaders]
            ?? "authorization, content-type", .accessControlMaxAge: "600",
        ])
    } else {
      response = try await next(request, context)
      response.headers[.accessControlExposeHeaders] =
        "x-request-id, retry-after, x-should-retry, x-ratelimit-limit-images, "
        + "x-ratelimit-remaining-images, x-ratelimit-reset-images"
    }
    response.headers[.accessControlAllowOrigin] = origin
    response.headers[values: .vary].append("Origin")
    return response
  }
}
