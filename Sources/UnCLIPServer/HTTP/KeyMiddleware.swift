import HTTPTypes
public import Hummingbird
import Logging
import Synchronization

/// What a request carries through the routes.
public struct ServerContext: RequestContext {
  /// Hummingbird's own part.
  public var coreContext: CoreRequestContextStorage
  /// The key of the request; nil where the server asks for none.
  public var key: ServerKey?
  /// What the log says of the request beside what it says of each.
  let notes = RequestNotes()

  /// Begins a request.
  public init(source: Source) { coreContext = .init(source: source) }
}

/// What a route wants the log to say of its request.
final class RequestNotes: Sendable {
  private let notes = Mutex<Logger.Metadata>([:])

  func add(_ name: String, _ value: String) { notes.withLock { $0[name] = "\(value)" } }
  var metadata: Logger.Metadata { notes.withLock { $0 } }
}

/// Asks for a key on every route but `/health/live`, signed files and the files of the page, which
/// asks for the key itself; also on routes that do not exist.
struct KeyMiddleware: RouterMiddleware {
  let key: @Sendable (String) async throws -> ServerKey?
  /// Paths of files that hold nothing of anybody.
  let files: Set<String>

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let path = request.uri.path
    if path == "/health/live" || files.contains(path) && [.get, .head].contains(request.method) {
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
    context.notes.add("key", key.id)
    return try await next(request, context)
  }
}
