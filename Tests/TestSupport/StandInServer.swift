public import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An HTTP server on this machine that answers as a test says, also wrongly.
///
/// It is written on plain sockets, since no library's server would cut a connection or announce
/// what it does not send.
public final class StandInServer: Sendable {
  /// A request.
  public struct Request: Sendable {
    /// `GET` or `HEAD`.
    public var method: String
    /// The path and the query.
    public var target: String
    /// The headers, by their names in lower case.
    public var headers: [String: String]
  }

  /// An answer.
  public struct Answer: Sendable {
    /// The status.
    public var status: Int
    /// The headers; `Content-Length` is that of the body unless it is here.
    public var headers: [String: String]
    /// The body.
    public var body: Data
    /// The bytes of the body after which the connection is cut.
    public var cut: Int?
    /// The bytes of the body after which nothing is sent any more, for `pause` seconds.
    public var stall: Int?
    /// Seconds before the answer, or within it where it stalls.
    public var pause = 0.0

    /// An answer with a body.
    public init(_ status: Int = 200, _ headers: [String: String] = [:], body: Data = Data()) {
      self.status = status
      self.headers = headers
      self.body = body
    }
  }

  /// The port.
  public let port: Int
  private let listener: Int32
  private let answer: Mutex<@Sendable (Request) -> Answer>
  private let taken = Mutex<[Request]>([])

  /// Starts a server on a free port of 127.0.0.1.
  ///
  /// - Throws: What the system says.
  public init(_ answer: @escaping @Sendable (Request) -> Answer = { _ in Answer(404) }) throws {
    self.answer = Mutex(answer)
    #if canImport(Glibc)
      let kind = Int32(SOCK_STREAM.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    listener = socket(AF_INET, kind, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (descriptor, size) = (listener, length)
    let started = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(descriptor, pointer, size) == 0 && listen(descriptor, 64) == 0
          && getsockname(descriptor, pointer, &length) == 0
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    guard started else { throw POSIXError(POSIXError.Code(rawValue: errno) ?? .EIO) }
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0, let self else { return }
        Thread.detachNewThread { self.serve(connection) }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// Its address, without a slash at the end.
  public var address: String { "http://127.0.0.1:\(port)" }

  /// The requests so far.
  public var requests: [Request] { taken.withLock { $0 } }

  /// Answers differently from now on, and forgets the requests so far.
  public func answer(_ answer: @escaping @Sendable (Request) -> Answer) {
    self.answer.withLock { $0 = answer }
    taken.withLock { $0 = [] }
  }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    var on: Int32 = 1
    #if canImport(Darwin)
      setsockopt(connection, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(4))
    #endif
    on = 1
    guard let request = Self.read(from: connection) else { return }
    taken.withLock { $0.append(request) }
    let answer = answer.withLock { $0 }(request)
    if answer.stall == nil, answer.pause > 0 { Thread.sleep(forTimeInterval: answer.pause) }
    var head = "HTTP/1.1 \(answer.status) Status\r\nConnection: close\r\n"
    let names = Set(answer.headers.keys.map { $0.lowercased() })
    if !names.contains("content-length") { head += "Content-Length: \(answer.body.count)\r\n" }
    for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
    guard Self.write(Data((head + "\r\n").utf8), to: connection), request.method != "HEAD" else {
      return
    }
    let end = min(answer.cut ?? .max, answer.stall ?? .max, answer.body.count)
    _ = Self.write(answer.body.prefix(end), to: connection)
    if answer.stall != nil { Thread.sleep(forTimeInterval: answer.pause) }
  }

  private static func read(from connection: Int32) -> Request? {
    var data = Data()
    var bytes = [UInt8](repeating: 0, count: 4096)
    let end = Data("\r\n\r\n".utf8)
    while data.range(of: end) == nil {
      let count = recv(connection, &bytes, bytes.count, 0)
      guard count > 0, data.count < 1 << 20 else { return nil }
      data.append(contentsOf: bytes[..<count])
    }
    let lines = String(decoding: data, as: UTF8.self).components(separatedBy: "\r\n")
    let first = lines[0].split(separator: " ").map(String.init)
    guard first.count == 3 else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { break }
      headers[line[..<colon].lowercased()] =
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    return Request(method: first[0], target: first[1], headers: headers)
  }

  private static func write(_ data: Data, to connection: Int32) -> Bool {
    var rest = data[...]
    while !rest.isEmpty {
      #if canImport(Glibc)
        let flags = Int32(MSG_NOSIGNAL)
      #else
        let flags: Int32 = 0
      #endif
      let count = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, flags) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
