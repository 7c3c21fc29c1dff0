import Foundation
import GRDB

/// The SQLite file of a data folder and its tables. Several processes may open it.
struct StoreDatabase: Sendable {
  static let fileName = "server.sqlite"

  let folder: URL
  private let pool: DatabasePool

  /// Opens the file, and makes what is missing: the folder, the file, its tables.
  init(_ folder: URL) throws(StoreError) {
    self.folder = folder
    let url = folder.appending(path: Self.fileName)
    do {
      // Only its owner reads prompts and images.
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      var configuration = Configuration()
      configuration.label = "unclip.store"
      configuration.busyMode = .timeout(10)
      configuration.prepareDatabase { db in
        // What was accepted must survive a power cut too.
        try db.execute(sql: "PRAGMA synchronous = FULL")
      }
      pool = try DatabasePool(path: url.path, configuration: configuration)
      let migrator = Self.migrator
      if try pool.read(migrator.hasBeenSuperseded) { throw StoreError.newer(path: url.path) }
      try migrator.migrate(pool)
    } catch {
      throw StoreError(error, url)
    }
  }

  /// Runs a transaction, after those that began before it; also when the task is cancelled meanwhile.
  func write<Value: Sendable>(
    _ body: @Sendable @escaping (Database) throws -> Value
  ) async throws(StoreError) -> Value {
    // GRDB gives up in a cancelled task; what a cancelled job did is still to be committed.
    let result = await Task { [pool] in try await pool.write(body) }.result
    do { return try result.get() } catch { throw StoreError(error, folder) }
  }

  /// Reads a snapshot, beside any writer.
  func read<Value: Sendable>(
    _ body: @Sendable @escaping (Database) throws -> Value
  ) async throws(StoreError) -> Value {
    let result = await Task { [pool] in try await pool.read(body) }.result
    do { return try result.get() } catch { throw StoreError(error, folder) }
  }

  /// Runs a transaction and waits for it.
  func writeNow<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    do { return try pool.write(body) } catch { throw StoreError(error, folder) }
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { db in
      try db.execute(sql: tables)
    }
    return migrator
  }

  // Times are seconds since 1970; a seed has its 64 bits as a signed integer.
  private static let tables = """
    CREATE TABLE job (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      owner TEXT,
      request BLOB NOT NULL,
      words TEXT NOT NULL,
      state TEXT NOT NULL,
      failure BLOB,
      created REAL NOT NULL,
      started REAL,
      finished REAL,
      deadline REAL,
      retry TEXT,
      result BLOB
    );
    CREATE INDEX job_state ON job (state);
    CREATE INDEX job_retry ON job (retry) WHERE retry IS NOT NULL;
    CREATE TABLE image (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
      "index" INTEGER NOT NULL,
      seed INTEGER NOT NULL,
      width INTEGER NOT NULL,
      height INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      created REAL NOT NULL,
      space TEXT,
      embedding BLOB,
      favourite BOOLEAN NOT NULL DEFAULT FALSE,
      deleted BOOLEAN NOT NULL DEFAULT FALSE,
      UNIQUE (job, "index")
    );
    CREATE INDEX image_kept ON image (deleted, favourite, bytes);
    CREATE TABLE input (
      hash TEXT PRIMARY KEY,
      bytes INTEGER NOT NULL,
      created REAL NOT NULL
    );
    CREATE TABLE job_input (
      job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
      hash TEXT NOT NULL,
      PRIMARY KEY (job, hash)
    );
    CREATE INDEX job_input_hash ON job_input (hash);
    CREATE TABLE key (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      hash TEXT NOT NULL UNIQUE,
      scopes TEXT NOT NULL,
      created REAL NOT NULL,
      revoked REAL
    );
    """
}
