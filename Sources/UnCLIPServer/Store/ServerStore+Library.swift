import Foundation
import GRDB
import Synchronization

extension ServerStore: ImageLibrary {
  /// Returns a part of the history, the newest images first.
  public func images(_ query: LibraryQuery) async throws -> LibraryPage {
    let limit = min(max(query.limit, 1), 200)
    return try await database.read { db in
      var conditions = ["NOT deleted"]
      var arguments = StatementArguments()
      func add(_ condition: String, _ value: (any DatabaseValueConvertible)?) {
        guard let value else { return }
        conditions.append(condition)
        arguments += [value]
      }
      add("job.owner = ?", query.owner)
      add("image.sequence < ?", query.before)
      if query.favourites { conditions.append("favourite") }
      let text = query.text?.lowercased() ?? ""
      add("instr(job.words, ?) > 0", text.isEmpty ? nil : text)
      let rows = try Row.fetchAll(
        db,
        sql: Self.selection + conditions.joined(separator: " AND ")
          + " ORDER BY image.sequence DESC LIMIT \(limit + 1)", arguments: arguments)
      let next: Int? = rows.count > limit ? rows[limit - 1]["sequence"] : nil
      return LibraryPage(images: try rows.prefix(limit).map(Self.libraryImage), next: next)
    }
  }

  /// Returns an image; nil if there is none of that id that `owner` may see.
  public func libraryImage(_ id: String, owner: String?) async throws -> LibraryImage? {
    try await database.read { db in try Self.libraryImage(id, owner, db) }
  }

  /// Marks an image as a favourite or not; returns false if there is none that `owner` may see.
  public func setFavourite(_ id: String, owner: String?, _ isFavourite: Bool) async throws -> Bool {
    try await database.write { db in
      guard try Self.libraryImage(id, owner, db) != nil else { return false }
      try db.execute(
        sql: "UPDATE image SET favourite = ? WHERE id = ?", arguments: [isFavourite, id])
      return true
    }
  }

  /// Deletes an image for good; returns false if there is none that `owner` may see.
  public func delete(_ id: String, owner: String?) async throws -> Bool {
    guard try await libraryImage(id, owner: owner) != nil else { return false }
    try await deleteImages([id])
    return true
  }

  /// Returns the images nearest to a CLIP embedding of words or of an image, of those that the model
  /// at work made: embeddings of different models cannot be compared.
  public func nearest(
    to embedding: [Float], owner: String?, limit: Int
  ) async throws -> LibraryPage {
    guard let space = space.withLock({ $0 }) else { return LibraryPage(images: []) }
    if !embeddings.holds(space) { try await fill(space) }
    let limit = min(max(limit, 1), 200)
    let found = embeddings.nearest(to: embedding, space: space)
    return try await database.read { db in
      let own = try owner.map { owner in
        try String.fetchSet(
          db, sql: "SELECT image.id FROM image JOIN job ON job.id = image.job WHERE job.owner = ?",
          arguments: [owner])
      }
      var images: [LibraryImage] = []
      for (id, similarity) in found where own?.contains(id) ?? true {
        guard var image = try Self.libraryImage(id, owner, db) else { continue }
        image.similarity = similarity
        images.append(image)
        if images.count == limit { break }
      }
      return LibraryPage(images: images)
    }
  }

  /// Returns the CLIP embedding of an image; nil if it has none of the model at work.
  public func embedding(of id: String, owner: String?) async throws -> [Float]? {
    let space = space.withLock { $0 }
    return try await database.read { db in
      guard try Self.libraryImage(id, owner, db) != nil else { return nil }
      return try Data.fetchOne(
        db,
        sql: """
          SELECT embedding FROM image WHERE id = ? AND space = ? AND embedding IS NOT NULL
          """, arguments: [id, space]
      ).map(EmbeddingIndex.embedding)
    }
  }

  /// Reads the embeddings of a space into memory, in batches, so that no reader holds the file long.
  private func fill(_ space: String) async throws(StoreError) {
    embeddings.begin(space)
    var images: [(id: String, embedding: [Float])] = []
    var last: Int64 = 0
    while true {
      let from = last
      let batch = try await database.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT sequence, id, embedding FROM image
            WHERE sequence > ? AND NOT deleted AND space = ? AND embedding IS NOT NULL
            ORDER BY sequence LIMIT 1000
            """, arguments: [from, space]
        ).map {
          (sequence: $0["sequence"] as Int64, id: $0["id"] as String, data: $0["embedding"] as Data)
        }
      }
      guard let end = batch.last else { break }
      images += batch.map { ($0.id, EmbeddingIndex.embedding($0.data)) }
      last = end.sequence
    }
    embeddings.fill(space, images)
  }

  private static let selection = """
    SELECT image.*, job.request FROM image JOIN job ON job.id = image.job WHERE\(" ")
    """

  private static func libraryImage(
    _ id: String, _ owner: String?, _ db: Database
  ) throws -> LibraryImage? {
    guard StoreID.isValid(id) else { return nil }
    return try Row.fetchOne(
      db,
      sql: selection + "NOT deleted AND image.id = ? AND (? IS NULL OR job.owner = ?)",
      arguments: [id, owner, owner]
    ).map(libraryImage)
  }

  private static func libraryImage(_ row: Row) throws -> LibraryImage {
    LibraryImage(
      id: row["id"], job: row["job"], index: row["index"],
      seed: UInt64(bitPattern: row["seed"] as Int64), width: row["width"], height: row["height"],
      bytes: row["bytes"], created: Date(timeIntervalSince1970: row["created"]),
      favourite: row["favourite"],
      request: try JSONDecoder().decode(JobRequest.self, from: row["request"]))
  }
}
