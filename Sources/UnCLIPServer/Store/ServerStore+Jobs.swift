import Foundation
import GRDB

/// A job that has not ended, as the store gives it back.
struct StoredJob: Sendable {
  var record: JobRecord
  /// When whoever asked stops waiting.
  var deadline: Date?
  /// What a repetition of the call has in common with it.
  var retry: String?
  /// The ids of its images by index, also of those that were deleted.
  var images: [Int: String] = [:]
}

extension ServerStore {
  /// Commits a new job.
  ///
  /// - Returns: The hash of a file that it names and that is not stored; nil once it is committed.
  func insert(_ job: StoredJob) async throws(StoreError) -> String? {
    let request: Data
    do { request = try Self.encode(job.record.request) } catch { throw StoreError(error, folder) }
    return try await database.write { db in
      let record = job.record
      let files = record.request.files.sorted()
      for hash in files {
        let row = try Row.fetchOne(db, sql: "SELECT 1 FROM input WHERE hash = ?", arguments: [hash])
        if row == nil { return hash }
      }
      try db.execute(
        sql: """
          INSERT INTO job (id, owner, request, words, state, created, deadline, retry)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          record.id, record.owner, request, record.request.words, record.state.rawValue,
          record.created.timeIntervalSince1970, job.deadline?.timeIntervalSince1970, job.retry,
        ])
      for hash in files {
        try db.execute(
          sql: "INSERT INTO job_input (job, hash) VALUES (?, ?)", arguments: [record.id, hash])
      }
      return nil
    }
  }

  /// Commits the state of a job, its failure, times and result.
  func update(_ record: JobRecord) async throws(StoreError) {
    try await database.write { db in try Self.update(record, db) }
  }

  static func update(_ record: JobRecord, _ db: Database) throws {
    try db.execute(
      sql: """
        UPDATE job SET state = ?, failure = ?, started = ?, finished = ?, result = ? WHERE id = ?
        """,
      arguments: [
        record.state.rawValue, try record.failure.map(encode),
        record.started?.timeIntervalSince1970, record.finished?.timeIntervalSince1970,
        record.result, record.id,
      ])
  }

  /// Returns a job; nil if there is none of that id that `owner` may see: with a key, its own.
  func job(_ id: String, owner: String?) async throws(StoreError) -> JobRecord? {
    guard StoreID.isValid(id) else { return nil }
    return try await database.read { db in
      try Row.fetchOne(
        db, sql: "SELECT * FROM job WHERE id = ? AND (? IS NULL OR owner = ?)",
        arguments: [id, owner, owner]
      ).map { try Self.job($0, db).record }
    }
  }

  /// Returns the jobs that have not ended, in the order in which they were accepted.
  func unfinished() async throws(StoreError) -> [StoredJob] {
    try await database.read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM job WHERE state IN ('queued', 'running') ORDER BY sequence"
      ).map { try Self.job($0, db) }
    }
  }

  /// Returns what images took lately: a request and the seconds for each of its images, the oldest
  /// first.
  func recentSpeeds() async throws(StoreError) -> [(JobRequest, Double)] {
    try await database.read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT request, finished - started AS seconds FROM job
          WHERE state = 'done' AND finished > started ORDER BY sequence DESC LIMIT 50
          """
      ).reversed().map { row in
        let request = try JSONDecoder().decode(JobRequest.self, from: row["request"])
        return (request, row["seconds"] / Double(max(1, request.count)))
      }
    }
  }

  /// Returns the newest job of a repeated call that was accepted after `date` and did not fail.
  func job(repeating retry: String, after date: Date) async throws(StoreError) -> JobRecord? {
    try await database.read { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT * FROM job WHERE retry = ? AND created >= ? AND state NOT IN ('failed', 'cancelled')
          ORDER BY sequence DESC
          """, arguments: [retry, date.timeIntervalSince1970]
      ).map { try Self.job($0, db).record }
    }
  }

  static func job(_ row: Row, _ db: Database) throws -> StoredJob {
    let decoder = JSONDecoder()
    var record = JobRecord(
      id: row["id"], owner: row["owner"],
      request: try decoder.decode(JobRequest.self, from: row["request"]),
      created: Date(timeIntervalSince1970: row["created"]))
    let state: String = row["state"]
    record.state = JobRecord.State(rawValue: state) ?? .failed
    record.failure = try (row["failure"] as Data?).map {
      try decoder.decode(JobFailure.self, from: $0)
    }
    record.started = (row["started"] as Double?).map(Date.init(timeIntervalSince1970:))
    record.finished = (row["finished"] as Double?).map(Date.init(timeIntervalSince1970:))
    record.result = row["result"]
    var job = StoredJob(record: record)
    job.deadline = (row["deadline"] as Double?).map(Date.init(timeIntervalSince1970:))
    job.retry = row["retry"]
    let images = try Row.fetchAll(
      db, sql: #"SELECT id, "index", deleted FROM image WHERE job = ? ORDER BY "index""#,
      arguments: [record.id])
    for image in images {
      job.images[image["index"]] = image["id"]
      if !(image["deleted"] as Bool) { job.record.images.append(image["id"]) }
    }
    return job
  }

  static func encode(_ value: some Encodable) throws -> Data {
    try JSONEncoder.server.encode(value)
  }
}

extension JobRequest {
  /// Everything in it that a person wrote, in small letters, for the search in the history.
  var words: String {
    let texts = [prompt, negativePrompt, from, to] + sources.map(\.prompt) + (labels ?? [])
    return texts.compactMap { $0 }.joined(separator: "\n").lowercased()
  }
}
