import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks a hub over HTTP: follows redirects without giving the token away, waits when it is asked
/// to, and tries again what may succeed.
final class HubClient: Sendable {
  let settings: HubSettings
  private let client: HTTPClient

  /// The largest answer in JSON that is read.
  private static let largestAnswer = 64 << 20
  private static let mostRedirects = 10
  private static let mostPages = 1000

  init(_ settings: HubSettings) {
    self.settings = settings
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(
        connect: .nanoseconds(Int64(settings.patience * 1e9)),
        read: .nanoseconds(Int64(settings.patience * 1e9))))
    // A refused connection is an answer; attempts are counted here.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    if let certificates = settings.certificates {
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.trustRoots = .file(certificates.path)
      configuration.tlsConfiguration = tls
    }
    if let proxy = settings.proxy {
      configuration.proxy = .server(
        host: proxy.host, port: proxy.port,
        authorization: proxy.credentials.map {
          .basic(credentials: Data($0.utf8).base64EncodedString())
        })
    }
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  /// Closes all connections.
  func close() async {
    do { try await client.shutdown() } catch {}
  }

  // MARK: Addresses

  /// An address of the hub, each part of whose path is escaped.
  func url(_ path: [String], query: String = "") -> String {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    let parts = path.map { part in
      // Letters beyond ASCII are letters to Foundation, and none to HTTP.
      part.utf8.allSatisfy { $0 < 0x80 }
        ? part.addingPercentEncoding(withAllowedCharacters: allowed) ?? part
        : part.utf8.map { byte in
          let scalar = Unicode.Scalar(byte)
          return byte < 0x80 && allowed.contains(scalar)
            ? String(scalar)
            : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
    return settings.endpoint + "/" + parts.joined(separator: "/") + query
  }

  // MARK: JSON

  /// The commit that a revision means now.
  ///
  /// - Throws: `HubError`.
  func commit(of repository: HubRepository, revision: String) async throws(HubError) -> String {
    let url = url(
      ["api", "models"] + repository.id.split(separator: "/").map(String.init)
        + ["revision", revision])
    let answer = try await data(url, for: repository, revision: revision)
    let entry = try Self.decode(RevisionEntry.self, answer.data, url: url)
    guard HubRepository.isCommit(entry.sha) else {
      throw .malformed(url: url, reason: "the commit '\(entry.sha)' is none")
    }
    return entry.sha
  }

  /// The files of a commit.
  ///
  /// - Throws: `HubError`.
  func tree(of repository: HubRepository, commit: String) async throws(HubError) -> HubTree {
    var next: String? = url(
      ["api", "models"] + repository.id.split(separator: "/").map(String.init)
        + ["tree", commit], query: "?recursive=true&expand=false")
    var files: [HubFile] = []
    var pages = 0
    while let url = next {
      pages += 1
      guard pages <= Self.mostPages, files.count <= HubFile.mostFiles else {
        throw .malformed(url: url, reason: "its list of files has no end")
      }
      let answer = try await data(url, for: repository, revision: commit)
      files += try HubFile.list(answer.data, url: url)
      next = try Self.nextPage(answer.headers, of: url)
    }
    return HubTree(commit: commit, files: files)
  }

  static func decode<T: Decodable>(
    _ type: T.Type, _ data: Data, url: String
  ) throws(HubError) -> T {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      let start = String(decoding: data.prefix(200), as: UTF8.self).lowercased()
      let isPage = start.contains("<html") || start.contains("<!doctype")
      throw .malformed(
        url: url, reason: isPage ? "a web page came instead of JSON" : "the JSON is not a hub's")
    }
  }

  /// The address of the next page of a list, from `Link: <URL>; rel="next"`.
  private static func nextPage(_ headers: HTTPHeaders, of url: String) throws(HubError) -> String? {
    for link in headers["Link"].flatMap({ $0.split(separator: ",") })
    where link.contains("rel=\"next\"") {
      guard let start = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), start < end,
        let next = resolve(String(link[link.index(after: start)..<end]), against: url)
      else { throw .malformed(url: url, reason: "the address of the next page is none") }
      return next
    }
    return nil
  }

  private func data(
    _ url: String, for repository: HubRepository, revision: String
  ) async throws(HubError) -> (data: Data, headers: HTTPHeaders) {
    try await repeating { () throws(HubFailure) in
      let answer = try await self.open(url)
      try answer.check(repository, revision: revision, file: nil, self.settings)
      do {
        let body = try await answer.response.body.collect(upTo: Self.largestAnswer)
        return (Data(body.readableBytesView), answer.response.headers)
      } catch is NIOTooManyBytesError {
        throw HubFailure(.malformed(url: url, reason: "the answer is too large"))
      } catch {
        throw Self.failure(error, url: url, patience: self.settings.patience)
      }
    }
  }

  // MARK: Attempts

  /// Runs `work` until it succeeds or has failed as often as it may; work that got further begins to
  /// count anew.
  func repeating<Value: Sendable>(
    hasMoved: @Sendable () -> Bool = { false },
    _ work: @Sendable () async throws(HubFailure) -> Value
  ) async throws(HubError) -> Value {
    var failures = 0
    while true {
      let failure: HubFailure
      do throws(HubFailure) { return try await work() } catch { failure = error }
      failures = hasMoved() ? 1 : failures + 1
      guard failure.mayPass, failures < settings.attempts, !Task.isCancelled else {
        throw failure.error
      }
      var wait = settings.pause * pow(2, Double(failures - 1))
      // Many who were cut off at once do not come back at once.
      wait = min(wait, 60) * Double.random(in: 0.75...1.25)
      if let asked = failure.wait {
        guard asked <= settings.longestPause else { throw failure.error }
        wait = max(asked, settings.pause * 0.1)
      }
      do { try await Task.sleep(for: .seconds(wait)) } catch { throw failure.error }
    }
  }

  /// The failure behind an error of the network.
  static func failure(_ error: any Error, url: String, patience: Double) -> HubFailure {
    if let failure = error as? HubFailure { return failure }
    let seconds = patience == patience.rounded() ? "\(Int(patience))" : "\(patience)"
    var reason: String
    switch error as? HTTPClientError {
    case .readTimeout?, .deadlineExceeded?:
      reason = "it was silent for \(seconds) s"
    case .connectTimeout?: reason = "no connection within \(seconds) s"
    case .remoteConnectionClosed?, .uncleanShutdown?: reason = "the connection was cut"
    case let error?: reason = error.shortDescription.lowercased()
    case nil:
      let text = "\(error)"
      if let error = error as? NIOConnectionError {
        reason =
          error.connectionErrors.isEmpty
          ? "there is no such host" : "the connection was refused"
      } else if error as? HTTPParserError == .invalidEOFState || text.contains("Connection reset") {
        reason = "the connection was cut"
      } else if text.contains("Connection refused") {
        reason = "the connection was refused"
      } else if text.lowercased().contains("certificate") {
        reason = "its certificate is not trusted"
      } else {
        reason = text.split(whereSeparator: \.isNewline).joined(separator: " ")
      }
    }
    if reason.hasSuffix(".") { reason.removeLast() }
    return HubFailure(
      .unreachable(url: url, reason: reason), mayPass: !reason.contains("not trusted"))
  }

  // MARK: One request

  /// An answer after all redirects.
  struct Answer {
    let response: HTTPClientResponse
    /// Where it came from.
    let url: String
    /// The headers of the answers on the way, the hub's first.
    let hops: [HTTPHeaders]

    /// The first value of a header that one of the answers has, the hub's before others'.
    func header(_ name: String) -> String? { hops.lazy.compactMap { $0.first(name: name) }.first }
  }

  /// Asks for a file from `start` on and follows redirects; the token goes to the hub alone.
  func open(
    _ url: String, from start: Int64 = 0, ifHash hash: String? = nil
  ) async throws(HubFailure) -> Answer {
    var current = url
    var isTrusted = true
    var hops: [HTTPHeaders] = []
    for _ in 0...Self.mostRedirects {
      isTrusted = isTrusted && Self.isSameServer(current, settings.endpoint)
      var request = HTTPClientRequest(url: current)
      request.headers.add(name: "User-Agent", value: "unclip")
      // The sizes and ranges are those of the file itself.
      request.headers.add(name: "Accept-Encoding", value: "identity")
      if isTrusted, let token = settings.token {
        request.headers.add(name: "Authorization", value: "Bearer " + token)
      }
      if start > 0 {
        request.headers.add(name: "Range", value: "bytes=\(start)-")
        // Other servers name the same content by tags of their own.
        if isTrusted, let hash { request.headers.add(name: "If-Range", value: "\"\(hash)\"") }
      }
      let response: HTTPClientResponse
      do {
        response = try await client.execute(
          request, deadline: .now() + .nanoseconds(Int64(settings.patience * 2e9)))
      } catch {
        throw Self.failure(error, url: current, patience: settings.patience)
      }
      hops.append(response.headers)
      guard [301, 302, 303, 307, 308].contains(response.status.code) else {
        return Answer(response: response, url: current, hops: hops)
      }
      guard let location = response.headers.first(name: "Location"),
        let next = Self.resolve(location, against: current)
      else {
        throw HubFailure(.malformed(url: current, reason: "it redirects to no address"))
      }
      if current.lowercased().hasPrefix("https:"), !next.lowercased().hasPrefix("https:") {
        throw HubFailure(
          .malformed(url: current, reason: "it redirects to an address without encryption"))
      }
      // The connection is free for the next request when its answer is read.
      do { _ = try await response.body.collect(upTo: 1 << 20) } catch {}
      current = next
    }
    throw HubFailure(.malformed(url: url, reason: "its redirects have no end"))
  }

  private static func resolve(_ location: String, against base: String) -> String? {
    guard let base = URL(string: base),
      let url = URL(string: location, relativeTo: base)?.absoluteURL,
      ["http", "https"].contains(url.scheme?.lowercased()), url.host?.isEmpty == false
    else { return nil }
    return url.absoluteString
  }

  /// Whether two addresses are of the same server: scheme, host and port.
  static func isSameServer(_ first: String, _ second: String) -> Bool {
    func server(_ text: String) -> String? {
      guard let url = URL(string: text), let scheme = url.scheme?.lowercased(),
        let host = url.host?.lowercased()
      else { return nil }
      return "\(scheme)://\(host):\(url.port ?? (scheme == "https" ? 443 : 80))"
    }
    let found = server(first)
    return found != nil && found == server(second)
  }
}
