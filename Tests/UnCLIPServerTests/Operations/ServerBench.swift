import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

@testable import UnCLIPServer

/// A server over a real store and queue with a scripted runner.
struct ServerBench {
  let store: ServerStore
  let runner: QueueRunner
  let queue: JobQueue
  let metrics: ServerMetrics
  let log = LogLines()
  let logger: Logger
  var routes: ServerRoutes

  init(
    _ folder: URL, runner: QueueRunner = QueueRunner(), assets: [PageAsset] = [],
    quota: Int = ServerStore.defaultQuota
  ) async throws {
    let (metrics, log) = (ServerMetrics(), log)
    let logger = Logger(label: "test") { _ in JSONLogHandler { log.add($0) } }
    let jobLog = JobLog(logger)
    store = try ServerStore(folder, quota: quota)
    self.runner = runner
    self.metrics = metrics
    self.logger = logger
    queue = JobQueue(
      store: store, runner: runner,
      watch: { event in
        metrics.take(event)
        jobLog.take(event)
      })
    try await queue.start()
    routes = ServerRoutes(
      jobs: queue, model: { await runner.model }, linkSecret: Data("secret".utf8))
    routes.metrics = metrics
    routes.library = store
    routes.assets = assets
  }

  /// Asks for keys: the secrets `draw` and `admin` have one scope each, others are wrong.
  mutating func askForKeys() {
    routes.key = { secret in
      ServerKey.Scope(rawValue: secret).map {
        ServerKey(id: "key-\(secret)", name: secret, scopes: [$0], created: Date(), revoked: nil)
      }
    }
  }

  /// Runs `body` against the routes.
  func serve<Value: Sendable>(
    _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Value
  ) async throws -> Value {
    try await Application(router: routes.router(logger: logger)).test(.router) {
      try await body($0)
    }
  }

  /// Runs `body` against a port.
  func listen<Value: Sendable>(
    _ limits: ConnectionLimits = ConnectionLimits(),
    _ body: @escaping @Sendable (_ port: Int) async throws -> Value
  ) async throws -> Value {
    let (ports, continuation) = AsyncStream<Int>.makeStream()
    let application = Application(
      router: routes.router(logger: logger), server: limits.server,
      configuration: limits.configuration(address: .hostname("localhost", port: 0), logger: logger),
      onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) }, logger: logger)
    let group = ServiceGroup(configuration: .init(services: [application], logger: logger))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      var opened = ports.makeAsyncIterator()
      guard let port = await opened.next() else { throw CancellationError() }
      let value = try await body(port)
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
      return value
    }
  }
}

/// The lines of a log.
final class LogLines: Sendable {
  private let data = Mutex(Data())

  func add(_ line: Data) { data.withLock { $0 += line } }
  var text: String { String(decoding: data.withLock { $0 }, as: UTF8.self) }

  /// The objects with a message.
  func lines(_ message: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").compactMap { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["message"] as? String == message ? object : nil
    }
  }
}

extension TestClientProtocol {
  /// Sends a request with the headers of a JSON body if there is one.
  func ask(
    _ method: HTTPRequest.Method, _ uri: String, json: String? = nil, key: String? = nil,
    _ more: HTTPFields = [:]
  ) async throws -> TestResponse {
    var headers: HTTPFields = json == nil ? [:] : [.contentType: "application/json"]
    headers[.authorization] = key.map { "Bearer \($0)" }
    for field in more { headers[field.name] = field.value }
    return try await executeRequest(
      uri: uri, method: method, headers: headers, body: json.map { ByteBuffer(string: $0) })
  }
}

extension TestResponse {
  var text: String { String(buffer: body) }

  /// The error object.
  func error() throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(body.readableBytesView))
    return (object as? [String: Any])?["error"] as? [String: Any] ?? [:]
  }
}

/// What a plain socket was answered.
struct SocketAnswer: Sendable {
  var text = ""
  /// When the server closed the connection, counted from its opening.
  var seconds: Double?
  var status: Int? {
    text.split(separator: " ", maxSplits: 2).dropFirst().first.flatMap { Int($0) }
  }
}

/// Sends pieces over a plain socket with pauses between them, and reads until the server closes it
/// or `patience` seconds have passed.
func converse(
  _ port: Int, _ pieces: [(text: String, pause: Double)], patience: Double = 8
) async throws -> SocketAnswer {
  let start = ContinuousClock.now
  let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .connect(host: "localhost", port: port) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
      }
    }
  let answer = Mutex(SocketAnswer())
  let task = Task {
    // The connection may be reset.
    try? await channel.executeThenClose { inbound, outbound in
      await withTaskGroup { group in
        group.addTask {
          for (text, pause) in pieces {
            try? await Task.sleep(for: .seconds(pause))
            try? await outbound.write(ByteBuffer(string: text))
          }
        }
        do {
          for try await buffer in inbound {
            answer.withLock { $0.text += String(buffer: buffer) }
          }
        } catch {}
        if !Task.isCancelled {
          answer.withLock { $0.seconds = (ContinuousClock.now - start) / .seconds(1) }
        }
        group.cancelAll()
      }
    }
  }
  let alarm = Task {
    try await Task.sleep(for: .seconds(patience))
    task.cancel()
  }
  await task.value
  alarm.cancel()
  return answer.withLock { $0 }
}
