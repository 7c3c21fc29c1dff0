import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Imaging
import NIOCore
import TestSupport
import Testing

@testable import UnCLIPServer

private func page(_ response: TestResponse) throws -> LibraryPage {
  #expect(response.status == .ok)
  let decoder = JSONDecoder()
  decoder.dateDecodingStrategy = .secondsSince1970
  return try decoder.decode(LibraryPage.self, from: Data(response.body.readableBytesView))
}

private func message(_ response: TestResponse) -> String {
  String(decoding: response.body.readableBytesView, as: UTF8.self)
}

extension TestClientProtocol {
  /// Sends a request; a body has a media type.
  fileprivate func send(
    _ method: HTTPRequest.Method, _ uri: String, _ type: String? = nil, _ body: ByteBuffer? = nil
  ) async throws -> TestResponse {
    let headers: HTTPFields = type.map { [.contentType: $0] } ?? [:]
    return try await executeRequest(uri: uri, method: method, headers: headers, body: body)
  }
}

struct HistoryRoutesTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Runs `body` against the routes, over a queue that has made images.
  private func withRoutes(
    _ body: @Sendable @escaping (any TestClientProtocol, QueueBench) async throws -> Void
  ) async throws {
    let bench = try await QueueBench(folder.url)
    for prompt in ["a red apple", "a green pear"] {
      let record = try await bench.submit(prompt, count: 2, seed: prompt == "a red apple" ? 0 : 90)
      _ = try await bench.end(record.id)
    }
    let router = Router()
    HistoryRoutes(library: bench.store, jobs: bench.queue) { _ in nil }
      .add(to: router.group("v1"))
    try await Application(router: router).test(.router) { client in
      try await body(client, bench)
    }
  }

  @Test func theHistoryIsListedInParts() async throws {
    try await withRoutes { client, _ in
      let first = try page(
        try await client.send(.get, "/v1/history?limit=3"))
      #expect(first.images.map(\.seed) == [91, 90, 1])
      let next = try #require(first.next)
      let rest = try page(
        try await client.send(.get, "/v1/history?limit=3&before=\(next)"))
      #expect(rest.images.map(\.seed) == [0])
      #expect(rest.next == nil)
      for text in ["GREEN%20pear", "green+pear"] {
        let pears = try page(try await client.send(.get, "/v1/history?text=" + text))
        #expect(pears.images.count == 2)
      }
      let plus = try page(try await client.send(.get, "/v1/history?text=green%2Bpear"))
      #expect(plus.images.isEmpty)
      let wrong = ["limit=0", "limit=x", "favourite=x", "before=-1", "before=99999999999999999999"]
      for query in wrong {
        let response = try await client.send(.get, "/v1/history?" + query)
        #expect(response.status == .badRequest)
        #expect(message(response).contains("must be"))
      }
    }
  }

  @Test func anImageIsShownMarkedAndDeleted() async throws {
    try await withRoutes { client, bench in
      let id = try #require(try await bench.store.images(LibraryQuery()).images.first?.id)
      func status(_ uri: String, _ method: HTTPRequest.Method) async throws -> HTTPResponse.Status {
        try await client.send(method, uri).status
      }
      #expect(try await status("/v1/history/\(id)", .get) == .ok)
      #expect(try await status("/v1/history/\(id)/favourite", .put) == .noContent)
      let marked = try page(
        try await client.send(.get, "/v1/history?favourite=true"))
      #expect(marked.images.map(\.id) == [id])
      #expect(try await status("/v1/history/\(id)/favourite", .delete) == .noContent)
      #expect(try await status("/v1/history/\(id)", .delete) == .noContent)
      #expect(try await status("/v1/history/\(id)", .get) == .notFound)
      #expect(try await status("/v1/history/\(id)", .delete) == .notFound)
      #expect(try await status("/v1/history/..%2f..%2fetc%2fpasswd", .get) == .notFound)
    }
  }

  @Test func searchesAreByWordsByImageAndByFile() async throws {
    try await withRoutes { client, bench in
      func search(_ body: String) async throws -> TestResponse {
        try await client.send(
          .post, "/v1/history/search", "application/json", ByteBuffer(string: body))
      }
      // The scripted runner embeds everything as the first direction, which has seed 0.
      #expect(try page(try await search(#"{"text": "an apple"}"#)).images.first?.seed == 0)
      let pear = try await bench.store.images(LibraryQuery()).images[0]
      let alike = try page(try await search(#"{"image": "\#(pear.id)", "limit": 2}"#))
      #expect(alike.images.map(\.seed) == [91, 90])
      #expect(alike.images[0].similarity ?? 0 > 0.999)
      let png = try PNGEncoder.encode(Image(width: 4, height: 4, color: [255, 0, 0]))
      let byFile = try await client.send(
        .post, "/v1/history/search", "image/png", ByteBuffer(bytes: png))
      #expect(try page(byFile).images.first?.seed == 0)
      for (body, text) in [
        ("{", "JSON object"), ("{}", "one of"), (#"{"text": ""}"#, "1 to 1000"),
        (#"{"text": "a", "image": "b"}"#, "one of"), (#"{"text": "a", "limit": 201}"#, "1 to 200"),
      ] {
        let response = try await search(body)
        #expect(response.status == .badRequest)
        #expect(message(response).contains(text))
      }
      #expect(try await search(#"{"image": "no such image"}"#).status == .notFound)
      let noImage = try await client.send(
        .post, "/v1/history/search", "image/png", ByteBuffer(string: "no image"))
      #expect(noImage.status == .badRequest)
      let large = try await client.send(
        .post, "/v1/history/search", "image/png", ByteBuffer(repeating: 0, count: 4_000_001))
      #expect(large.status == .contentTooLarge)
    }
  }

  @Test func thePageIsWholeAndKeepsToItsPolicy() throws {
    let assets = try PageAssets.load()
    let paths = Set(assets.map(\.path))
    #expect(paths.contains("/"))
    for asset in assets {
      let text = String(decoding: asset.data, as: UTF8.self)
      #expect(asset.etag.hasPrefix("\"") && asset.etag.count == 34)
      // Nothing inline, nothing from elsewhere, and no file that is not there.
      if asset.path == "/" {
        #expect(!text.contains(/<script(?![^>]*src=)/))
        #expect(!text.contains(/\s(?:style|on[a-z]+)="/))
        for match in text.matches(of: /(?:src|href)="(\/[^"]*)"/) {
          #expect(paths.contains(String(match.1)), "\(match.1)")
        }
        #expect(!text.contains(/(?:src|href)="(?:https?:)?\/\//))
      }
      if asset.path.hasSuffix(".js") {
        for match in text.matches(of: /from "\.\/([^"]+)"/) {
          #expect(paths.contains("/page/\(match.1)"), "\(asset.path) imports \(match.1)")
        }
        #expect(!text.contains("innerHTML") && !text.contains("eval("))
      }
    }
  }
}
