public import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
import NIOCore
import NIOSSL
public import ServiceLifecycle

/// A server as a whole: its routes at an address, its queue, and its worker processes.
///
/// It runs until it is shut down gracefully. Then new jobs are refused while the address still
/// answers, jobs that run may end, and what waits is left for the next start.
public struct ImageServer: Service {
  /// Where a server is reached.
  public enum Address: Sendable, Equatable, CustomStringConvertible {
    /// A name or address of this machine; port 0 takes a free one.
    case host(String, port: Int)
    /// A socket in the file system.
    case unixSocket(path: String)

    /// The address, for people.
    public var description: String {
      switch self {
      case .host(let host, let port): (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
      case .unixSocket(let path): path
      }
    }
  }

  /// The certificate and its key, as PEM files.
  public struct TLSFiles: Sendable, Equatable {
    /// The certificate, followed by those that sign it.
    public var certificate: URL
    /// Its private key.
    public var key: URL

    /// Names both files.
    public init(certificate: URL, key: URL) {
      self.certificate = certificate
      self.key = key
    }
  }

  /// Where it is reached.
  public var address = Address.host("127.0.0.1", port: 8080)
  /// The files for HTTPS; nil for HTTP.
  public var tls: TLSFiles?
  /// How many connections it has, and how long each may keep it waiting.
  public var limits = ConnectionLimits()
  /// What else runs until the server is asked to stop.
  public var services: [any Service] = []
  /// Seconds that running jobs have to end when the server stops.
  public var grace = 30.0
  /// Learns the port when the server listens; nil for a socket.
  public var onListening: @Sendable (_ port: Int?) -> Void = { _ in }

  private let routes: ServerRoutes
  private let queue: JobQueue
  private let workers: WorkerPool
  private let logger: Logger

  /// Puts a server together; nothing runs before ``run()``.
  public init(routes: ServerRoutes, queue: JobQueue, workers: WorkerPool, logger: Logger) {
    self.routes = routes
    self.queue = queue
    self.workers = workers
    self.logger = logger
  }

  /// Serves until it is shut down gracefully.
  ///
  /// - Throws: `ServerError` when it cannot listen or the model cannot be loaded; `StoreError`.
  public func run() async throws {
    let hasListened = Flag()
    let application = Application(
      router: routes.router(logger: logger), server: try builder(),
      configuration: limits.configuration(address: bindAddress, logger: logger),
      onServerRunning: { channel in
        await hasListened.raise()
        await workers.start()
        ServiceManager().ready()
        onListening(channel.localAddress?.port)
      }, logger: logger)
    try await queue.start()
    let loading = LoadingService(workers: workers)
    // They are shut down one after the other, the last first. The end of loading is the server's only
    // where the model is refused.
    let group = ServiceGroup(
      configuration: .init(
        services: [
          .init(service: application),
          .init(service: DrainService(queue: queue, grace: grace)),
          .init(service: loading, successTerminationBehavior: .gracefullyShutdownGroup),
        ] + services.map { .init(service: $0, successTerminationBehavior: .ignore) },
        logger: logger))
    let result: Result<Void, any Error>
    do { result = .success(try await group.run()) } catch { result = .failure(error) }
    let refusal = await workers.refusal
    await workers.stop()
    if let refusal { throw ServerError.noModel(refusal) }
    do { try result.get() } catch {
      if await hasListened.isRaised { throw error }
      throw ServerError.notListening("\(address)", reason: Self.reason(of: error))
    }
  }

  private var bindAddress: BindAddress {
    switch address {
    case .host(let host, let port): .hostname(host, port: port)
    case .unixSocket(let path): .unixDomainSocket(path: path)
    }
  }

  private func builder() throws(ServerError) -> HTTPServerBuilder {
    guard let tls else { return limits.server }
    let certificates: [NIOSSLCertificate]
    do { certificates = try NIOSSLCertificate.fromPEMFile(tls.certificate.path) } catch {
      throw .tls(path: tls.certificate.path, expected: "a certificate in PEM form")
    }
    do {
      let key = try NIOSSLPrivateKey(file: tls.key.path, format: .pem)
      let configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
      // Refuses a key of another certificate before anybody connects.
      _ = try NIOSSLContext(configuration: configuration)
      return try .tls(limits.server, tlsConfiguration: configuration)
    } catch {
      throw .tls(path: tls.key.path, expected: "the private key of the certificate in PEM form")
    }
  }

  private static func reason(of error: any Error) -> String {
    if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
    return "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  /// What happens once, seen by several tasks.
  private actor Flag {
    var isRaised = false

    func raise() { isRaised = true }
  }
}

/// Why a server ends without being asked to.
public enum ServerError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The address cannot be taken, and why.
  case notListening(String, reason: String)
  /// A file for HTTPS is not what it should be.
  case tls(path: String, expected: String)
  /// The model cannot be loaded, and why.
  case noModel(String)

  /// The same sentence, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence: what is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .notListening(let address, let reason):
      "Cannot listen at \(address): \(reason); choose another address."
    case .tls(let path, let expected): "\(path) is not \(expected); name such a file."
    case .noModel(let reason): reason
    }
  }
}

/// Ends when the worker processes refuse the model, and otherwise with the server.
private struct LoadingService: Service {
  let workers: WorkerPool

  func run() async {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        if await workers.refusal != nil { return }
        do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
        if await workers.model != nil { break }
      }
      do { try await Task.sleep(for: .seconds(1e9)) } catch {}
    }
  }
}

/// Lets what runs end before the server stops listening.
private struct DrainService: Service {
  let queue: JobQueue
  let grace: Double

  func run() async {
    do { try await gracefulShutdown() } catch {}
    await queue.drain(grace: Task.isCancelled ? 0 : grace)
  }
}
