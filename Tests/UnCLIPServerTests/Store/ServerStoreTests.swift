import Foundation
import GRDB
import TestSupport
import Testing

@testable import UnCLIPServer

struct ServerStoreTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Commits a job of a prompt; returns its id.
  func job(
    _ store: ServerStore, _ prompt: String = "a red apple", count: Int = 100, owner: String? = nil
  ) async throws -> String {
    var request = JobRequest(.generate, prompt: prompt)
    request.count = count
    let record = JobRecord(
      id: StoreID.random(), owner: owner, request: request, created: Date())
    #expect(try await store.insert(StoredJob(record: record)) == nil)
    return record.id
  }

  /// Stores an image of a job.
  @discardableResult func image(
    _ store: ServerStore, _ job: String, _ index: Int, bytes: Int = 100, embedding: [Float]? = nil
  ) async throws -> String {
    let image = JobImage(
      index: index, seed: .max - UInt64(index), width: 64, height: 32,
      png: Data(repeating: UInt8(truncatingIfNeeded: index), count: bytes), embedding: embedding)
    return try #require(try await store.add(image, job: job, at: Date()))
  }

  @Test func twoServersCannotShareAFolder() throws {
    let first = try ServerStore(folder.url)
    #expect(throws: StoreError.locked(path: folder.url.path)) { try ServerStore(folder.url) }
    #expect(StoreError.locked(path: "/a").description.contains("--data"))
    withExtendedLifetime(first) {}
    // The keys can be changed beside it.
    _ = try KeyStore(folder.url)
  }

  @Test func aNewerFolderIsNotTouched() throws {
    do { _ = try ServerStore(folder.url) }
    do {
      let queue = try DatabaseQueue(path: folder.path("server.sqlite"))
      try queue.write { db in
        try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99')")
      }
    }
    #expect(throws: StoreError.newer(path: folder.path("server.sqlite"))) {
      try ServerStore(folder.url)
    }
  }

  @Test func aFileThatIsNoDatabaseIsSaid() throws {
    _ = try folder.write(String(repeating: "no database. ", count: 100), to: "server.sqlite")
    let text = sentence { try ServerStore(folder.url) }
    #expect(text.contains("server.sqlite"))
    #expect(text.contains("not a database"))
  }

  @Test func everythingOfAJobIsReadBack() async throws {
    let store = try ServerStore(folder.url)
    let hash = try await store.addInput(Data("input".utf8), at: Date())
    var request = JobRequest(.inpaint, prompt: "ein grüner Apfel 🍏")
    request.sources = [.init(file: hash)]
    request.seed = .max
    var record = JobRecord(
      id: StoreID.random(), owner: "k", request: request,
      created: Date(timeIntervalSince1970: 1.5))
    #expect(try await store.insert(StoredJob(record: record)) == nil)
    record.state = .failed
    record.failure = .invalid("The size is odd.", field: "size")
    record.started = Date(timeIntervalSince1970: 2)
    record.finished = Date(timeIntervalSince1970: 3)
    record.result = Data("{}".utf8)
    try await store.update(record)
    #expect(try await store.job(record.id, owner: nil) == record)
    #expect(try await store.job(record.id, owner: "k") == record)
    #expect(try await store.job(record.id, owner: "other") == nil)
    #expect(try await store.job("../../etc/passwd", owner: nil) == nil)
  }

  @Test func halfFilesAndLostOnesArePutRightAtTheStart() async throws {
    var (kept, lost, unfinished) = ("", "", "")
    do {
      let store = try ServerStore(folder.url)
      unfinished = try await job(store)
      kept = try await image(store, unfinished, 0)
      lost = try await image(store, unfinished, 1)
      let ended = try await job(store)
      let gone = try await image(store, ended, 0)
      var record = try #require(try await store.job(ended, owner: nil))
      record.state = .done
      try await store.update(record)
      record = try #require(try await store.job(unfinished, owner: nil))
      record.state = .running
      try await store.update(record)
      for id in [lost, gone] {
        try FileManager.default.removeItem(at: try #require(store.imageURL(id)))
      }
      let images = folder.file("images/\(kept.prefix(2))")
      try Data("half".utf8).write(to: images.appending(path: ".x.png.partial"))
      try Data("no row".utf8).write(to: images.appending(path: StoreID.random() + ".png"))
      let hash = try await store.addInput(Data("input".utf8), at: Date())
      try Data("no row".utf8).write(to: folder.file("inputs/no"))
      try FileManager.default.removeItem(at: folder.file("inputs/" + hash))
    }
    let store = try ServerStore(folder.url)
    let jobs = try await store.unfinished()
    #expect(jobs.map(\.record.id) == [unfinished])
    #expect(jobs.first?.record.state == .queued)
    #expect(jobs.first?.images == [0: kept])
    #expect(try await store.images(LibraryQuery()).images.map(\.id) == [kept])
    let files = try #require(FileManager.default.enumerator(atPath: folder.path("images")))
    #expect(files.compactMap { $0 as? String }.filter { $0.contains(".") }.count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("inputs")).isEmpty)
  }

  @Test func theQuotaTakesTheOldestButNoFavourite() async throws {
    let store = try ServerStore(folder.url, quota: 1000)
    let first = try await job(store)
    var ids: [String] = []
    for index in 0..<9 { ids.append(try await image(store, first, index)) }
    #expect(try await store.setFavourite(ids[0], owner: nil, true))
    let second = try await job(store)
    for index in 0..<4 { try await image(store, second, index) }
    let usage = try await store.usage()
    #expect(usage.bytes == 1000)
    #expect(usage.kept == 100)
    let kept = try await store.images(LibraryQuery()).images.map(\.id)
    #expect(kept.contains(ids[0]))
    #expect(!kept.contains(ids[1]) && !kept.contains(ids[3]))
    #expect(kept.contains(ids[4]))
    #expect(try await store.imageFile(ids[1]) == nil)
    let url = try #require(store.imageURL(ids[1]))
    #expect(!FileManager.default.fileExists(atPath: url.path))
    // A deleted image is not made again.
    #expect(try await store.unfinished().first?.images.count == 9)
  }

  @Test func aQuotaOfFavouritesRefusesJobsAndAFullDiskFailsOne() async throws {
    let bench = try await QueueBench(folder.url, quota: 30)
    let record = try await bench.end(try await bench.submit(count: 2).id)
    for id in record.images { _ = try await bench.store.setFavourite(id, owner: nil, true) }
    await #expect(throws: JobRefusal.noSpace) { _ = try await bench.submit() }
    await #expect(throws: JobRefusal.noSpace) { _ = try await bench.queue.store(Data("a".utf8)) }
    _ = try await bench.store.setFavourite(record.images[0], owner: nil, false)
    // No folder can be made where a file is: the job fails, and the history stays.
    try FileManager.default.removeItem(at: folder.file("images"))
    try Data().write(to: folder.file("images"))
    let failed = try await bench.end(try await bench.submit().id)
    #expect(failed.failure == .failed("The server could not store its images."))
    #expect(!(try await bench.store.images(LibraryQuery()).images.isEmpty))
  }

  /// A small file system, such as a `tmpfs` of 4 MB, for the test that fills it.
  static let smallDisk = ProcessInfo.processInfo.environment["UNCLIP_SMALL_DISK"]

  @Test(.enabled(if: smallDisk != nil)) func aFullDiskFailsJobsAndTheHistoryIsRead() async throws {
    let folder = URL(fileURLWithPath: try #require(Self.smallDisk)).appending(path: "data")
    defer { do { try FileManager.default.removeItem(at: folder) } catch {} }
    let bench = try await QueueBench(folder, runner: QueueRunner(padding: 200_000))
    var reasons: [String] = []
    for number in 0..<60 {
      do {
        let record = try await bench.end(try await bench.submit(seed: UInt64(number)).id)
        if let failure = record.failure { reasons.append(failure.reason) }
      } catch JobRefusal.noSpace {
        reasons.append("refused")
      }
    }
    #expect(reasons.count > 30)
    #expect(Set(reasons).isSubset(of: ["refused", "no_space"]))
    let images = try await bench.store.images(LibraryQuery()).images
    #expect(images.count > 3)
    for image in images {
      let file = try #require(try await bench.store.imageFile(image.id))
      #expect(try Data(contentsOf: file).count > 200_000)
    }
    for image in images.prefix(3) { #expect(try await bench.store.delete(image.id, owner: nil)) }
    let record = try await bench.end(try await bench.submit().id)
    #expect(record.state == .done)
  }

  @Test func inputsGoAnHourAfterNothingNeedsThem() async throws {
    let store = try ServerStore(folder.url)
    let now = Date()
    let free = try await store.addInput(Data("free".utf8), at: now)
    let needed = try await store.addInput(Data("needed".utf8), at: now)
    var request = JobRequest(.vary)
    request.sources = [.init(file: needed)]
    let record = JobRecord(id: StoreID.random(), owner: nil, request: request, created: now)
    #expect(try await store.insert(StoredJob(record: record)) == nil)
    func files() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: store.inputFolder.path).sorted()
    }
    try await store.tidy(at: now + 1800)
    #expect(try files() == [free, needed].sorted())
    try await store.tidy(at: now + 3601)
    #expect(try files() == [needed])
  }

  @Test func filesThatNoJobNamesHaveAQuarterOfTheQuota() async throws {
    let store = try ServerStore(folder.url, quota: 1000)
    var hashes: [String] = []
    for number in 0..<4 {
      let data = Data(repeating: UInt8(number), count: 100)
      hashes.append(try await store.addInput(data, at: Date() + Double(number)))
      #expect(try await store.addInput(data, at: Date() + Double(number)) == hashes.last)
    }
    let kept = try FileManager.default.contentsOfDirectory(atPath: store.inputFolder.path)
    #expect(Set(kept) == Set(hashes.suffix(2)))
    #expect(try await store.usage().bytes == 200)
  }

  @Test func keysAreHashedScopedAndRevoked() async throws {
    let store = try ServerStore(folder.url)
    let (draw, secret) = try await store.keys.create(name: "phone", scopes: [.draw])
    let (admin, other) = try await store.keys.create(name: "laptop", scopes: [.draw, .admin])
    #expect(secret != other)
    #expect(try await store.keys.key(secret: secret) == draw)
    #expect(try await store.keys.key(secret: other)?.scopes == [.draw, .admin])
    #expect(try await store.keys.key(secret: secret + "0") == nil)
    #expect(try await store.keys.key(secret: "") == nil)
    // Another process revokes it while this one runs.
    #expect(try await KeyStore(folder.url).revoke("phone") == 1)
    #expect(try await store.keys.key(secret: secret) == nil)
    #expect(try await store.keys.revoke(admin.id) == 1)
    #expect(try await store.keys.revoke(admin.id) == 0)
    #expect(try await store.keys.list().map(\.name) == ["phone", "laptop"])
    for name in try folder.names where name.hasPrefix("server.sqlite") {
      let file = try Data(contentsOf: folder.file(name))
      #expect(file.range(of: Data(secret.utf8)) == nil)
    }
  }
}
