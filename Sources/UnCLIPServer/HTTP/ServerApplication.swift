import Config
public import Foundation
import HTTPTypes
public import Hummingbird
public import Logging

/// Assembles the server's routes over a queue of jobs.
public struct ServerRoutes: Sendable {
  /// Names of hosts under which the server may be reached, without ports.
  public var hosts: Set<String> = ["localhost", "127.0.0.1", "[::1]"]
  /// Pages elsewhere that may write, as `https://host`.
  public var origins: Set<String> = []
  /// Finds the key of a secret; nil asks for no keys.
  public var key: (@Sendable (String) async throws -> ServerKey?)?
  /// The address that signed links begin with; nil takes that of the request.
  public var publicURL: String?
  /// The scheme by which the server is reached: `https` where it has a certificate.
  public var scheme = "http"
  /// A further name of the model in the OpenAI API; nil for none.
  public var alias: String? = "dall-e-2"
  /// Whether the OpenAI routes pass over fields that they do not know, which proxies may add.
  public var ignoresUnknownFields = false
  /// The files of the page.
  public var assets: [PageAsset] = []
  /// The history of images; nil serves none.
  public var library: (any ImageLibrary)?
  /// Limits the images of each key per minute; nil does not.
  public var limiter: RateLimiter?
  /// What counts; the queue tells it of its jobs.
  public var metrics = ServerMetrics()
  /// What `/metrics` says beside what was counted.
  public var gauges = ServerGauges()

  private let jobs: any JobService
  private let model: @Sendable () async -> ModelDescription?
  private let linkSecret: Data

  /// Makes the routes.
  ///
  /// - Parameters:
  ///   - jobs: What accepts jobs.
  ///   - model: Returns the loaded model; nil while it loads.
  ///   - linkSecret: What the addresses of images are signed with, kept over restarts.
  public init(
    jobs: any JobService, model: @escaping @Sendable () async -> ModelDescription?,
    linkSecret: Data
  ) {
    self.jobs = jobs
    self.model = model
    self.linkSecret = linkSecret
  }

  /// Makes the router: every route below `/v1` and without it.
  public func router(logger: Logger) -> Router<ServerContext> {
    let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: CrossOriginMiddleware(origins: origins))
    router.add(middleware: AnswerMiddleware(logger: logger, metrics: metrics))
    router.add(middleware: OriginMiddleware(hosts: hosts, origins: origins))
    router.add(middleware: BodyMiddleware())
    if let key {
      router.add(middleware: KeyMiddleware(key: key, files: Set(assets.map(\.path))))
    }
    if let limiter { router.add(middleware: RateMiddleware(limiter: limiter)) }
    router.add(middleware: MethodMiddleware(table: table))
    addRoutes(to: router)
    return router
  }

  /// All routes with their methods.
  var table: RouteTable {
    let router = Router(context: ServerContext.self)
    addRoutes(to: router)
    return RouteTable(router)
  }

  private func addRoutes(to router: Router<ServerContext>) {
    let jobs: any JobService = limiter.map { LimitedJobs(jobs: self.jobs, limiter: $0) } ?? jobs
    let calls = RepeatedCalls()
    for prefix in ["", "v1"] {
      let group = router.group(RouterPath(prefix))
      ImageRoutes(
        jobs: jobs, model: model, links: SignedLinks(secret: linkSecret), library: library,
        publicURL: publicURL, scheme: scheme, alias: alias,
        ignoresUnknownFields: ignoresUnknownFields, calls: calls
      ).add(to: group)
      JobRoutes(jobs: jobs).add(to: group)
      group.get("model") { _, _ in
        guard let model = await model() else { throw JobRefusal.notReady("The model loads.") }
        return try json(model)
      }
      if let library {
        HistoryRoutes<ServerContext>(library: library, jobs: jobs) { $0.key?.id }.add(to: group)
      }
    }
    OperationRoutes(jobs: jobs, model: model, metrics: metrics, gauges: gauges).add(to: router)
    for asset in assets { add(asset, to: router) }
  }

  private func add(_ asset: PageAsset, to router: Router<ServerContext>) {
    router.get(RouterPath(asset.path)) { request, _ in
      var headers: HTTPFields = [
        .contentType: asset.contentType, .eTag: asset.etag, .cacheControl: "no-cache",
        .contentSecurityPolicy: PageAssets.contentSecurityPolicy,
      ]
      guard request.headers[.ifNoneMatch] != asset.etag else {
        headers[.contentType] = nil
        return Response(status: .notModified, headers: headers)
      }
      return Response(
        status: .ok, headers: headers,
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: asset.data)))
    }
  }
}
