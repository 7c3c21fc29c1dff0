import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelHub

/// What a pull leaves and what it asks for, with a hub that behaves.
@Suite struct HubSessionTests {
  @Test func keepsTheSharedLayout() async throws {
    let harness = try HubHarness()
    let plan = try await harness.pull()
    try harness.expectWhole()
    let (files, commit) = (FileManager.default, harness.standIn.repository.commit)
    let place = harness.settings.cache.appending(path: "models--stand--in")
    #expect(plan.folder.path == place.appending(path: "snapshots/\(commit)").path)
    #expect(
      try String(contentsOf: place.appending(path: "refs/main"), encoding: .utf8) == commit)
    let config = plan.folder.appending(path: "prior/config.json")
    #expect(
      try files.destinationOfSymbolicLink(atPath: config.path)
        == "../../../blobs/" + gitHash(Data(#"{"layers": 2}"#.utf8)))
    #expect(
      try files.destinationOfSymbolicLink(
        atPath: plan.folder.appending(path: "model_index.json").path)
        == "../../blobs/" + harness.standIn.repository.hash("model_index.json"))
    #expect(try harness.blob(HubHarness.decoder).lastPathComponent.count == 64)
    let tag = harness.settings.cache.appending(path: "CACHEDIR.TAG")
    #expect(
      try String(contentsOf: tag, encoding: .utf8)
        .hasPrefix("Signature: 8a477f597d28d172789f06886806bc55\n"))
    #expect(
      files.fileExists(
        atPath: harness.settings.cache.appending(path: ".locks/models--stand--in").path))
    // Only what a model is read from.
    #expect(!files.fileExists(atPath: plan.folder.appending(path: "README.md").path))
    #expect(plan.selection.files.count == 6 && plan.bytesToFetch == 0)
    let all = try await harness.pull(wanted: .all)
    #expect(all.selection.files.count == 8)
    #expect(
      try Data(contentsOf: plan.folder.appending(path: "README.md")) == Data("A model.".utf8))
  }

  @Test func fetchesNothingTwice() async throws {
    let harness = try HubHarness()
    try await harness.pull()
    harness.standIn.behave()
    try await harness.pull()
    #expect(harness.standIn.storage.requests.isEmpty)
    #expect(harness.standIn.hub.requests.map(\.target) == ["/api/models/stand/in/revision/main"])
    // A commit means the same for ever.
    harness.standIn.behave()
    try await harness.pull(revision: harness.standIn.repository.commit)
    #expect(harness.standIn.hub.requests.isEmpty)
  }

  @Test func tellsTheTokenToTheHubAlone() async throws {
    let harness = try HubHarness()
    harness.settings.token = "hf_secret"
    try await harness.pull()
    #expect(harness.standIn.storage.requests.count == 2)
    for request in harness.standIn.storage.requests {
      #expect(request.headers["authorization"] == nil)
    }
    #expect(!harness.standIn.hub.requests.isEmpty)
    for request in harness.standIn.hub.requests {
      #expect(request.headers["authorization"] == "Bearer hf_secret")
      #expect(request.headers["accept-encoding"] == "identity")
    }
  }

  /// A renamed repository is found by its old name; a server between hub and hub gets no token.
  @Test func followsRedirects() async throws {
    let harness = try HubHarness()
    harness.settings.token = "hf_secret"
    let between = try StandInServer()
    let back = harness.standIn.hub.address
    between.answer { .init(307, ["Location": back + $0.target + "&back=1"]) }
    let away = between.address
    harness.standIn.behave(hub: { request, answer in
      if request.target.hasSuffix("back=1") {
        return request.headers["authorization"] == nil ? answer : .init(400)
      }
      if request.target.contains("/tree/") {
        return .init(302, ["Location": away + request.target])
      }
      if request.target == "/api/models/stand/in/revision/main" {
        return .init(307, ["Location": "/api/models/stand/in/revision/main?moved=1"])
      }
      return answer
    })
    try await harness.pull()
    try harness.expectWhole()
    #expect(between.requests.count == 1)
    #expect(between.requests.first?.headers["authorization"] == nil)
  }

  @Test func readsListsOfSeveralPages() async throws {
    var repository = StandInRepository(HubHarness.model)
    repository.pageSize = 3
    let harness = try HubHarness(repository)
    try await harness.pull()
    try harness.expectWhole()
    #expect(harness.standIn.hub.requests.count { $0.target.contains("/tree/") } == 3)
  }

  @Test func reportsHowFarItIs() async throws {
    let harness = try HubHarness()
    let last = Mutex<HubSession.Progress?>(nil)
    try await harness.pull { progress in
      last.withLock { if $0.map({ $0.files <= progress.files }) ?? true { $0 = progress } }
    }
    let end = try #require(last.withLock { $0 })
    #expect(end.files == 6 && end.count == 6)
    #expect(end.done == end.total && end.total > 170_000)
  }

  @Test func oneOfTwoPullsFetches() async throws {
    let harness = try HubHarness()
    harness.standIn.behave(storage: { _, answer in
      var answer = answer
      answer.pause = 0.3
      return answer
    })
    let (settings, repository) = (harness.settings, try harness.repository)
    let waited = Count()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask {
          let session = HubSession(settings)
          let plan = try await session.plan(
            repository, revision: "main", wanted: .model(variant: nil))
          try await session.fetch(plan) { if $0.waitsFor != nil { _ = waited.next() } }
          await session.close()
        }
      }
      try await group.waitForAll()
    }
    try harness.expectWhole()
    #expect(harness.standIn.storage.requests.count == 2)
    #expect(waited.next() > 1)
  }

  /// A newer program's list, or a damaged one, is fetched anew.
  @Test(arguments: [
    "{}", "x", #"{"format_version": 2, "files": {}}"#,
    #"{"format_version": 1, "files": {"../x": {"size": 1, "blob_id": "0"}}}"#,
  ])
  func ignoresListsThatItCannotUse(_ text: String) async throws {
    let harness = try HubHarness()
    let trees = harness.settings.cache.appending(path: "models--stand--in/trees")
    try FileManager.default.createDirectory(at: trees, withIntermediateDirectories: true)
    let list = trees.appending(path: harness.standIn.repository.commit + ".json")
    try Data(text.utf8).write(to: list)
    try await harness.pull()
    try harness.expectWhole()
    #expect(try Data(contentsOf: list).count > 500)
  }

  /// What is whole can be used from a folder that may not be written.
  @Test func usesAReadOnlyCache() async throws {
    let harness = try HubHarness()
    try await harness.pull()
    let reference = harness.settings.cache.appending(path: "models--stand--in/refs/main")
    try FileManager.default.removeItem(at: reference)
    // No file can be made there, also by root.
    try FileManager.default.removeItem(at: reference.deletingLastPathComponent())
    try Data().write(to: reference.deletingLastPathComponent())
    #expect(try await harness.pull().folder == harness.snapshot)
  }

  @Test func worksWithoutTheHub() async throws {
    let harness = try HubHarness()
    harness.settings.isOffline = true
    #expect(
      await harness.failure()
        == "stand/in is not whole in the cache and HF_HUB_OFFLINE is set; unset it to pull the model."
    )
    harness.settings.isOffline = false
    try await harness.pull()
    harness.settings.isOffline = true
    harness.standIn.behave()
    #expect(try await harness.pull().folder == harness.snapshot)
    #expect(harness.standIn.hub.requests.isEmpty)
    try FileManager.default.removeItem(at: harness.blob(HubHarness.decoder))
    #expect(await harness.failure().contains("is not whole in the cache"))
  }

  // MARK: Names

  @Test func findsWhatWasPulled() async throws {
    let harness = try HubHarness()
    let cache = harness.cache
    #expect(cache.pulled.isEmpty)
    let plan = try await harness.pull()
    #expect(cache.pulled.map(\.name) == ["stand/in"])
    for name in ["stand/in", "in", "stand/in@main", "stand/in@c0ffee0"] {
      #expect(cache.pulled(named: name).map(\.folder.path) == [plan.folder.path], "\(name)")
    }
    for name in ["stand", "x/in", "stand/in@v1", "stand/in@c0f", "", "/", "@", "in@"] {
      #expect(cache.pulled(named: name).isEmpty, "\(name)")
    }
    // Another owner's model of the same name, and a folder of another kind.
    try FileManager.default.copyItem(
      at: harness.settings.cache.appending(path: "models--stand--in"),
      to: harness.settings.cache.appending(path: "models--other--in"))
    try FileManager.default.createDirectory(
      at: harness.settings.cache.appending(path: "datasets--a--b"),
      withIntermediateDirectories: true)
    #expect(cache.pulled.map(\.name) == ["other/in", "stand/in"])
    #expect(cache.pulled(named: "in").count == 2)
  }
}
