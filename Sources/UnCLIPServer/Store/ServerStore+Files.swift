import Files
public import Foundation
import GRDB
import Synchronization

extension ServerStore {
  /// Stores an image of a job: its file, then its row.
  ///
  /// - Parameter end: The record of the job if this is its last image, committed with it.
  /// - Returns: Its id; nil if the job has an image of that index.
  func add(
    _ image: JobImage, job: String, at date: Date, end: JobRecord? = nil
  ) async throws(StoreError) -> String? {
    let id = StoreID.random()
    guard let url = imageURL(id) else { return nil }
    let space = space.withLock { $0 }
    let embedding = image.embedding.flatMap(EmbeddingIndex.normalized)
    let stored: Bool
    do {
      stored = try await database.write { db in
        let has = try Row.fetchOne(
          db, sql: #"SELECT 1 FROM image WHERE job = ? AND "index" = ?"#,
          arguments: [job, image.index])
        if has != nil { return false }
        try Self.makeFolder(url.deletingLastPathComponent())
        try AtomicFile.write(image.png, to: url, replacing: false)
        try db.execute(
          sql: """
            INSERT INTO image
              (id, job, "index", seed, width, height, bytes, created, space, embedding)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
          arguments: [
            id, job, image.index, Int64(bitPattern: image.seed), image.width, image.height,
            image.png.count, date.timeIntervalSince1970, space,
            embedding.map { $0.withUnsafeBytes { Data($0) } },
          ])
        if let end { try Self.update(end, db) }
        return true
      }
    } catch {
      Self.remove([url])
      throw error
    }
    guard stored else { return nil }
    if let space, let embedding { embeddings.add(id, embedding, space: space) }
    // The image is stored whatever comes of the clean-up.
    do { try await makeRoom(for: job) } catch {}
    return id
  }

  /// Returns an image of a job without its file and embedding.
  func image(_ id: String) async throws(StoreError) -> JobImage? {
    guard StoreID.isValid(id) else { return nil }
    return try await database.read { db in
      try Row.fetchOne(
        db, sql: "SELECT * FROM image WHERE id = ? AND NOT deleted", arguments: [id]
      ).map { row in
        JobImage(
          index: row["index"], seed: UInt64(bitPattern: row["seed"] as Int64),
          width: row["width"], height: row["height"], png: Data())
      }
    }
  }

  /// Returns the PNG file of an image; nil if there is none.
  public func imageFile(_ id: String) async throws(StoreError) -> URL? {
    guard let url = imageURL(id) else { return nil }
    return try await database.read { db in
      let row = try Row.fetchOne(
        db, sql: "SELECT 1 FROM image WHERE id = ? AND NOT deleted", arguments: [id])
      return row == nil ? nil : url
    }
  }

  /// Stores a file that a job will name; returns its SHA-256, hexadecimal.
  ///
  /// Without a job it is kept for an hour, and no longer than such files together have a quarter of
  /// the quota.
  func addInput(_ data: Data, at date: Date) async throws(StoreError) -> String {
    let hash = sha256(data)
    let folder = inputFolder
    let url = folder.appending(path: hash)
    let limit = quota / 4
    try await database.write { db in
      let unused = try Row.fetchAll(
        db,
        sql: """
          SELECT hash, bytes FROM input
          WHERE hash != ? AND hash NOT IN (SELECT hash FROM job_input) ORDER BY created DESC
          """, arguments: [hash])
      var bytes = data.count
      for row in unused {
        bytes += row["bytes"] as Int
        guard bytes > limit else { continue }
        try db.execute(sql: "DELETE FROM input WHERE hash = ?", arguments: [row["hash"]])
        Self.remove([folder.appending(path: row["hash"] as String)])
      }
      if !FileManager.default.fileExists(atPath: url.path) {
        try Self.makeFolder(url.deletingLastPathComponent())
        try AtomicFile.write(data, to: url)
      }
      try db.execute(
        sql: """
          INSERT INTO input (hash, bytes, created) VALUES (?, ?, ?)
          ON CONFLICT (hash) DO UPDATE SET created = excluded.created
          """, arguments: [hash, data.count, date.timeIntervalSince1970])
    }
    return hash
  }

  /// Bytes of images and inputs, and how many of them nothing may delete.
  func usage() async throws(StoreError) -> (bytes: Int, kept: Int) {
    try await database.read { db in
      let images = try Int.fetchOne(db, sql: "SELECT sum(bytes) FROM image WHERE NOT deleted") ?? 0
      let favourites =
        try Int.fetchOne(db, sql: "SELECT sum(bytes) FROM image WHERE NOT deleted AND favourite")
        ?? 0
      let inputs = try Int.fetchOne(db, sql: "SELECT sum(bytes) FROM input") ?? 0
      return (images + inputs, favourites)
    }
  }

  /// Brings the folder below the quota: deletes inputs that nothing needs, then the oldest images
  /// that are no favourites. Images of `job` stay.
  func makeRoom(for job: String? = nil, at date: Date = Date()) async throws(StoreError) {
    guard try await usage().bytes > quota else { return }
    try await tidy(at: date)
    var excess = try await usage().bytes - quota
    while excess > 0 {
      let oldest = try await database.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT id, bytes FROM image WHERE NOT deleted AND NOT favourite AND job IS NOT ?
            ORDER BY sequence LIMIT 100
            """, arguments: [job]
        ).map { (id: $0["id"] as String, bytes: $0["bytes"] as Int) }
      }
      guard !oldest.isEmpty else { return }
      var doomed: [String] = []
      for image in oldest where excess > 0 {
        doomed.append(image.id)
        excess -= image.bytes
      }
      try await deleteImages(doomed)
    }
    try await tidy(at: date)
  }

