import Foundation
import Hummingbird
import HummingbirdTesting
import TestSupport
import Testing

@testable import UnCLIPServer

struct RateLimiterTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func imagesComeBackEvenly() throws {
    let clock = QueueClock()
    let limiter = RateLimiter(clock: clock.clock)
    #expect(limiter.limit == 60)
    try limiter.take(60, of: "a")
    #expect(throws: JobRefusal.rate(limit: 60, current: 61, wait: 1)) {
      try limiter.take(1, of: "a")
    }
    try limiter.take(60, of: "b")
    clock.advance(1)
    try limiter.take(1, of: "a")
    clock.advance(10)
    #expect(throws: JobRefusal.rate(limit: 60, current: 61, wait: 1)) {
      try limiter.take(11, of: "a")
    }
    #expect(limiter.standing(of: "a") == .init(limit: 60, remaining: 10, reset: 50))
    clock.advance(600)
    #expect(limiter.standing(of: "a") == .init(limit: 60, remaining: 60, reset: 0))
    // More than the limit at once: accepted when nothing is used, and paid off afterwards.
    try limiter.take(90, of: "a")
    #expect(limiter.standing(of: "a") == .init(limit: 60, remaining: 0, reset: 90))
    clock.advance(30)
    #expect(throws: JobRefusal.self) { try limiter.take(1, of: "a") }
    clock.advance(1)
    try limiter.take(1, of: "a")
  }

  @Test(arguments: [(0, "0s"), (0.2, "1s"), (59, "59s"), (60, "1m0s"), (365.5, "6m6s")])
  func aTimeIsWrittenAsOpenAIDoes(_ seconds: Double, _ text: String) {
    #expect(RateMiddleware.text(of: seconds) == text)
  }

  @Test func aKeyIsToldWhatItHasLeft() async throws {
    var bench = try await ServerBench(folder.url)
    bench.askForKeys()
    bench.routes.limiter = RateLimiter(imagesPerMinute: 5, clock: QueueClock().clock)
    try await bench.serve { client in
      func draw(_ n: Int, key: String = "draw", _ more: HTTPFields = [:]) async throws
        -> TestResponse
      {
        try await client.ask(
          .post, "/v1/images/generations", json: #"{"prompt":"a","seed":1,"n":\#(n)}"#, key: key,
          more)
      }
      let first = try await draw(3)
      #expect(first.status == .ok)
      for kind in ["requests", "images"] {
        #expect(first.headers[.known("x-ratelimit-limit-\(kind)")] == "5")
        #expect(first.headers[.known("x-ratelimit-remaining-\(kind)")] == "2")
        #expect(first.headers[.known("x-ratelimit-reset-\(kind)")] == "36s")
      }
      let second = try await draw(4)
      #expect(second.status == .tooManyRequests)
      #expect(second.headers[.retryAfter] == "24")
      #expect(second.headers[.known("x-ratelimit-remaining-images")] == "2")
      let error = try second.error()
      #expect(error["type"] as? String == "requests")
      #expect(error["code"] as? String == "rate_limit_exceeded")
      #expect(
        error["message"] as? String
          == "Rate limit exceeded for images per minute; wait 24 s. Limit: 5/1min. "
          + "Current: 7/1min.")
      // What is refused or is no job costs nothing.
      #expect(try await draw(11).status == .badRequest)
      #expect(try await draw(2).status == .ok)
      #expect(try await draw(5, key: "admin").status == .forbidden)
      #expect(
        try await client.ask(.get, "/v1/models", key: "draw").headers[
          .known("x-ratelimit-limit-images")] == nil)
    }
  }

  @Test func withoutKeysThereIsNoLimit() async throws {
    var bench = try await ServerBench(folder.url)
    bench.routes.limiter = RateLimiter(imagesPerMinute: 1)
    try await bench.serve { client in
      for _ in 0..<3 {
        let made = try await client.ask(
          .post, "/v1/images/generations", json: #"{"prompt":"a","n":2}"#)
        #expect(made.status == .ok)
      }
    }
  }
}
