import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Synchronization
import TestSupport
import Testing

@testable import UnCLIPServer

/// Calls that clients send again, and images of others.
@Suite struct RepeatedCallsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let body = #"{"prompt":"a red apple"}"#

  private static func call(
    _ client: any TestClientProtocol, attempt: Int, key: String? = nil
  ) async throws -> TestResponse {
    try await client.ask(
      .post, "/v1/images/generations", json: body, key: key,
      [.retryCount: "\(attempt)", .readTimeout: "600"])
  }

  /// The ids of the images that an answer links to.
  private static func images(_ response: TestResponse) -> [String] {
    String(buffer: response.body).matches(of: /files\/([0-9a-f]+)/).map { String($0.1) }
  }

  @Test func aRepetitionTakesThePlaceOfTheOldestCallWhoseClientHasLeft() async {
    let now = Mutex(Date(timeIntervalSince1970: 1_000_000))
    let calls = RepeatedCalls(
      clock: ServerClock(now: { now.withLock { $0 } }, wait: { _ in }), memory: 600)
    let content = Data("a".utf8)
    let first = await calls.begin(content, isRepeated: false)
    let second = await calls.begin(content, isRepeated: false)
    #expect(first != second, "equal calls are two")
    await calls.leave(first)
    await calls.leave(second)
    #expect(await calls.begin(content, isRepeated: true) == first)
    #expect(await calls.begin(content, isRepeated: true) == second)
    #expect(await calls.begin(content, isRepeated: true) == second, "the newest that runs")
    #expect(await calls.begin(Data("b".utf8), isRepeated: true).content != first.content)
    await calls.end(first)
    await calls.end(second)
    let third = await calls.begin(content, isRepeated: true)
    #expect(third != first && third != second, "an answered call is not repeated")
    await calls.leave(third)
    now.withLock { $0 += 601 }
    #expect(await calls.begin(content, isRepeated: true) != third, "after ten minutes")
  }

  @Test func threeAttemptsOfASlowCallMakeOneImageAndTwoCallsMakeTwo() async throws {
    let bench = try await ServerBench(folder.url, runner: QueueRunner(isGated: true))
    try await bench.serve { client in
      async let first = Self.call(client, attempt: 0)
      while await bench.queue.load.waiting < 1 { await Task.yield() }
      async let second = Self.call(client, attempt: 1)
      async let third = Self.call(client, attempt: 2)
      try await Task.sleep(for: .milliseconds(50))
      bench.runner.allow(1)
      let answers = try await [first, second, third].map(Self.images)
      #expect(answers[0].count == 1)
      #expect(Set(answers) == [answers[0]])
      #expect(bench.runner.drawn.count == 1)
      bench.runner.allow(2)
      async let fourth = Self.call(client, attempt: 0)
      async let fifth = Self.call(client, attempt: 0)
      #expect(try await Self.images(fourth) != Self.images(fifth))
      #expect(bench.runner.drawn.count == 3)
    }
  }

  @Test func anImageIsItsOwnersUnlessItsAddressIsSigned() async throws {
    var bench = try await ServerBench(folder.url)
    bench.routes.key = { secret in
      ServerKey(id: secret, name: secret, scopes: [.draw], created: Date(), revoked: nil)
    }
    try await bench.serve { client in
      let made = try await Self.call(client, attempt: 0, key: "a")
      let id = try #require(Self.images(made).first)
      // A file of its own size is sent as it is stored.
      let path = "/v1/images/files/\(id).png"
      #expect(try await client.ask(.get, path, key: "a").status == .ok)
      #expect(try await client.ask(.get, path, key: "b").status == .notFound)
      #expect(try await client.ask(.get, path).status == .unauthorized)
      let query = SignedLinks(secret: Data("secret".utf8)).query(id, now: Date())
      #expect(try await client.ask(.get, "\(path)?\(query)").status == .ok)
    }
  }

  @Test(arguments: [
    (nil, "http", "http://localhost/v1/"), (nil, "https", "https://localhost/v1/"),
    ("https://images.example/a", "http", "https://images.example/a/v1/"),
  ])
  func aLinkBeginsWithTheAddressOfTheServer(
    _ publicURL: String?, _ scheme: String, _ start: String
  ) async throws {
    var bench = try await ServerBench(folder.url)
    (bench.routes.publicURL, bench.routes.scheme) = (publicURL, scheme)
    try await bench.serve { client in
      let text = String(buffer: try await Self.call(client, attempt: 0).body)
      #expect(text.contains("\"url\":\"\(start)images/files/"), "\(text)")
    }
  }

  @Test func aServerThatStopsSaysSoToWhoWaits() async throws {
    try await ImageStandIn.serve(.stops) { client, _ in
      let response = try await Self.call(client, attempt: 0)
      #expect(response.status == .serviceUnavailable)
      #expect(String(buffer: response.body).contains("\"shutting_down\""))
    }
  }

  @Test(arguments: ["dall-e-2", "draw", nil] as [String?])
  func theModelHasAFurtherNameIfOneIsGiven(_ alias: String?) async throws {
    var bench = try await ServerBench(folder.url)
    bench.routes.alias = alias
    try await bench.serve { client in
      let list = String(buffer: try await client.ask(.get, "/v1/models").body)
      #expect(
        list.matches(of: /"id":"([^"]*)"/).map { String($0.1) } == ["scripted"]
          + [alias].compactMap { $0 })
      let call = try await client.ask(
        .post, "/v1/images/generations", json: #"{"prompt":"a","model":"dall-e-2"}"#)
      #expect(call.status == (alias == "dall-e-2" ? .ok : .notFound))
    }
  }
}
