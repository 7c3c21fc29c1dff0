import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import TestSupport
import Testing

@testable import UnCLIPServer

/// What every route has in common: methods, types, origins, headers, the log and the paths.
struct MiddlewareTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: [
    (HTTPRequest.Method.get, "/v1/images/generations", "POST"),
    (.delete, "/images/generations", "POST"), (.post, "/v1/models", "GET, HEAD"),
    (.put, "/v1/jobs/0", "GET, HEAD, DELETE"), (.post, "/health/live", "GET, HEAD"),
    (.patch, "/v1/history/0/favourite", "PUT, DELETE"), (.options, "/metrics", "GET, HEAD"),
    (.init("FOO")!, "/v1/jobs", "POST"), (.get, "/v1/history/search", "POST"),
  ])
  func anotherMethodIsToldTheRightOnes(
    _ method: HTTPRequest.Method, _ path: String, _ allowed: String
  ) async throws {
    let bench = try await ServerBench(folder.url)
    try await bench.serve { client in
      let answer = try await client.ask(method, path)
      #expect(answer.status == .methodNotAllowed)
      #expect(answer.headers[.allow] == allowed)
      let error = try answer.error()
      #expect(error["type"] as? String == "invalid_request_error")
      #expect(
        error["message"] as? String == "\(method.rawValue) is not allowed here; use \(allowed).")
      let isThere = try await client.ask(.head, "/v1/models")
      #expect(isThere.status == .ok)
      #expect(isThere.body.readableBytes == 0)
    }
  }

  @Test(arguments: ["/v1/images/generations", "/v1/jobs"])
  func anotherMediaTypeIsRefused(_ path: String) async throws {
    let bench = try await ServerBench(folder.url)
    try await bench.serve { client in
      for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let answer = try await client.executeRequest(
          uri: path, method: .post, headers: type.isEmpty ? [:] : [.contentType: type],
          body: ByteBuffer(string: #"{"operation":"generate","prompt":"a"}"#))
        #expect(answer.status == .unsupportedMediaType, "\(type)")
        #expect(try answer.error()["message"] is String)
      }
    }
  }

  @Test func onlyNamedHostsAndOriginsAreServed() async throws {
    var bench = try await ServerBench(folder.url)
    bench.routes.origins = ["https://page.example"]
    bench.askForKeys()
    try await bench.serve { client in
      let job = #"{"operation":"generate","prompt":"a"}"#
      func send(
        _ method: HTTPRequest.Method, _ origin: String, _ more: HTTPFields = [:]
      ) async throws -> TestResponse {
        try await client.ask(
          method, "/v1/jobs", json: method == .post ? job : nil,
          key: method == .post ? "draw" : nil, [.origin: origin] + more)
      }
      // A page elsewhere cannot write, nor ask whether it may, nor read what it is answered.
      for origin in ["https://evil.example", "null", "https://page.example.evil.example"] {
        let answer = try await send(.post, origin)
        #expect(answer.status == .forbidden)
        #expect(answer.headers[.accessControlAllowOrigin] == nil)
        let asked = try await send(.options, origin, [.accessControlRequestMethod: "POST"])
        #expect(asked.headers[.accessControlAllowOrigin] == nil)
        #expect(asked.status != .noContent)
      }
      // The page of the server itself can, and so can one that is named.
      #expect(try await send(.post, "http://localhost").status == .accepted)
      let named = try await send(.post, "https://page.example")
      #expect(named.status == .accepted)
      #expect(named.headers[.accessControlAllowOrigin] == "https://page.example")
      #expect(named.headers[.vary] == "Origin")
      #expect(named.headers[.accessControlAllowCredentials] == nil)
      // A browser asks without the key.
      let asked = try await send(
        .options, "https://page.example",
        [
          .accessControlRequestMethod: "POST",
          .accessControlRequestHeaders: "authorization,x-stainless-lang",
        ])
      #expect(asked.status == .noContent)
      #expect(asked.headers[.accessControlAllowHeaders] == "authorization,x-stainless-lang")
      // An error can be read by the page too.
      let wrong = try await client.ask(
        .get, "/v1/models", [.origin: "https://page.example"])
      #expect(wrong.status == .unauthorized)
      #expect(wrong.headers[.accessControlAllowOrigin] == "https://page.example")
    }
  }

  @Test func everyAnswerHasTheSameHeaders() async throws {
    let page = PageAsset(
      path: "/", contentType: "text/html", data: Data("page".utf8), etag: "\"1\"")
    var bench = try await ServerBench(folder.url, assets: [page])
    bench.askForKeys()
    try await bench.serve { client in
      for (path, key) in [
        ("/", nil), ("/v1/models", "draw"), ("/v1/models", nil), ("/v1/none", "draw"),
        ("/health/live", nil), ("/metrics", "admin"),
      ] as [(String, String?)] {
        let headers = try await client.ask(
          .get, path, key: key, [.requestID: "mine-1"]
        ).headers
        #expect(headers[.requestID] == "mine-1")
        #expect(headers[.noSniff] == "nosniff")
        #expect(headers[.known("referrer-policy")] == "no-referrer")
        #expect(headers[.known("x-frame-options")] == "DENY")
        #expect(
          headers[.contentSecurityPolicy]
            == (path == "/"
              ? PageAssets.contentSecurityPolicy : AnswerMiddleware.contentSecurityPolicy))
        #expect(headers[.cacheControl] == (path == "/" ? "no-cache" : "no-store"))
      }
      // An id that could break a log or a header is replaced.
      for id in [String(repeating: "a", count: 129), "a b", ""] {
        let given = try await client.ask(.get, "/health/live", [.requestID: id])
        #expect(try #require(given.headers[.requestID]).wholeMatch(of: /[0-9a-f-]{36}/) != nil)
      }
    }
  }

  @Test func theLogSaysNothingOfAPrompt() async throws {
    var bench = try await ServerBench(folder.url)
    bench.askForKeys()
    try await bench.serve { client in
      let made = try await client.ask(
        .post, "/v1/images/generations",
        json: #"{"prompt":"a secret übel","seed":3,"user":"secret user"}"#,
        key: "draw", [.requestID: "mine", .known("openai-organization"): "org"])
      #expect(made.status == .ok)
      _ = try await client.ask(
        .post, "/v1/images/generations", json: #"{"prompt":"nan"}"#, key: "draw")
      _ = try await client.ask(.get, "/v1/models", key: "wrong-key")
    }
    let log = bench.log
    #expect(!log.text.contains("secret") && !log.text.contains("wrong-key"))
    let accepted = try #require(try log.lines("job accepted").first)
    #expect(accepted["operation"] as? String == "generate")
    #expect(accepted["n"] as? Int == 1)
    #expect(accepted["seed"] as? Int == 3)
    #expect(accepted["key"] as? String == "key-draw")
    #expect(accepted["prompt_characters"] as? Int == 13)
    #expect(accepted["prompt_sha256"] as? String == "4da6749a73ca1533")
    let ended = try #require(try log.lines("job ended").first)
    #expect(ended["job"] as? String == accepted["job"] as? String)
    #expect(ended["state"] as? String == "done")
    #expect(try log.lines("job failed").first?["error"] as? String == "The decoder gave NaN.")
    let requests = try log.lines("request")
    #expect(requests.count == 3)
    #expect(requests[0]["id"] as? String == "mine")
    #expect(requests[0]["route"] as? String == "/images/generations")
    #expect(requests[0]["status"] as? Int == 200)
    #expect(requests[0]["seconds"] is Double)
    #expect(requests[0]["organization"] as? String == "org")
    #expect(requests[0]["job"] as? String == accepted["job"] as? String)
    #expect(requests[0]["key"] as? String == "key-draw")
    #expect((requests[0]["user"] as? String)?.count == 16)
    #expect(requests[0]["level"] as? String == "info")
    #expect(requests[2]["status"] as? Int == 401)
  }

  @Test func textsAreLoggedWhereTheOperatorWants() {
    let lines = LogLines()
    let log = JobLog(
      .init(label: "test") { _ in JSONLogHandler { lines.add($0) } }, showsTexts: true)
    log.take(.refused(JobRequest(.generate, prompt: "a red apple"), .draining))
    #expect(lines.text.contains(#""prompt":"a red apple""#))
    #expect(lines.text.contains(#""reason":"draining""#))
  }

  @Test func aFullDiskIsAnswered507AndTheHistoryIsReadable() async throws {
    // Favourites fill the quota.
    var bench = try await ServerBench(folder.url, quota: 100)
    bench.askForKeys()
    try await bench.serve { client in
      let draw = { () async throws -> TestResponse in
        try await client.ask(
          .post, "/v1/images/generations", json: #"{"prompt":"a","n":8}"#, key: "draw")
      }
      #expect(try await draw().status == .ok)
      let page = try JSONSerialization.jsonObject(
        with: Data(try await client.ask(.get, "/v1/history", key: "draw").body.readableBytesView))
      let images = try #require((page as? [String: Any])?["images"] as? [[String: Any]])
      #expect(!images.isEmpty)
      for image in images {
        let id = try #require(image["id"] as? String)
        _ = try await client.ask(.put, "/v1/history/\(id)/favourite", key: "draw")
      }
      let full = try await draw()
      #expect(full.status.code == 507)
      #expect(try full.error()["code"] as? String == "no_space")
      #expect(full.headers[.shouldRetry] == "false")
      #expect(try await client.ask(.get, "/v1/history", key: "draw").status == .ok)
    }
    #expect(APIError(StoreError.noSpace(path: "/data")).status.code == 507)
    // A job that was at work when the disk became full.
    #expect(APIError(JobFailure.noSpace).status.code == 507)
  }

  // MARK: Paths

  private static let escapes = [
    "..", "../..", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e%252f", "..%5c..%5cwindows", "..\\..\\windows",
    "....//....//etc", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "~root", "~/.ssh/id_rsa",
    ".", "./.", "%00", "a%00.png", "server.sqlite", "../server.sqlite", "..%2fserver.sqlite%00",
    ".lock", "inputs", "images/../server.sqlite", "%c0%ae%c0%ae%c0%af", "%uff0e%uff0e",
    "\u{ff0e}\u{ff0e}\u{ff0f}etc", "\u{2024}\u{2024}/etc", "C:%5cwindows", "file:%2f%2f%2fetc",
    "$HOME", "`id`", "%0d%0aset-cookie:a", "aux.png", String(repeating: "a", count: 5000),
    String(repeating: "../", count: 200),
  ]

  @Test func noPathLeavesItsPlace() async throws {
    let bench = try await ServerBench(folder.url)
    #expect(Self.escapes.count >= 30)
    try await bench.serve { client in
      let made = try await client.ask(.post, "/v1/images/generations", json: #"{"prompt":"a"}"#)
      #expect(made.status == .ok)
      for escape in Self.escapes {
        for place in [
          "/v1/images/files/\(escape)", "/v1/images/files/\(escape).png", "/v1/models/\(escape)",
          "/v1/jobs/\(escape)", "/v1/jobs/\(escape)/result", "/v1/jobs/\(escape)/events",
          "/v1/history/\(escape)", "/page/\(escape)", "/\(escape)",
        ] {
          let answer = try await client.ask(.get, place)
          #expect([400, 404].contains(answer.status.code), "\(place) \(answer.status)")
          #expect(try answer.error()["message"] is String, "\(place)")
          #expect(answer.headers[.known("set-cookie")] == nil)
        }
        let text = String(decoding: try JSONEncoder().encode(escape), as: UTF8.self)
        let model = try await client.ask(
          .post, "/v1/images/generations", json: #"{"prompt":"a","model":\#(text)}"#)
        #expect(model.status == .notFound)
        #expect(try model.error()["code"] as? String == "model_not_found")
        let source = try await client.ask(
          .post, "/v1/jobs", json: #"{"operation":"vary","sources":[{"file":\#(text)}]}"#)
        #expect(source.status == .badRequest)
      }
    }
  }
}
