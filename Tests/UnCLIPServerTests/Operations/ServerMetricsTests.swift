import Foundation
import Hummingbird
import HummingbirdTesting
import TestSupport
import Testing

@testable import UnCLIPServer

struct ServerMetricsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The values of a text of metrics, by name and labels; each line is checked.
  private static func values(_ text: String) throws -> [String: Double] {
    var values: [String: Double] = [:]
    let pattern =
      #/
      ([a-z_]+(?:\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})?)
      \x20(\S+)
      /#
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let match = try #require(line.wholeMatch(of: pattern), "\(line)")
      #expect(values.updateValue(try #require(Double(match.2)), forKey: String(match.1)) == nil)
    }
    return values
  }

  @Test func whatHappensIsCounted() async throws {
    let bench = try await ServerBench(folder.url)
    let values = try await bench.serve { client in
      let made = try await client.ask(
        .post, "/v1/images/generations", json: #"{"prompt":"a","n":2,"seed":1}"#)
      #expect(made.status == .ok)
      _ = try await client.ask(.post, "/images/generations", json: #"{"prompt":"nan"}"#)
      _ = try await client.ask(.post, "/v1/jobs", json: #"{"operation":"generate","n":99}"#)
      _ = try await client.ask(.get, "/v1/jobs/0")
      _ = try await client.ask(.get, "/no/such/route")
      let answer = try await client.ask(.get, "/metrics")
      #expect(answer.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
      return try Self.values(answer.text)
    }
    func count(_ name: String) -> Double? { values["unclip_" + name] }
    let generations = #"http_requests_total{route="/images/generations",method="POST",status="#
    #expect(count(generations + #""200"}"#) == 1)
    #expect(count(generations + #""500"}"#) == 1)
    #expect(count(#"http_requests_total{route="/jobs/{id}",method="GET",status="404"}"#) == 1)
    #expect(count(#"http_requests_total{route="none",method="GET",status="404"}"#) == 1)
    #expect(count(#"http_request_seconds_count{route="/images/generations"}"#) == 2)
    #expect(count("http_requests_in_progress") == 1)
    #expect(count(#"jobs_accepted_total{operation="generate"}"#) == 2)
    #expect(count(#"jobs_ended_total{operation="generate",state="done"}"#) == 1)
    #expect(count(#"jobs_ended_total{operation="generate",state="failed"}"#) == 1)
    #expect(count(#"jobs_failed_total{reason="failed"}"#) == 1)
    #expect(count(#"jobs_refused_total{reason="invalid"}"#) == 1)
    #expect(count(#"images_total{operation="generate"}"#) == 2)
    #expect(count(#"steps_total{stage="decoder"}"#) == 2)
    #expect(count("job_wait_seconds_count") == 2)
    #expect(count(#"job_run_seconds_bucket{operation="generate",le="+Inf"}"#) == 2)
    #expect(count("queue_images") == 0)
    #expect(count("queue_capacity_images") == 64)
    #expect(count("model_loaded") == 1)
    #expect(
      count(#"model_info{name="scripted",version="1",fingerprint="f00d"}"#) == 1)
    #expect(values["process_resident_memory_bytes"] ?? 0 > 1e6)
  }

  @Test func bucketsHoldAllThatIsLess() throws {
    let metrics = ServerMetrics()
    for seconds in [0.001, 0.3, 0.3, 1000] { metrics.observe(seconds, of: .waitSeconds) }
    let values = try Self.values(metrics.text)
    #expect(values[#"unclip_job_wait_seconds_bucket{le="0.005"}"#] == 1)
    #expect(values[#"unclip_job_wait_seconds_bucket{le="0.5"}"#] == 3)
    #expect(values[#"unclip_job_wait_seconds_bucket{le="600"}"#] == 3)
    #expect(values[#"unclip_job_wait_seconds_bucket{le="+Inf"}"#] == 4)
    #expect(values["unclip_job_wait_seconds_sum"] == 1000.601)
  }

  @Test func aLabelIsEscaped() throws {
    let metrics = ServerMetrics()
    metrics.set(.model, to: 1, "a\"b\\c\nd", "1", "2")
    #expect(metrics.text.contains(#"{name="a\"b\\c\nd",version="1",fingerprint="2"} 1"#))
    _ = try Self.values(metrics.text)
  }

  @Test func everyNameIsInTheTableOfTheDocumentation() throws {
    let source = URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).joined(separator: "/")
    let page = try String(
      contentsOfFile: source + "/Sources/UnCLIPServer/UnCLIPServer.docc/ServeImages.md",
      encoding: .utf8)
    let rows = page.matches(of: /(?m)^\| `([a-z_]+)` \| ([a-z]+) \| ([^|]*) \| (.*) \|$/)
    let documented = rows.map { "\($0.1) \($0.2) \($0.3)" }
    let known = MetricFamily.all.map { family in
      let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
      return "\(family.name) \(family.kind.rawValue) \(labels)"
    }
    #expect(documented == known)
    #expect(Set(MetricFamily.all.map(\.name)).count == known.count)
  }

  @Test func onlyAnAdminReadsThem() async throws {
    var bench = try await ServerBench(folder.url)
    bench.askForKeys()
    try await bench.serve { client in
      let statuses = try await [nil, "wrong", "draw", "admin"].asyncMap {
        try await client.ask(.get, "/metrics", key: $0).status.code
      }
      #expect(statuses == [401, 401, 403, 200])
    }
  }

  @Test func readyMeansLoadedAndNotFull() async throws {
    let runner = QueueRunner(isGated: true, isLoaded: false)
    let bench = try await ServerBench(folder.url, runner: runner)
    try await bench.serve { client in
      func ready() async throws -> Int { try await client.ask(.get, "/health/ready").status.code }
      #expect(try await ready() == 503)
      runner.setLoaded(true)
      #expect(try await ready() == 200)
      for _ in 0..<16 {
        _ = try await client.ask(
          .post, "/v1/jobs", json: #"{"operation":"generate","prompt":"a","n":4}"#)
      }
      #expect(try await ready() == 503)
      #expect(try await client.ask(.get, "/health/live").status == .ok)
      runner.allow(64)
      await bench.queue.drain(grace: 0)
      let draining = try await client.ask(.get, "/health/ready")
      #expect(draining.status == .serviceUnavailable)
      #expect(try draining.error()["code"] as? String == "shutting_down")
      #expect(try await client.ask(.get, "/health/live").status == .ok)
    }
  }
}

extension Sequence {
  /// The results of `transform`, one after the other.
  func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
