import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Pulls from hubs and networks that misbehave.
@Suite struct HubFaultTests {
  private let decoder = HubHarness.decoder

  // MARK: What is overcome

  @Test func goesOnAfterACut() async throws {
    let harness = try HubHarness()
    let count = Count()
    harness.standIn.behave(storage: { _, answer in
      var answer = answer
      // Each connection brings a little, more often than may fail in a row.
      if answer.body.count > 60_000, count.next() <= 6 { answer.cut = 10_000 }
      return answer
    })
    try await harness.pull()
    try harness.expectWhole()
    let starts = harness.requests(for: decoder).map { $0.headers["range"] }
    #expect(
      starts == [nil] + (1...6).map { "bytes=\($0 * 10_000)-" })
    // The storage has tags of its own.
    #expect(harness.requests(for: decoder).allSatisfy { $0.headers["if-range"] == nil })
  }

  @Test func goesOnInTheNextRun() async throws {
    let harness = try HubHarness()
    harness.settings.attempts = 1
    harness.standIn.behave(storage: { _, answer in
      var answer = answer
      // The decoder alone: a failure ends what else is fetched, wherever that is.
      if answer.body.count > 60_000 { answer.cut = 40_000 }
      return answer
    })
    #expect(await harness.failure().contains("the connection was cut"))
    harness.settings.concurrency = 1
    #expect(await harness.failure().contains("What was fetched is kept."))
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: harness.partial(decoder).path)[.size] as? Int
    )
    #expect(size >= 40_000)
    #expect(!FileManager.default.fileExists(atPath: try harness.snapshot.path))
    harness.standIn.behave()
    try await harness.pull()
    try harness.expectWhole()
    #expect(harness.requests(for: decoder).map { $0.headers["range"] } == ["bytes=\(size)-"])
  }

  @Test func goesOnAfterSilence() async throws {
    let harness = try HubHarness()
    harness.settings.patience = 8
    let count = Count()
    harness.standIn.behave(storage: { _, answer in
      var answer = answer
      guard answer.body.count > 60_000, count.next() == 1 else { return answer }
      answer.stall = 30_000
      answer.pause = 20
      return answer
    })
    try await harness.pull()
    try harness.expectWhole()
    #expect(
      harness.requests(for: decoder).map { $0.headers["range"] } == [nil, "bytes=30000-"])
  }

  /// Small files come from the hub itself, whose tags are their hashes.
  @Test func asksTheHubForTheSameFile() async throws {
    let harness = try HubHarness()
    try await harness.pull()
    let path = "model_index.json"
    let data = try #require(harness.standIn.repository.files[path])
    try FileManager.default.moveItem(at: harness.blob(path), to: harness.partial(path))
    try data.prefix(10).write(to: harness.partial(path))
    harness.standIn.behave()
    try await harness.pull()
    try harness.expectWhole()
    let request = try #require(
      harness.standIn.hub.requests.first { $0.target.hasSuffix(path) })
    #expect(request.headers["range"] == "bytes=10-")
    #expect(request.headers["if-range"] == "\"\(harness.standIn.repository.hash(path))\"")
  }

  @Test(arguments: ["bytes 0-9/120000", "bytes 40001-119999/120000", "bytes 40000-119999/5", "x"])
  func beginsAgainAfterAWrongRange(_ range: String) async throws {
    let harness = try HubHarness()
    try await harness.prepare(partial: decoder, bytes: 40_000)
    harness.standIn.behave(storage: { _, answer in
      var answer = answer
      if answer.status == 206 { answer.headers["Content-Range"] = range }
      return answer
    })
    try await harness.pull()
    try harness.expectWhole()
  }

  @Test func beginsAgainWithoutRanges() async throws {
    let harness = try HubHarness()
    try await harness.prepare(partial: decoder, bytes: 40_000)
    let whole = harness.standIn.repository.files
    harness.standIn.behave(storage: { _, answer in
      answer.status == 206 ? .init(200, body: whole[HubHarness.decoder] ?? Data()) : answer
    })
    try await harness.pull()
    try harness.expectWhole()
  }

  @Test func beginsAgainWhenTheServerHasNoMore() async throws {
    let harness = try HubHarness()
    try await harness.prepare(partial: decoder, bytes: 40_000)
    harness.standIn.behave(storage: { _, answer in answer.status == 206 ? .init(416) : answer })
    try await harness.pull()
    try harness.expectWhole()
  }

  /// What another program left may be wrong, or longer than the file.
  @Test(arguments: [40_000, 120_000, 200_000])
  func doesNotTrustWhatIsThere(_ size: Int) async throws {
    let harness = try HubHarness()
    try await harness.prepare(partial: decoder, bytes: 0)
    try HubHarness.weights(size, seed: 9).write(to: harness.partial(decoder))
    try await harness.pull()
    try harness.expectWhole()
  }

  @Test func waitsWhenItIsAskedTo() async throws {
    let harness = try HubHarness()
    let count = Count()
    harness.standIn.behave(hub: { _, answer in
      count.next() <= 3 ? .init(429, ["Retry-After": "0"]) : answer
    })
    try await harness.pull()
    try harness.expectWhole()
  }

  @Test(arguments: [500, 502, 503, 504, 408])
  func triesAgainWhenTheServerFails(_ status: Int) async throws {
    let harness = try HubHarness()
    let (asked, stored) = (Count(), Count())
    harness.standIn.behave(
      hub: { _, answer in asked.next() % 2 == 1 ? .init(status) : answer },
      storage: { _, answer in stored.next() % 2 == 1 ? .init(status) : answer })
    harness.settings.concurrency = 1
    try await harness.pull()
    try harness.expectWhole()
  }

  // MARK: What is refused

  @Test func refusesAnotherContent() async throws {
    let harness = try HubHarness()
    harness.standIn.behave(storage: { _, answer in
      var answer = answer
      answer.body[answer.body.startIndex] ^= 1
      return answer
    })
    #expect(
      await harness.failure().hasSuffix(
        "diffusion_pytorch_model.safetensors arrived damaged (its SHA-256 is another) and is "
          + "not kept; run the same command again."))
    #expect(!FileManager.default.fileExists(atPath: try harness.snapshot.path))
    let left = try FileManager.default.contentsOfDirectory(
      atPath: harness.blob(decoder).deletingLastPathComponent().path)
    #expect(
      !left.contains {
        $0.hasPrefix(harness.standIn.repository.hash(decoder)) && !$0.hasSuffix("incomplete")
      })
  }

  @Test func refusesAnotherSmallFile() async throws {
    let harness = try HubHarness()
    harness.standIn.behave(hub: { request, answer in
      var answer = answer
      if request.target.hasSuffix("vocab.json") { answer.body = Data(#"{"ä": 1}"#.utf8) }
      return answer
    })
    #expect(
      await harness.failure().contains("vocab.json arrived damaged (its Git hash is another)"))
  }

  @Test func refusesAnotherTag() async throws {
    let harness = try HubHarness()
    let other = String(repeating: "ab", count: 32)
    harness.standIn.behave(hub: { _, answer in
      var answer = answer
      if answer.headers["X-Linked-Etag"] != nil {
        answer.headers["X-Linked-Etag"] = "W/\"\(other)\""
      }
      return answer
    })
    #expect(await harness.failure().contains("and sends \(other)) and is not kept"))
  }

  @Test func refusesAnotherLength() async throws {
    let harness = try HubHarness()
    harness.standIn.behave(storage: { _, answer in
      var answer = answer
      answer.body += Data([0])
      return answer
    })
    #expect(await harness.failure().contains("bytes are announced for"))
  }

  @Test(
    arguments: [
      (
        404, [:], false,
        "There is no model stand/in at HUB, or it is private; check the name, or set"
      ),
      (401, ["X-Error-Code": "RepoNotFound"], false, "There is no model stand/in at HUB, or it is"),
      (401, [:], true, "or use a token of an account that may read it."),
      (
        401, ["X-Error-Message": "Invalid credentials in Authorization header"], true,
        "HUB refuses the token; set HF_TOKEN to a valid one of HUB/settings/tokens, or unset it"
      ),
      (
        403, ["X-Error-Code": "GatedRepo"], false,
        "stand/in is gated: ask for access at HUB/stand/in, then set HF_TOKEN to a token of that "
          + "account."
      ),
      (403, ["X-Error-Code": "GatedRepo"], true, "with the account whose token is used."),
      (
        404, ["X-Error-Code": "RevisionNotFound"], false,
        "stand/in has no revision main; HUB/stand/in/tree/main lists its branches and tags."
      ),
      (429, ["Retry-After": "4000"], false, "run the same command again in 4000 seconds or more"),
      (429, ["RateLimit": "\"api\";r=0;t=3000"], false, "again in 3000 seconds or more: what was"),
      (400, ["X-Error-Message": "Bad thing"], false, "answered with status 400 (Bad thing); try"),
      (500, [:], false, "answered with status 500; try again later."),
      (302, [:], false, "does not answer as a hub does: it redirects to no address; check"),
      (302, ["Location": "file:///etc/passwd"], false, "it redirects to no address"),
      (302, ["Location": "/api/models/stand/in/revision/main"], false, "redirects have no end"),
    ] as [(Int, [String: String], Bool, String)])
  func saysWhatIsWrong(
    status: Int, headers: [String: String], hasToken: Bool, expected: String
  ) async throws {
    let harness = try HubHarness()
    if hasToken { harness.settings.token = "hf_x" }
    harness.standIn.behave(hub: { _, _ in .init(status, headers) })
    let sentence = await harness.failure()
    let hub = harness.standIn.hub.address
    #expect(sentence.contains(expected.replacing("HUB", with: hub)), "\(sentence)")
    #expect(!FileManager.default.fileExists(atPath: harness.settings.cache.path))
  }

  @Test func saysWhatNoHubAnswers() async throws {
    let harness = try HubHarness()
    harness.standIn.behave(hub: { _, _ in .init(200, body: Data("<!DOCTYPE html><p>Hi".utf8)) })
    #expect(await harness.failure().contains("a web page came instead of JSON; check HF_ENDPOINT"))
    harness.standIn.behave(hub: { _, _ in .init(200, body: Data("{}".utf8)) })
    #expect(await harness.failure().contains("the JSON is not a hub's"))
    harness.standIn.behave(hub: { _, _ in .json(["sha": "../../etc"]) })
    #expect(await harness.failure().contains("the commit '../../etc' is none"))
  }

  /// A list of files must not lead out of the cache.
  @Test(arguments: ["../x.json", "/x.json", "a//x.json", "a/./x.json", "a\u{0}.json", "a\\x.json"])
  func refusesPathsThatLeadElsewhere(_ path: String) async throws {
    let harness = try HubHarness()
    harness.standIn.behave(hub: { request, answer in
      guard request.target.contains("/tree/") else { return answer }
      return .json([
        ["type": "file", "oid": String(repeating: "a", count: 40), "size": 1, "path": path]
      ])
    })
    #expect(await harness.failure().contains("whose path leads elsewhere; check"))
  }

  @Test func refusesHashesThatAreNone() async throws {
    let harness = try HubHarness()
    for oid in ["../../../x", "A" + String(repeating: "a", count: 39), "abc"] {
      harness.standIn.behave(hub: { request, answer in
        guard request.target.contains("/tree/") else { return answer }
        return .json([["type": "file", "oid": oid, "size": 1, "path": "config.json"]])
      })
      #expect(await harness.failure().contains("lists config.json without a valid hash and size"))
    }
  }

  @Test func checksTheSpaceFirst() async throws {
    let harness = try HubHarness()
    harness.standIn.behave(hub: { request, answer in
      guard request.target.contains("/tree/") else { return answer }
      let oid = String(repeating: "a", count: 64)
      return .json([
        [
          "type": "file", "oid": String(repeating: "a", count: 40), "size": 100,
          "path": "model.safetensors",
          "lfs": ["oid": oid, "size": 60_000_000_000_000, "pointerSize": 100],
        ]
      ])
    })
    let sentence = await harness.failure()
    #expect(sentence.contains("and the model needs 60 TB; free some, or name another cache"))
    #expect(!FileManager.default.fileExists(atPath: harness.settings.cache.path))
    #expect(harness.standIn.storage.requests.isEmpty)
  }

  @Test func saysThatNobodyAnswers() async throws {
    let harness = try HubHarness()
    harness.settings.attempts = 1
    // A port that was just given back.
    harness.settings.endpoint = try StandInServer().address
    #expect(
      await harness.failure().contains("gives no answer (the connection was refused); try again"))
    harness.settings.endpoint = "http://no-such-host.invalid"
    #expect(await harness.failure().contains("gives no answer ("))
    harness.settings.endpoint = harness.standIn.hub.address
    harness.settings.patience = 0.2
    harness.standIn.behave(hub: { _, answer in
      var answer = answer
      answer.pause = 1
      return answer
    })
    #expect(await harness.failure().contains("gives no answer (it was silent for 0.2 s)"))
  }

  @Test func saysThatTheCacheCannotBeWritten() async throws {
    let harness = try HubHarness()
    _ = try harness.folder.write("a file", to: "hub")
    let sentence = await harness.failure()
    #expect(sentence.hasPrefix("Cannot write \(harness.settings.cache.path)"), "\(sentence)")
    #expect(sentence.hasSuffix("; name another cache with HF_HOME."), "\(sentence)")
  }
}

extension HubHarness {
  /// Leaves the beginning of a file, as a pull that was cut off does.
  fileprivate func prepare(partial path: String, bytes: Int) async throws {
    let url = try partial(path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try (standIn.repository.files[path] ?? Data()).prefix(bytes).write(to: url)
  }
}
