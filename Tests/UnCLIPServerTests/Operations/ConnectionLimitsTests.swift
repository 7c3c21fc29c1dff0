import Foundation
import TestSupport
import Testing

@testable import UnCLIPServer

/// Slow clients, false lengths and large bodies, over plain sockets.
struct ConnectionLimitsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let get = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"

  private static func post(_ length: Int, _ more: String = "") -> String {
    "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
      + "content-length: \(length)\r\n\(more)\r\n"
  }

  /// Short times in place of the real ones, and long for a machine whose cores are taken.
  private static var quick: ConnectionLimits {
    var limits = ConnectionLimits()
    limits.header = .seconds(8)
    limits.body = .seconds(4)
    limits.idle = .seconds(2)
    limits.farewell = .milliseconds(500)
    return limits
  }

  @Test func theLimitsAreThose() {
    let limits = ConnectionLimits()
    #expect(limits.header == .seconds(10))
    #expect(limits.body == .seconds(30))
    #expect(limits.idle == .seconds(60))
    #expect(limits.connections == 1024)
    #expect(BodyMiddleware.limit == 10_485_760)
  }

  /// A conversation, and which limit ends it.
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let limit: any WritableKeyPath<ConnectionLimits, Duration> & Sendable
    let pieces: [(text: String, pause: Double)]
  }

  @Test(arguments: [
    Case(testDescription: "nothing", limit: \.header, pieces: []),
    Case(testDescription: "half a header", limit: \.header, pieces: [("GET / HT", 0)]),
    Case(
      testDescription: "a header that never ends", limit: \.header,
      pieces: [("GET / HTTP/1.1\r\nx: ", 0)] + (0..<100).map { _ in ("x", 0.05) }),
    Case(
      testDescription: "half a further header", limit: \.header,
      pieces: [(get, 0), ("GET /", 0.1)]),
    Case(testDescription: "a body that stops", limit: \.body, pieces: [(post(100) + "{", 0)]),
    Case(testDescription: "no further request", limit: \.idle, pieces: [(get, 0)]),
  ])
  func aSilentConnectionIsClosedOnTime(_ example: Case) async throws {
    var limits = ConnectionLimits()
    limits.header = .seconds(20)
    limits.body = .seconds(20)
    limits.idle = .seconds(20)
    limits[keyPath: example.limit] = .milliseconds(400)
    let bench = try await ServerBench(folder.url)
    try await bench.listen(limits) { port in
      let answer = try await converse(port, example.pieces, patience: 10)
      let seconds = try #require(answer.seconds)
      #expect((0.35...4.5).contains(seconds))
    }
  }

  @Test func aSlowBodyIsReadToItsEnd() async throws {
    var limits = ConnectionLimits()
    limits.body = .seconds(5)
    let bench = try await ServerBench(folder.url)
    try await bench.listen(limits) { port in
      let pieces = [(text: Self.post(4), pause: 0.0)] + (0..<4).map { _ in (text: "x", pause: 1.5) }
      let answer = try await converse(port, pieces, patience: 10)
      #expect(answer.status == 400)
    }
  }

  @Test func anAnswerIsWaitedFor() async throws {
    let runner = QueueRunner(isGated: true)
    let bench = try await ServerBench(folder.url, runner: runner)
    try await bench.listen(Self.quick) { port in
      let body = #"{"prompt":"a"}"#
      let request = Self.post(body.utf8.count).replacing("/v1/jobs", with: "/v1/images/generations")
      async let answer = converse(port, [(request + body, 0)], patience: 20)
      try await Task.sleep(for: .seconds(5))
      runner.allow(1)
      #expect(try await answer.status == 200)
    }
  }

  @Test func furtherConnectionsWait() async throws {
    var limits = Self.quick
    limits.connections = 2
    limits.header = .seconds(2.5)
    let bench = try await ServerBench(folder.url)
    try await bench.listen(limits) { port in
      // These are closed when their time for a header is over.
      async let first = converse(port, [])
      async let second = converse(port, [])
      try await Task.sleep(for: .milliseconds(200))
      let third = try await converse(port, [(Self.get, 0)], patience: 0.3)
      #expect(third.text.isEmpty)
      let later = try await converse(port, [(Self.get, 0)], patience: 6)
      #expect(later.status == 200)
      _ = try await (first, second)
    }
  }

  // MARK: Bodies

  @Test func aBodyThatIsTooLargeIsRefusedBeforeItIsRead() async throws {
    let bench = try await ServerBench(folder.url)
    try await bench.listen(Self.quick) { port in
      func status(_ pieces: String...) async throws -> Int? {
        try await converse(port, pieces.map { ($0, 0) }, patience: 10).status
      }
      let large = String(repeating: " ", count: (1 << 20) + 1)
      // JSON of more than 1 MiB, with a length and without.
      #expect(try await status(Self.post(large.utf8.count) + large) == 413)
      let chunked = Self.post(0).replacing("content-length: 0", with: "transfer-encoding: chunked")
      #expect(try await status(chunked + "100001\r\n" + large + "\r\n0\r\n\r\n") == 413)
      // More than 10 MiB, of which nothing was sent.
      let huge = try await converse(port, [(Self.post(10_485_761), 0)])
      #expect(huge.status == 413)
      #expect(huge.text.contains("content_too_large"))
      #expect(huge.text.lowercased().contains("connection: close"))
      #expect(try #require(huge.seconds) < 7)
      // Lengths that lie: two of them, one beside chunks, one that is no number, one that is too
      // short for the body, whose rest is no request.
      #expect(try await status(Self.post(3, "content-length: 4\r\n") + "{} ") == 400)
      #expect(try await status(Self.post(3, "transfer-encoding: chunked\r\n") + "{} ") == 400)
      #expect(try await status(Self.post(-1) + "{} ") == 400)
      let short = try await converse(port, [(Self.post(2) + "{} x x", 0)])
      #expect(short.status == 400)
      #expect(short.seconds != nil)
      // Headers of more than 80 KiB.
      let field = "x-long: " + String(repeating: "a", count: 82_000) + "\r\n"
      let header = try await converse(port, [(Self.post(2, field) + "{}", 0)], patience: 6)
      #expect(header.status == 400 || header.status == 431 || header.text.isEmpty)
      #expect(header.seconds != nil)
      let many = (0..<1100).map { "x-\($0): 1\r\n" }.joined()
      let fields = try await converse(port, [(Self.post(2, many) + "{}", 0)], patience: 6)
      #expect(fields.status == 400 || fields.status == 431 || fields.text.isEmpty)
      // The server is well.
      #expect(try await status(Self.get) == 200)
    }
  }

  @Test func aBodyIsAskedForUnlessItIsTooLarge() async throws {
    let bench = try await ServerBench(folder.url)
    try await bench.listen(Self.quick) { port in
      let expect = "expect: 100-continue\r\n"
      let small = try await converse(port, [(Self.post(2, expect), 0), ("{}", 0.1)])
      #expect(small.text.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 "))
      let huge = try await converse(port, [(Self.post(20_000_000, expect), 0)])
      #expect(huge.status == 413)
    }
  }
}
