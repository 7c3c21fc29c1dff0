import Files
public import Foundation
import GRDB

/// A key to the server, without its secret, of which only the hash is kept.
public struct ServerKey: Codable, Sendable, Equatable, Identifiable {
  /// What a key allows.
  public enum Scope: String, Codable, Sendable, CaseIterable {
    /// To make images, and to see one's own.
    case draw
    /// To see how the server does.
    case admin
  }

  /// Its id, which owns jobs and may be logged.
  public var id: String
  /// Its name, for people.
  public var name: String
  /// What it allows.
  public var scopes: Set<Scope>
  /// When it was made.
  public var created: Date
  /// When it was revoked; nil while it is valid.
  public var revoked: Date?
}

/// The keys of a server; changes act at once, also those of another process.
///
/// A secret has 256 random bits, so its SHA-256 alone is no help to whoever reads the file.
public struct KeyStore: Sendable {
  private let database: StoreDatabase

  init(database: StoreDatabase) { self.database = database }

  /// Opens the keys of a data folder, beside a server that uses it.
  ///
  /// - Throws: `StoreError`.
  public init(_ folder: URL) throws(StoreError) { database = try StoreDatabase(folder) }

  /// Makes a key.
  ///
  /// - Returns: The key and its secret, which nobody can read again.
  public func create(
    name: String, scopes: Set<ServerKey.Scope>
  ) async throws(StoreError) -> (key: ServerKey, secret: String) {
    let secret = "unclip-" + StoreID.random() + StoreID.random()
    let key = ServerKey(
      id: StoreID.random(), name: name, scopes: scopes,
      created: Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded()))
    let hash = sha256(Data(secret.utf8))
    try await database.write { db in
      try db.execute(
        sql: "INSERT INTO key (id, name, hash, scopes, created) VALUES (?, ?, ?, ?, ?)",
        arguments: [
          key.id, name, hash, scopes.map(\.rawValue).sorted().joined(separator: " "),
          key.created.timeIntervalSince1970,
        ])
    }
    return (key, secret)
  }

  /// All keys, the revoked ones too, in the order in which they were made.
  public func list() async throws(StoreError) -> [ServerKey] {
    try await database.read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM key ORDER BY rowid").map(Self.key)
    }
  }

  /// Revokes the keys of an id or a name.
  ///
  /// - Returns: How many were valid until now.
  public func revoke(_ idOrName: String) async throws(StoreError) -> Int {
    try await database.write { db in
      try db.execute(
        sql: "UPDATE key SET revoked = ? WHERE (id = ? OR name = ?) AND revoked IS NULL",
        arguments: [Date().timeIntervalSince1970, idOrName, idOrName])
      return db.changesCount
    }
  }

  /// Returns the valid key of a secret; nil if there is none. The time that it takes does not depend
  /// on how much of the secret is right.
  public func key(secret: String) async throws(StoreError) -> ServerKey? {
    let hash = sha256(Data(secret.utf8))
    return try await database.read { db in
      var found: ServerKey?
      for row in try Row.fetchAll(db, sql: "SELECT * FROM key WHERE revoked IS NULL") {
        if isEqualSecret(row["hash"], hash) { found = Self.key(row) }
      }
      return found
    }
  }

  private static func key(_ row: Row) -> ServerKey {
    let scopes = (row["scopes"] as String).split(separator: " ")
    return ServerKey(
      id: row["id"], name: row["name"],
      scopes: Set(scopes.compactMap { ServerKey.Scope(rawValue: String($0)) }),
      created: Date(timeIntervalSince1970: row["created"]),
      revoked: (row["revoked"] as Double?).map(Date.init(timeIntervalSince1970:)))
  }
}
