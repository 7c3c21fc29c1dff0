import Foundation
import Logging
import ServiceLifecycle
import UnCLIPServer
import UnixSignals

extension ServeOptions {
  /// Where the server listens.
  var address: ImageServer.Address {
    if let unixSocket { return .unixSocket(path: unixSocket) }
    return .host(host ?? "127.0.0.1", port: port ?? 8080)
  }

  /// Whether only this machine reaches the server.
  var isLocal: Bool {
    guard unixSocket == nil, let host else { return true }
    let octets = host.split(separator: ".", omittingEmptySubsequences: false)
    let isLoopback =
      octets.first == "127" && octets.count == 4 && octets.allSatisfy { UInt8($0) != nil }
    return isLoopback || ["localhost", "::1"].contains(host.lowercased())
  }

  /// The log.
  func logger() -> Logger {
    let format = logFormat ?? (isatty(STDERR_FILENO) == 1 ? .text : .json)
    var logger = Logger(label: "unclip") { label in
      switch format {
      case .text: StreamLogHandler.standardError(label: label)
      case .json: JSONLogHandler()
      }
    }
    logger.logLevel = logLevel.flatMap { .init(rawValue: $0.rawValue) } ?? .info
    return logger
  }
}

/// A run of `unclip serve`, from its options to its end.
struct ServerRun: Sendable {
  private let options: ServeOptions
  private let logger: Logger
  private let store: ServerStore
  private let workers: WorkerPool
  private let hasKeys: Bool

  /// Opens what the server keeps.
  ///
  /// - Throws: `StoreError`; `CommandError.usage` for an address that others reach, without keys.
  init(_ options: ServeOptions) async throws {
    self.options = options
    logger = options.logger()
    store = try ServerStore(
      ServeFolder.url(options.data, environment: ProcessInfo.processInfo.environment),
      quota: options.quota?.bytes ?? ServerStore.defaultQuota)
    hasKeys = try await store.keys.list().contains { $0.revoked == nil }
    guard hasKeys || options.isLocal else {
      throw CommandError.usage(
        "Others can reach \(options.address), and there are no keys; make one with 'unclip serve "
          + "keys create NAME', or leave --host out.")
    }
    let devices = (options.device ?? "cpu").split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard !devices.isEmpty else {
      throw CommandError.usage("--device names no device; give cpu, cuda or cuda:INDEX.")
    }
    let inputs = store.inputFolder
    workers = WorkerPool(
      (0..<(options.workers ?? devices.count)).map { index in
        WorkerProcess.Configuration(options, device: devices[index % devices.count]) {
          inputs.appending(path: $0)
        }
      }, logger: logger)
  }

  /// Serves until a signal asks for the end.
  func run() async throws {
    let metrics = ServerMetrics()
    let queue = queue(metrics)
    var server = ImageServer(
      routes: try routes(queue, metrics), queue: queue, workers: workers, logger: logger)
    server.address = options.address
    server.tls = options.tlsCert.flatMap { certificate in
      options.tlsKey.map {
        .init(certificate: URL(fileURLWithPath: certificate), key: URL(fileURLWithPath: $0))
      }
    }
    server.grace = grace
    server.services = [StoreUpkeep(store), ServiceManager()]
    server.onListening = { port in announce(port) }
    signal(SIGPIPE, SIG_IGN)
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
    let watch = Task {
      var watchdog: Task<Void, Never>?
      for await signal in signals {
        guard watchdog == nil else { return await abort() }
        logger.notice("\(signal): the server stops within \(grace) s; again to stop at once")
        watchdog = Task { await endLate() }
        await group.triggerGracefulShutdown()
      }
    }
    defer { watch.cancel() }
    try await group.run()
    logger.notice("the server has stopped")
  }

  private var grace: Double { options.grace ?? 30 }

  private func queue(_ metrics: ServerMetrics) -> JobQueue {
    var limits = JobQueue.Limits()
    limits.capacity = options.queue ?? limits.capacity
    limits.concurrency = workers.concurrency
    let log = JobLog(logger, showsTexts: options.logTexts)
    return JobQueue(
      store: store, runner: workers, limits: limits,
      check: { (request, model) throws(JobRefusal) in try request.check(for: model) },
      watch: { event in
        metrics.take(event)
        log.take(event)
      })
  }

  private func routes(_ queue: JobQueue, _ metrics: ServerMetrics) throws -> ServerRoutes {
    let (workers, keys) = (workers, store.keys)
    var routes = ServerRoutes(
      jobs: queue, model: { await workers.model }, linkSecret: try store.linkSecret())
    routes.hosts.formUnion(options.allowedHosts.map { $0.lowercased() })
    if let host = options.host?.lowercased() {
      routes.hosts.insert(host.contains(":") ? "[\(host)]" : host)
    }
    if let host = options.publicURL.flatMap(URL.init(string:))?.host?.lowercased() {
      routes.hosts.insert(host)
    }
    routes.origins = Set(options.allowedOrigins)
    if hasKeys {
      routes.key = { try await keys.key(secret: $0) }
      routes.limiter = RateLimiter(imagesPerMinute: options.rate ?? RateLimiter.defaultLimit)
    }
    routes.scheme = scheme
    routes.ignoresUnknownFields = options.ignoreUnknown
    if let alias = options.alias { routes.alias = alias.isEmpty ? nil : alias }
    routes.metrics = metrics
    routes.gauges = ServerGauges(version: Version.current, store: store, workers: workers)
    routes.publicURL = options.publicURL.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
    routes.assets = try PageAssets.load()
    routes.library = store
    return routes
  }

  private var scheme: String { options.tlsCert == nil ? "http" : "https" }

  /// Says where the page is.
  private func announce(_ port: Int?) {
    let line =
      switch options.address {
      case .unixSocket(let path): "Listening at the socket \(path)"
      case .host(let host, let asked):
        "The page is at \(scheme)://\(ImageServer.Address.host(host, port: port ?? asked))/"
      }
    // A server needs no standard output.
    do { try Output.line(line) } catch {}
    if let host = options.host, ["0.0.0.0", "::"].contains(host), options.allowedHosts.isEmpty,
      options.publicURL == nil
    {
      Output.warn("Only localhost is answered; name this machine with --allow-host")
    }
  }

  /// Ends the process when a graceful end takes longer than it may.
  private func endLate() async {
    do { try await Task.sleep(for: .seconds(grace + 4)) } catch { return }
    await killWorkers()
    _exit(ExitStatus.success.rawValue)
  }

  private func abort() async {
    await killWorkers()
    _exit(ExitStatus.stopped.rawValue)
  }

  private func killWorkers() async {
    for process in await workers.processIdentifiers { kill(process, SIGKILL) }
  }
}
