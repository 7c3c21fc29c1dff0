import Files
public import Foundation
import GRDB
import Synchronization

/// What a server keeps across restarts: jobs, images, the files that jobs name, and keys.
///
/// A folder holds the SQLite file `server.sqlite`, the images as `images/ab/<id>.png`, and the inputs
/// as `inputs/<SHA-256>`. Files are written aside, synced and renamed before the row that names them
/// is committed, so that every row has its whole file; a file without a row is removed at the next
/// start.
public final class ServerStore: Sendable {
  /// The folder.
  public let folder: URL
  /// The keys of the server.
  public let keys: KeyStore
  /// Bytes that images and inputs may have together.
  public let quota: Int

  let database: StoreDatabase
  let embeddings = EmbeddingIndex()
  /// The model whose embeddings are comparable now; nil before it is known.
  let space = Mutex<String?>(nil)
  private let lock: FolderLock

  /// 2 GB.
  public static let defaultQuota = 2_000_000_000

  /// Opens the store in a folder, or makes it, and puts right what a crash left.
  ///
  /// - Throws: `StoreError`; `locked` when another server uses the folder.
  public init(_ folder: URL, quota: Int = defaultQuota) throws(StoreError) {
    self.folder = folder
    self.quota = quota
    database = try StoreDatabase(folder)
    keys = KeyStore(database: database)
    do {
      guard let lock = try FolderLock(folder) else { throw StoreError.locked(path: folder.path) }
      self.lock = lock
    } catch {
      throw StoreError(error, folder)
    }
    try reconcile()
  }

  var imageFolder: URL { folder.appending(path: "images") }

  /// Where the inputs lie, by their hashes.
  public var inputFolder: URL { folder.appending(path: "inputs") }

  /// Returns where an image lies or would lie; nil for what is no id.
  func imageURL(_ id: String) -> URL? {
    guard StoreID.isValid(id) else { return nil }
    return imageFolder.appending(path: "\(id.prefix(2))/\(id).png")
  }

  /// Names the model whose embeddings the search compares from now on.
  public func setSpace(_ fingerprint: String?) { space.withLock { $0 = fingerprint } }
}

/// Ids of jobs, images and keys: 128 random bits, hexadecimal.
enum StoreID {
  static func random() -> String {
    var system = SystemRandomNumberGenerator()
    return [system.next() as UInt64, system.next() as UInt64].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// Whether a client's text is an id, and so a safe file name.
  static func isValid(_ text: String) -> Bool { isHexadecimal(text, count: 32) }

  /// Whether it is the hash of an input.
  static func isHash(_ text: String) -> Bool { isHexadecimal(text, count: 64) }

  private static func isHexadecimal(_ text: String, count: Int) -> Bool {
    text.utf8.count == count
      && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}
