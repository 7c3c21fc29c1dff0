import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelHub

/// A stand-in hub, and a cache that is filled from it.
final class HubHarness {
  let folder: TemporaryFolder
  let standIn: StandInHub
  var settings: HubSettings

  /// Bytes that look like weights: any, from a seed.
  static func weights(_ count: Int, seed: UInt64) -> Data {
    var random = SplitMix(seed: seed)
    return Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
  }

  static let model: [String: Data] = [
    "README.md": Data("A model.".utf8),
    "model_index.json": Data(#"{"_class_name": "UnCLIPPipeline"}"#.utf8),
    "prior/config.json": Data(#"{"layers": 2}"#.utf8),
    "prior/diffusion_pytorch_model.safetensors": weights(50_000, seed: 1),
    "prior/diffusion_pytorch_model.bin": weights(50_000, seed: 2),
    "decoder/config.json": Data(#"{"layers": 3}"#.utf8),
    "decoder/diffusion_pytorch_model.safetensors": weights(120_000, seed: 3),
    "tokenizer/vocab.json": Data(#"{"ä": 0}"#.utf8),
  ]
  static let decoder = "decoder/diffusion_pytorch_model.safetensors"

  init(_ repository: StandInRepository = StandInRepository(model)) throws {
    folder = try TemporaryFolder()
    standIn = try StandInHub(repository)
    settings = HubSettings(endpoint: standIn.hub.address, cache: folder.file("hub"))
    settings.pause = 0.01
    settings.patience = 60
    settings.attempts = 4
  }

  var repository: HubRepository { get throws { try HubRepository(standIn.repository.id) } }
  var cache: HubCache { HubCache(settings.cache) }
  var snapshot: URL {
    get throws { cache.snapshot(try repository, commit: standIn.repository.commit) }
  }

  func blob(_ path: String) throws -> URL {
    cache.blob(try repository, hash: standIn.repository.hash(path))
  }

  func partial(_ path: String) throws -> URL {
    cache.partial(try repository, hash: standIn.repository.hash(path))
  }

  /// Pulls the model and returns the plan.
  @discardableResult
  func pull(
    revision: String = "main", wanted: HubSession.Wanted = .model(variant: nil),
    report: @escaping @Sendable (HubSession.Progress) -> Void = { _ in }
  ) async throws -> HubPlan {
    let session = HubSession(settings)
    do {
      let plan = try await session.plan(try repository, revision: revision, wanted: wanted)
      try await session.fetch(plan, report: report)
      await session.close()
      return plan
    } catch {
      await session.close()
      throw error
    }
  }

  /// The sentence with which a pull fails.
  func failure(revision: String = "main") async -> String {
    do {
      return "no error: \(try await pull(revision: revision).folder.path)"
    } catch {
      return "\(error)"
    }
  }

  /// Checks that the model's folder holds what the hub has.
  func expectWhole(at location: SourceLocation = #_sourceLocation) throws {
    let snapshot = try snapshot
    for (path, data) in standIn.repository.files
    where path != "README.md" && !path.hasSuffix(".bin") {
      let found = FileManager.default.contents(atPath: snapshot.appending(path: path).path)
      #expect(found == data, "\(path)", sourceLocation: location)
    }
    let left = try FileManager.default.contentsOfDirectory(
      atPath: blob(Self.decoder).deletingLastPathComponent().path
    ).filter { $0.hasSuffix(".incomplete") }
    #expect(left.isEmpty, sourceLocation: location)
  }

  /// The requests for one stored file.
  func requests(for path: String) -> [StandInServer.Request] {
    let target = "/" + standIn.repository.hash(path)
    return standIn.storage.requests.filter { $0.target == target }
  }
}

/// Counts, from several threads.
final class Count: Sendable {
  private let value = Mutex(0)

  /// The next number, from 1.
  func next() -> Int {
    value.withLock { value in
      value += 1
      return value
    }
  }
}