  /// Deletes images: their rows keep only that they were made, so that no job makes them again.
  func deleteImages(_ ids: [String]) async throws(StoreError) {
    let files = ids.compactMap(imageURL)
    do throws(StoreError) {
      try await forget(ids)
    } catch .noSpace {
      // A commit needs space too, and a row without its file counts as deleted at the next start.
      Self.remove(files)
      try await forget(ids)
    }
    embeddings.remove(Set(ids))
    Self.remove(files)
  }

  private func forget(_ ids: [String]) async throws(StoreError) {
    try await database.write { db in
      for id in ids {
        try db.execute(
          sql: """
            UPDATE image SET deleted = TRUE, favourite = FALSE, bytes = 0, embedding = NULL
            WHERE id = ?
            """, arguments: [id])
      }
    }
  }

  /// Deletes what nobody needs any more: a day after their end, jobs without images; an hour after
  /// they came, inputs that no unfinished job and no kept image needs.
  func tidy(at date: Date) async throws(StoreError) {
    let folder = inputFolder
    try await database.write { db in
      try db.execute(
        sql: """
          DELETE FROM job WHERE finished < ? AND NOT EXISTS (
            SELECT 1 FROM image WHERE image.job = job.id AND NOT image.deleted)
          """, arguments: [date.timeIntervalSince1970 - 86400])
      let unused = try String.fetchAll(
        db,
        sql: """
          SELECT hash FROM input WHERE created < ? AND NOT EXISTS (
            SELECT 1 FROM job_input JOIN job ON job.id = job_input.job
            WHERE job_input.hash = input.hash AND (
              job.state IN ('queued', 'running')
              OR EXISTS (SELECT 1 FROM image WHERE image.job = job.id AND NOT image.deleted)))
          """, arguments: [date.timeIntervalSince1970 - 3600])
      for hash in unused {
        try db.execute(sql: "DELETE FROM input WHERE hash = ?", arguments: [hash])
        Self.remove([folder.appending(path: hash)])
      }
    }
  }

  static func makeFolder(_ url: URL) throws {
    guard !FileManager.default.isFolder(url) else { return }
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    syncFolder(url.deletingLastPathComponent())
  }

  /// Removes files; what cannot be removed now is removed at the next start.
  static func remove(_ files: [URL]) {
    for file in files { unlink(file.path) }
  }
}
