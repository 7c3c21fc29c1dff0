import Files
import Foundation

extension JobQueue {
  /// Accepts a job, or finds the one that a repeated call joins.
  func accept(
    _ request: JobRequest, owner: String?, deadline: Date?, retry: String?
  ) async throws(JobRefusal) -> JobRecord {
    guard !isDraining else { throw .draining }
    if let retry, let record = try await joined(retry, deadline) { return record }
    // While a worker starts again after a crash, jobs wait for it.
    guard let model = await runner.model ?? lastModel else {
      throw .notReady("The model is loading; try again in a few seconds.")
    }
    lastModel = model
    store.setSpace(model.fingerprint)
    try check(request, model)
    guard (1...limits.capacity).contains(request.count) else {
      throw .invalid(
        "A job makes 1 to \(limits.capacity) images here, not \(request.count).", field: "n")
    }
    var job = StoredJob(
      record: JobRecord(
        id: StoreID.random(), owner: owner, request: request, created: clock.now()))
    job.deadline = deadline
    job.retry = retry
    // Small enough for every reader of JSON.
    job.record.request.seed = request.seed ?? UInt64(UInt32.random(in: 0 ... .max))
    let id = job.record.id
    let images = request.operation.makesImages ? request.count : 1
    try reserve(images, for: owner)
    arriving[id] = (owner, images)
    defer { arriving[id] = nil }
    let missing: String?
    do throws(StoreError) {
      try await requireRoom()
      missing = try await store.insert(job)
    } catch {
      throw Self.refusal(error)
    }
    if let missing {
      throw .invalid(
        "There is no stored file \(missing.prefix(64)); send the file with the request.",
        field: request.mask == missing ? "mask" : "sources")
    }
    enqueue(job)
    watch(.accepted(job.record))
    arriving[id] = nil
    startJobs()
    return entries[id].map { located($0.job.record) } ?? job.record
  }

  /// Puts a committed job into the line.
  func enqueue(_ job: StoredJob) {
    let id = job.record.id
    var entry = Entry(job: job)
    entry.job.record.state = .queued
    entry.hidden = Set(job.images.values).subtracting(job.record.images)
    if let deadline = job.deadline { entry.deadline = alarm(id, deadline) }
    entries[id] = entry
    line.append(id, owner: job.record.owner)
  }

  /// Drops a job at its deadline if it has not begun.
  private func alarm(_ id: String, _ deadline: Date) -> Task<Void, Never> {
    Task { [clock] in
      await clock.wait(deadline)
      if !Task.isCancelled { await self.expire(id) }
    }
  }

  private func expire(_ id: String) async {
    guard entries[id] != nil, running[id] == nil else { return }
    await end(id, .failed, .expired)
  }

  /// Finds the job of a call that is repeated; its deadline is that of the repetition.
  private func joined(_ retry: String, _ deadline: Date?) async throws(JobRefusal) -> JobRecord? {
    let since = clock.now() - limits.retryWindow
    let present = entries.values.first {
      $0.job.retry == retry && $0.job.record.created >= since && !$0.isCancelled
        && ![.failed, .cancelled].contains($0.job.record.state)
    }
    if let id = present?.job.record.id {
      entries[id]?.farewell?.cancel()
      entries[id]?.deadline?.cancel()
      entries[id]?.job.deadline = deadline
      entries[id]?.deadline = deadline.map { alarm(id, $0) }
      return entries[id].map { located($0.job.record) }
    }
    do throws(StoreError) {
      let record = try await store.job(repeating: retry, after: since)
      return record?.state.isFinal == true ? record : nil
    } catch {
      throw Self.refusal(error)
    }
  }

  // MARK: Room

  /// Images that are accepted and not made, of one owner or, for nil, of all.
  func images(of owner: String??) -> Int {
    let held = entries.values.filter { owner == nil || $0.job.record.owner == owner }
    let coming = arriving.values.filter { owner == nil || $0.owner == owner }
    return held.reduce(0) { $0 + $1.imagesLeft } + coming.reduce(0) { $0 + $1.images }
  }

  /// Checks that there is room for images of an owner. Half of the queue is kept from each key, for
  /// the others.
  private func reserve(_ images: Int, for owner: String?) throws(JobRefusal) {
    let held = self.images(of: nil)
    let excess = held + images - limits.capacity
    guard excess <= 0 else { throw .full(images: held, wait: seconds(until: excess)) }
    guard let owner else { return }
    let share = max(1, limits.capacity / 2)
    let own = self.images(of: owner)
    // A job that is larger than the part of one key runs alone.
    guard own > 0, own + images > share else { return }
    throw .overShare(wait: seconds(until: min(own, own + images - share)) * Double(owners))
  }

  private var owners: Int { Set(entries.values.map(\.job.record.owner)).count }

  /// Seconds until so many of the accepted images are made.
  private func seconds(until images: Int) -> Double {
    let (count, work) = entries.values.reduce((0, 0.0)) { sum, entry in
      (sum.0 + entry.imagesLeft, sum.1 + secondsLeft(entry))
    }
    let each = count > 0 ? work / Double(count) : speed.average
    return Double(images) * each / Double(limits.concurrency)
  }

  /// Checks that the quota leaves room for an image.
  func requireRoom() async throws(StoreError) {
    let usage = try await store.usage()
    guard usage.kept < store.quota else { throw .noSpace(path: store.folder.path) }
    if usage.bytes > store.quota { try await store.makeRoom(at: clock.now()) }
  }

  static func refusal(_ error: StoreError) -> JobRefusal {
    if case .noSpace = error { return .noSpace }
    return .notReady("The server cannot write its data now.")
  }

  /// What repetitions of a call have in common: its key, its owner and what it asks for.
  static func retry(
    _ key: String, _ owner: String?, _ request: JobRequest
  ) throws(JobRefusal) -> String {
    do {
      let parts = [owner ?? "", key].map { sha256(Data($0.utf8)) }
      return sha256(Data(parts.joined().utf8) + (try ServerStore.encode(request)))
    } catch {
      throw .invalid("A number of the request is not finite.", field: nil)
    }
  }
}
