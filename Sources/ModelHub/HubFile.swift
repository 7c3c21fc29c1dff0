package import Foundation

/// A file of a repository, as the hub lists it.
package struct HubFile: Sendable, Hashable {
  /// Its path in the repository.
  package var path: String
  /// Its size in bytes.
  package var size: Int64
  /// The name of its content, by which the cache and the hub know it: SHA-256 of a large file, that
  /// of a Git blob else.
  package var hash: String { sha256 ?? blob }
  /// The name of the Git blob, which for a large file holds a pointer.
  package var blob: String
  /// SHA-256 of a large file.
  package var sha256: String?
  /// The name of a large file in the hub's store of pieces, which other tools read from the cache.
  package var xet: String?

  /// Sizes and counts beyond any model's, up to which sums of sizes do not overflow.
  static let largest: Int64 = 1 << 46
  static let mostFiles = 100_000

  /// A file, with the hash of its content.
  package init(
    path: String, size: Int64, blob: String, sha256: String? = nil, xet: String? = nil
  ) {
    self.path = path
    self.size = size
    self.blob = blob
    self.sha256 = sha256
    self.xet = xet
  }
}

extension HubFile {
  /// Reads a page of the list of a commit's files.
  ///
  /// - Throws: `HubError.malformed`.
  package static func list(_ data: Data, url: String) throws(HubError) -> [HubFile] {
    var files: [HubFile] = []
    for entry in try HubClient.decode([TreeEntry].self, data, url: url) {
      do throws(HubAnswerError) {
        if let file = try entry.file() { files.append(file) }
      } catch {
        throw .malformed(url: url, reason: error.reason)
      }
    }
    return files
  }
}

/// The files of a repository at a commit.
package struct HubTree: Sendable, Equatable {
  package var commit: String
  package var files: [HubFile]

  package init(commit: String, files: [HubFile]) {
    self.commit = commit
    self.files = files
  }
}

// MARK: As JSON

/// An entry of the answer to `/api/models/ID/tree/COMMIT`.
struct TreeEntry: Decodable {
  struct Large: Decodable {
    let oid: String
    let size: Int64
  }
  let type: String
  let oid: String
  let size: Int64
  let path: String
  let lfs: Large?
  let xetHash: String?

  /// The file that it is; nil where it is none.
  ///
  /// - Throws: Why no cache could hold it.
  func file() throws(HubAnswerError) -> HubFile? {
    guard type == "file" else { return nil }
    guard HubRepository.isPath(path) else {
      throw HubAnswerError("it lists the file '\(path)', whose path leads elsewhere")
    }
    let size = lfs?.size ?? size
    guard HubRepository.isCommit(oid), (0...HubFile.largest).contains(size),
      lfs.map({ $0.oid.utf8.count == 64 && HubRepository.isHexadecimal($0.oid) }) ?? true
    else { throw HubAnswerError("it lists \(path) without a valid hash and size") }
    return HubFile(path: path, size: size, blob: oid, sha256: lfs?.oid, xet: xetHash)
  }
}

/// What is wrong with an answer of a hub.
struct HubAnswerError: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// The answer to `/api/models/ID/revision/REVISION`.
struct RevisionEntry: Decodable {
  let sha: String
}

/// The files of a commit as huggingface_hub keeps them in `trees/COMMIT.json`.
///
/// Source: huggingface_hub `_tree_cache.py`.
struct TreeRecord: Codable {
  struct Entry: Codable {
    var size: Int64
    var blobID: String
    var sha256: String?
    var largeSize: Int64?
    var xet: String?

    private enum CodingKeys: String, CodingKey {
      case size
      case blobID = "blob_id"
      case sha256 = "lfs_sha256"
      case largeSize = "lfs_size"
      case xet = "xet_hash"
    }
  }
  var version = 1
  var files: [String: Entry]

  private enum CodingKeys: String, CodingKey {
    case version = "format_version"
    case files
  }

  init(_ tree: HubTree) {
    files = Dictionary(
      tree.files.map { file in
        let large = file.sha256 == nil ? nil : file.size
        return (
          file.path,
          Entry(
            size: file.size, blobID: file.blob, sha256: file.sha256, largeSize: large,
            xet: file.xet)
        )
      }, uniquingKeysWith: { $1 })
  }

  /// The tree; nil where another version, or another program, wrote what this one cannot use.
  func tree(commit: String) -> HubTree? {
    guard version == 1, files.count <= HubFile.mostFiles else { return nil }
    var found: [HubFile] = []
    for (path, entry) in files {
      let size = entry.largeSize ?? entry.size
      let isHash = entry.sha256.map { $0.utf8.count == 64 && HubRepository.isHexadecimal($0) }
      guard HubRepository.isPath(path), HubRepository.isCommit(entry.blobID), isHash ?? true,
        (0...HubFile.largest).contains(size)
      else { return nil }
      found.append(
        HubFile(
          path: path, size: size, blob: entry.blobID, sha256: entry.sha256, xet: entry.xet))
    }
    return HubTree(commit: commit, files: found.sorted { $0.path < $1.path })
  }
}
