import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Pulls models from a hub into its cache.
package final class HubSession: Sendable {
  package let settings: HubSettings
  package let cache: HubCache
  private let client: HubClient

  /// Asks the hub and writes into the cache of `settings`. It is closed by ``close()``.
  package init(_ settings: HubSettings) {
    self.settings = settings
    cache = HubCache(settings.cache)
    client = HubClient(settings)
  }

  /// Closes all connections.
  package func close() async { await client.close() }

  // MARK: Planning

  /// Which files of a repository are taken.
  package enum Wanted: Sendable, Equatable {
    /// What a model is read from, in a variant such as `fp16` where there is one.
    case model(variant: String?)
    /// All files.
    case all
  }

  /// Asks what is to be fetched; nothing is written.
  ///
  /// - Parameters:
  ///   - repository: The model.
  ///   - revision: A branch, a tag or a commit.
  ///   - wanted: Which files.
  /// - Throws: `HubError`.
  package func plan(
    _ repository: HubRepository, revision: String, wanted: Wanted
  ) async throws(HubError) -> HubPlan {
    try HubRepository.check(revision: revision)
    let commit: String
    if HubRepository.isCommit(revision) {
      commit = revision
    } else if settings.isOffline {
      guard let known = cache.commit(of: repository, revision: revision) else {
        throw .offline(repository.id)
      }
      commit = known
    } else {
      commit = try await client.commit(of: repository, revision: revision)
    }
    let tree: HubTree
    if let known = cache.tree(of: repository, commit: commit) {
      tree = known
    } else if settings.isOffline {
      throw .offline(repository.id)
    } else {
      tree = try await client.tree(of: repository, commit: commit)
    }
    let selection: HubSelection
    switch wanted {
    case .all: selection = HubSelection(all: tree)
    case .model(let variant):
      selection = try HubSelection(of: tree, variant: variant, repository: repository)
    }
    return HubPlan(
      repository: repository, revision: revision, tree: tree, selection: selection, cache: cache)
  }

  // MARK: Fetching

  /// How far a pull is.
  package struct Progress: Sendable, Equatable {
    /// Bytes that are there.
    package var done: Int64
    /// Bytes of all files that are fetched.
    package var total: Int64
    /// Files that are whole.
    package var files: Int
    /// All files that are fetched.
    package var count: Int
    /// A file that another process is fetching, for which this one waits.
    package var waitsFor: String?
  }

  /// Fetches the files of a plan, then shows them in their folder all at once.
  ///
  /// - Parameters:
  ///   - plan: What to fetch.
  ///   - report: Takes how far it is, from several threads.
  /// - Throws: `HubError`. What was fetched is kept, and the next call goes on with it.
  package func fetch(
    _ plan: HubPlan, report: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws(HubError) {
    let missing = plan.missing
    guard missing.isEmpty || !settings.isOffline else { throw .offline(plan.repository.id) }
    let needed = plan.bytesToFetch
    if let free = cache.freeSpace(), free < needed {
      throw .noSpace(folder: cache.folder.path, needed: needed, free: free)
    }
    let isWhole = missing.isEmpty && plan.isLinked
    if !isWhole {
      try cache.prepare(plan.repository)
      try cache.keep(plan.tree, of: plan.repository)
    }
    let counter = Counter(
      Progress(
        done: 0, total: missing.reduce(0) { $0 + $1.size }, files: 0, count: missing.count),
      report)
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        // The largest first, so that none is left for the end.
        var rest = missing.sorted { ($0.size, $0.path) > ($1.size, $1.path) }[...]
        func start() {
          guard let file = rest.popFirst() else { return }
          group.addTask { try await self.fetch(file, of: plan, counter) }
        }
        for _ in 0..<max(1, settings.concurrency) { start() }
        while try await group.next() != nil { start() }
      }
    } catch let error as HubError {
      throw error
    } catch {
      throw .unreachable(url: settings.endpoint, reason: "\(error)")
    }
    try cache.link(plan.selection.files, of: plan.repository, commit: plan.commit)
    do throws(HubError) {
      try cache.keep(commit: plan.commit, as: plan.revision, of: plan.repository)
    } catch {
      // A cache that is shared may be read-only; what is whole can be used all the same.
      if !isWhole { throw error }
    }
  }

  /// Adds up what the tasks of a pull do.
  private final class Counter: Sendable {
    private let progress: Mutex<Progress>
    private let report: @Sendable (Progress) -> Void

    init(_ progress: Progress, _ report: @escaping @Sendable (Progress) -> Void) {
      self.progress = Mutex(progress)
      self.report = report
    }

    func add(_ bytes: Int64, files: Int = 0) {
      // Under the lock, so that no older report comes after a newer one.
      progress.withLock { progress in
        progress.done += bytes
        progress.files += files
        report(progress)
      }
    }

    func waits(for file: String) {
      progress.withLock { progress in
        var now = progress
        now.waitsFor = file
        report(now)
      }
    }
  }

  /// Fetches one content into the cache.
  private func fetch(
    _ file: HubFile, of plan: HubPlan, _ counter: Counter
  ) async throws(HubError) {
    let lock = try await BlobLock.acquire(cache.lock(plan.repository, hash: file.hash)) {
      counter.waits(for: file.path)
    }
    defer { withExtendedLifetime(lock) {} }
    // Another process may have fetched it meanwhile.
    if cache.has(file, of: plan.repository) {
      counter.add(file.size, files: 1)
      return
    }
    let partial = try PartialFile(file, at: cache.partial(plan.repository, hash: file.hash))
    counter.add(partial.size)
    let best = Mutex(partial.best)
    var attempts = 2
    while true {
      try await client.repeating(hasMoved: {
        best.withLock { best in
          defer { best = partial.best }
          return partial.best > best
        }
      }) { () throws(HubFailure) in try await self.go(on: partial, file, of: plan, counter) }
      if partial.isRight { break }
      // What was there before may have been wrong; what is fetched anew must be right.
      attempts -= 1
      counter.add(-partial.size)
      try partial.restart()
      guard attempts > 0 else {
        partial.remove()
        throw .wrongContent(
          file: file.path, reason: "its \(file.sha256 == nil ? "Git hash" : "SHA-256") is another")
      }
    }
    try partial.finish(as: cache.blob(plan.repository, hash: file.hash))
    counter.add(0, files: 1)
  }

  /// Fetches what a file lacks, in one request.
  private func go(
    on partial: PartialFile, _ file: HubFile, of plan: HubPlan, _ counter: Counter
  ) async throws(HubFailure) {
    func restart() throws(HubFailure) {
      counter.add(-partial.size)
      do throws(HubError) { try partial.restart() } catch { throw HubFailure(error) }
    }
    func damaged(_ reason: String) -> HubFailure {
      HubFailure(.wrongContent(file: file.path, reason: reason), mayPass: true)
    }
    let start = partial.size
    if start == file.size, start > 0 { return }
    let url = client.url(
      plan.repository.id.split(separator: "/").map(String.init) + ["resolve", plan.commit]
        + file.path.split(separator: "/").map(String.init))
    let answer = try await client.open(url, from: start, ifHash: file.hash)
    let status = answer.response.status.code
    if status == 416 {
      try restart()
      throw damaged("the server has no more of it")
    }
    try answer.check(plan.repository, revision: plan.commit, file: file.path, settings)
    if let tag = answer.tag, tag != file.hash {
      throw HubFailure(
        .wrongContent(file: file.path, reason: "the hub lists \(file.hash) and sends \(tag)"))
    }
    if status == 206 {
      guard answer.isRange(from: start, size: file.size) else {
        try restart()
        throw damaged("another part of it came")
      }
    } else {
      // A server without ranges sends the whole.
      if start > 0 { try restart() }
      if let length = answer.response.headers.first(name: "Content-Length").flatMap({ Int64($0) }),
        length != file.size
      {
        throw damaged("\(length) bytes are announced for \(file.size)")
      }
    }
    do {
      for try await chunk in answer.response.body {
        guard Int64(chunk.readableBytes) <= file.size - partial.size else {
          try restart()
          throw damaged("more than \(file.size) bytes came")
        }
        try chunk.withUnsafeReadableBytes { bytes in try partial.append(bytes) }
        counter.add(Int64(chunk.readableBytes))
      }
    } catch let error as HubError {
      throw HubFailure(error)
    } catch {
      throw HubClient.failure(error, url: url, patience: settings.patience)
    }
    guard partial.size == file.size else {
      throw HubFailure(.unreachable(url: url, reason: "the connection was cut"), mayPass: true)
    }
  }
}
