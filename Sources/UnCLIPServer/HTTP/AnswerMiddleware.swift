import Files
import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// Gives each request an id, counts and logs it without what it says, answers every error in one
/// form, and adds what every answer has.
struct AnswerMiddleware: RouterMiddleware {
  let logger: Logger
  let metrics: ServerMetrics

  /// What any answer may do in a browser: nothing; those of the page say more.
  static let contentSecurityPolicy =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    let id = Self.id(of: request)
    metrics.add(1, to: .requestsInProgress)
    defer { metrics.add(-1, to: .requestsInProgress) }
    var response: Response
    do {
      response = try await next(request, context)
    } catch {
      let shown = APIError(error)
      if shown.status == .internalServerError {
        logger.error(
          "request failed",
          metadata: ["id": "\(id)", "error": "\((error as? HeadedError)?.error ?? error)"])
      }
      response = try shown.response(from: request, context: context)
      // What is left of a body that is too large is not read.
      if shown.status == .contentTooLarge { response.headers[.connection] = "close" }
    }
    addHeaders(to: &response, id: id)
    note(request, context, response, id: id, seconds: (ContinuousClock.now - start).seconds)
    return response
  }

  /// The client's own id if it is short and plain.
  private static func id(of request: Request) -> String {
    let given = request.headers[.requestID] ?? ""
    let isPlain = given.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    return isPlain && (1...128).contains(given.utf8.count) ? given : UUID().uuidString.lowercased()
  }

  private func addHeaders(to response: inout Response, id: String) {
    response.headers[.requestID] = id
    response.headers[.noSniff] = "nosniff"
    response.headers[.known("referrer-policy")] = "no-referrer"
    response.headers[.known("x-frame-options")] = "DENY"
    if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
    if response.headers[.contentSecurityPolicy] == nil {
      response.headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
    }
  }

  private func note(
    _ request: Request, _ context: ServerContext, _ response: Response, id: String,
    seconds: Double
  ) {
    let route = RouteTable.name(context.coreContext.endpointPath.value)
    let method = RouteTable.methods.contains(request.method) ? request.method.rawValue : "other"
    metrics.add(to: .requests, route, method, "\(response.status.code)")
    metrics.observe(seconds, of: .requestSeconds, route)
    var metadata: Logger.Metadata = [
      "id": "\(id)", "method": "\(method)", "route": "\(route)",
      "path": "\(request.uri.path.prefix(256))",
      "status": .stringConvertible(response.status.code),
      "seconds": .stringConvertible((seconds * 1000).rounded() / 1000),
    ]
    for (name, field) in [("organization", "openai-organization"), ("project", "openai-project")] {
      metadata[name] = request.headers[.known(field)].map { "\($0.prefix(64))" }
    }
    metadata["user_agent"] = request.headers[.userAgent].map { "\($0.prefix(128))" }
    metadata.merge(context.notes.metadata) { own, _ in own }
    logger.info("request", metadata: metadata)
  }
}
