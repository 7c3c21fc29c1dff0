import Config
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Imaging
import Logging
import Testing

@testable import UnCLIPServer

/// Accepts every job and ends it at once, or refuses it.
private actor ScriptedJobs: JobService {
  var refusal: JobRefusal?
  var records: [String: JobRecord] = [:]
  let image = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).png")

  init(refusal: JobRefusal? = nil) { self.refusal = refusal }

  func submit(
    _ request: JobRequest, owner: String?, deadline: Date?, retryKey: String?
  ) async throws(JobRefusal) -> JobRecord {
    if let refusal { throw refusal }
    var record = JobRecord(
      id: "0\(records.count)", owner: owner, request: request, created: Date())
    record.request.seed = request.seed ?? 7
    record.state = .done
    record.images = (0..<request.count).map { "a\($0)" }
    records[record.id] = record
    return record
  }

  func job(_ id: String, owner: String?) async throws -> JobRecord? {
    records[id].flatMap { $0.owner == owner ? $0 : nil }
  }

  func updates(of id: String) async -> AsyncStream<JobUpdate> {
    AsyncStream {
      if let record = records[id] { $0.yield(.changed(record, preview: nil)) }
      $0.finish()
    }
  }

  func cancel(_ id: String) async {}

  func imageFile(_ id: String) async throws -> URL? {
    let pixels = Image(width: 2, height: 2, color: [1, 2, 3])
    try Data(try PNGEncoder.encode(pixels)).write(to: image)
    return image
  }

  func store(_ data: Data) async throws(JobRefusal) -> String { "00" }

  var load: JobLoad {
    JobLoad(waiting: 0, capacity: 64, secondsPerImage: 1, isDraining: refusal == .draining)
  }
}

struct ServerRoutesTests {
  private static let model = ModelDescription(
    name: "toy", version: "1", fingerprint: "ab", sizes: [64, 256, 1024], defaultSize: 1024,
    operations: [.generate], parts: [], defaults: Data("{}".utf8))

  private struct Answer: Decodable {
    struct Entry: Decodable {
      var seed: UInt64
      var url: String
    }
    var data: [Entry]
  }

