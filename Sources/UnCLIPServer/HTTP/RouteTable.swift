import HTTPTypes
import Hummingbird

/// The routes of a server with their methods.
struct RouteTable: Sendable, Equatable {
  /// The methods of HTTP that have a meaning here; others are counted as one.
  static let methods: [HTTPRequest.Method] = [
    .get, .head, .post, .put, .delete, .patch, .options, .trace, .connect,
  ]

  /// The methods of each path, such as `/v1/jobs/{id}`.
  private(set) var paths: [String: Set<HTTPRequest.Method>] = [:]

  /// Lists the routes of a router.
  init(_ router: Router<ServerContext>) {
    for route in router.routes {
      paths[route.path.description, default: []].insert(route.method)
    }
  }

  /// The methods that a path takes; empty for one that is no route. A name in a route goes before a
  /// parameter, as it does in the router.
  func methods(for path: String) -> [HTTPRequest.Method] {
    let parts = Self.parts(path)
    let fitting = paths.filter { pattern, _ in
      let names = Self.parts(pattern)
      return names.count == parts.count
        && zip(names, parts).allSatisfy { $0.first == "{" || $0 == $1 }
    }
    let nearest = fitting.min { Self.parameters($0.key) < Self.parameters($1.key) }
    var taken = nearest?.value ?? []
    if taken.contains(.get) { taken.insert(.head) }
    return Self.methods.filter(taken.contains)
  }

  private static func parameters(_ pattern: String) -> Int { pattern.count { $0 == "{" } }

  private static func parts(_ path: String) -> [Substring] { path.split(separator: "/") }

  /// The name of a route among measurements and in the log, the same with `/v1` and without it:
  /// `/jobs/{id}`; `none` for what is no route.
  static func name(_ path: String?) -> String {
    guard let path, path != "NotFound" else { return "none" }
    var parts = parts(path)
    if parts.first == "v1" { parts.removeFirst() }
    return "/" + parts.joined(separator: "/")
  }
}

/// Answers 405 where a path exists and the method does not.
struct MethodMiddleware: RouterMiddleware {
  let table: RouteTable

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    guard context.coreContext.endpointPath.value == nil else {
      return try await next(request, context)
    }
    let methods = table.methods(for: request.uri.path)
    guard !methods.isEmpty, !methods.contains(request.method) else {
      return try await next(request, context)
    }
    let list = methods.map(\.rawValue).joined(separator: ", ")
    throw APIError(
      "\(request.method.rawValue.prefix(32)) is not allowed here; use \(list).",
      status: .methodNotAllowed, headers: [.allow: list])
  }
}
