import HTTPTypes
import Hummingbird

/// Refuses bodies that are larger than any route takes, before they are read; a route has limits of
/// its own below that, which hold for bodies without a length too.
struct BodyMiddleware: RouterMiddleware {
  /// The most bytes of any body.
  static let limit = 10 << 20
  /// The most bytes of a body that is JSON alone.
  static let jsonLimit = 1 << 20

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    if let length = request.headers[.contentLength].flatMap(Int.init), length > Self.limit {
      throw APIError(
        "The body has \(length) bytes, more than the maximum of \(Self.limit).",
        status: .contentTooLarge, code: "content_too_large")
    }
    return try await next(request, context)
  }
}