  private func serve(
    refusal: JobRefusal? = nil, asksForKeys: Bool = false, hosts: Set<String>? = nil,
    _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
  ) async throws {
    let model = Self.model
    var routes = ServerRoutes(
      jobs: ScriptedJobs(refusal: refusal), model: { model }, linkSecret: Data("secret".utf8))
    if let hosts { routes.hosts = hosts }
    if asksForKeys {
      routes.key = { secret in
        secret == "right"
          ? ServerKey(id: "k", name: "k", scopes: [.draw], created: Date(), revoked: nil) : nil
      }
    }
    let router = routes.router(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await Application(router: router).test(.router) { try await body($0) }
  }

  private func post(_ client: any TestClientProtocol, _ text: String) async throws -> TestResponse {
    try await client.execute(
      uri: "/v1/images/generations", method: .post,
      headers: [.contentType: "application/json"], body: ByteBuffer(string: text))
  }

  private func expect(
    _ client: any TestClientProtocol, _ path: String, _ status: HTTPResponse.Status
  ) async throws {
    let response = try await client.execute(uri: path, method: .get)
    #expect(response.status == status)
  }

  @Test(arguments: [
    ("{}", "'prompt' is a required property", "prompt"),
    (#"{"prompt":"a","n":15}"#, "15 is greater than the maximum of 10 - 'n'", "n"),
    (#"{"prompt":"a","n":0}"#, "0 is less than the minimum of 1 - 'n'", "n"),
    (
      #"{"prompt":"a","size":"32x32"}"#,
      "'32x32' is not one of ['256x256', '512x512', '1024x1024'] - 'size'", "size"
    ),
    (#"{"prompt":"a","style":"vivid"}"#, "'style' is not supported for this model.", "style"),
    (#"{"prompt":"a","wat":1}"#, "Unknown parameter: 'wat'.", "wat"),
    (#"{"prompt":"a","seed":-1}"#, "'seed' must be an integer, 0 to 9223372036854775807.", "seed"),
    (#"{"prompt":""}"#, "'prompt' must have 1 to 1000 characters.", "prompt"),
  ])
  func aFieldAtFaultIsNamed(_ body: String, _ message: String, _ param: String) async throws {
    try await serve { client in
      let response = try await post(client, body)
      #expect(response.status == .badRequest)
      let error = try ErrorAnswer(response)
      #expect(error.message == message)
      #expect(error.param == param)
      #expect(error.type == "invalid_request_error")
      #expect(response.headers[.requestID] != nil)
    }
  }

  @Test func unknownFieldsArePassedOverWhereThatIsAsked() throws {
    let body = Data(#"{"prompt": "a cat", "x_proxy": {"a": 1}, "n": 2}"#.utf8)
    #expect(throws: APIError.self) { try GenerationRequest(body) }
    #expect(try GenerationRequest(body, ignoringUnknown: true).count == 2)
    let wrong = Data(#"{"prompt": "a cat", "x_proxy": 1, "n": 0}"#.utf8)
    #expect(throws: APIError.self) { try GenerationRequest(wrong, ignoringUnknown: true) }
  }

  @Test func nullsAreAbsentAndEachImageHasItsSeed() async throws {
    try await serve { client in
      let response = try await post(
        client, #"{"prompt":"a","n":2,"seed":5,"size":null,"response_format":null}"#)
      #expect(response.status == .ok)
      #expect(response.headers[.contentType] == "application/json")
      let answer = try JSONDecoder().decode(
        Answer.self, from: Data(response.body.readableBytesView))
      #expect(answer.data.map(\.seed) == [5, 6])
      for (index, entry) in answer.data.enumerated() {
        #expect(entry.url.hasPrefix("http://localhost/v1/images/files/a\(index)-1024.png?exp="))
      }
    }
  }

  @Test func anAddressIsSignedAndFetched() async throws {
    try await serve(asksForKeys: true) { client in
      let links = SignedLinks(secret: Data("secret".utf8))
      let good = "/v1/images/files/a0.png?" + links.query("a0", now: Date())
      try await expect(client, good, .ok)
      let old = "/v1/images/files/a0.png?" + links.query("a0", now: Date() - 3601)
      try await expect(client, old, .gone)
      let other = good.replacing("a0.png", with: "a1.png")
      try await expect(client, other, .forbidden)
    }
  }

  @Test func aSignatureIsThatOfRFC4231() {
    let links = SignedLinks(secret: Data("Jefe".utf8))
    #expect(
      links.hmac(Data("what do ya want for nothing?".utf8))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }

  @Test(arguments: ["/v1/models", "/v1/nothing", "/", "/v1/jobs/0", "/health/ready", "/v1/images"])
  func noRouteButTheLiveOneIsPublic(_ path: String) async throws {
    try await serve(asksForKeys: true) { client in
      let response = try await client.execute(uri: path, method: .get)
      #expect(response.status == .unauthorized)
      #expect(response.headers[.wwwAuthenticate] == "Bearer")
      let wrong = try await client.execute(
        uri: path, method: .get, headers: [.authorization: "Bearer wrong"])
      #expect(try ErrorAnswer(wrong).code == "invalid_api_key")
      try await expect(client, "/health/live", .ok)
    }
  }

  @Test(
    arguments: [
      (JobRefusal.full(images: 64, wait: 30), 429, "queue_full", "30"),
      (.full(images: 64, wait: 121), 503, "overloaded", nil),
      (.draining, 503, "shutting_down", nil), (.noSpace, 507, "no_space", nil),
    ] as [(JobRefusal, Int, String, String?)])
  func aRefusalSaysWhatToDo(
    _ refusal: JobRefusal, _ status: Int, _ code: String, _ wait: String?
  ) async throws {
    try await serve(refusal: refusal) { client in
      let response = try await post(client, #"{"prompt":"a"}"#)
      #expect(response.status.code == status)
      #expect(response.headers[.retryAfter] == wait)
      let error = try ErrorAnswer(response)
      #expect(error.code == code)
    }
  }

  @Test func anotherHostOrOriginIsRefused() async throws {
    try await serve(hosts: ["images.example"]) { client in
      try await expect(client, "/v1/models", .forbidden)
    }
    try await serve { client in
      let origin = try await client.execute(
        uri: "/v1/jobs", method: .post,
        headers: [.origin: "https://evil.example", .contentType: "application/json"],
        body: ByteBuffer(string: #"{"operation":"generate","prompt":"a"}"#))
      #expect(origin.status == .forbidden)
    }
  }

  @Test(arguments: [("LocalHost:80", "localhost"), ("[::1]:80", "[::1]"), ("", "")])
  func aHostHasNoPort(_ authority: String, _ host: String) {
    #expect(OriginMiddleware.host(authority) == host)
  }

  @Test func aJobIsSubmittedAndListened() async throws {
    try await serve { client in
      let made = try await client.execute(
        uri: "/v1/jobs", method: .post, headers: [.contentType: "application/json"],
        body: ByteBuffer(string: #"{"operation":"generate","prompt":"a"}"#))
      #expect(made.status == .accepted)
      let events = try await client.execute(uri: "/v1/jobs/00/events", method: .get)
      #expect(String(buffer: events.body).hasPrefix("event: job\ndata: {"))
      try await expect(client, "/v1/jobs/zz", .notFound)
    }
  }
}
