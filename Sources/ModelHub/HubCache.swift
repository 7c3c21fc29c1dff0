import Files
package import Foundation

/// A cache of repositories as huggingface_hub lays it out, which it shares with this.
///
/// `models--OWNER--NAME` has the contents in `blobs`, by their hashes; `snapshots/COMMIT` has the
/// repository's paths as links to them, `refs` the commits of branches and tags, and `trees` the
/// lists of files.
///
/// Source: huggingface_hub `file_download.py`, `_snapshot_download.py`, `_tree_cache.py`.
package struct HubCache: Sendable {
  /// The folder with a folder for each repository.
  package let folder: URL

  /// A cache; its folder need not be there.
  package init(_ folder: URL) { self.folder = folder }

  // MARK: Places

  func place(of repository: HubRepository) -> URL {
    folder.appending(path: repository.folder, directoryHint: .isDirectory)
  }

  /// The folder of a commit, which is a model's folder.
  package func snapshot(_ repository: HubRepository, commit: String) -> URL {
    place(of: repository).appending(path: "snapshots/" + commit, directoryHint: .isDirectory)
  }

  func blob(_ repository: HubRepository, hash: String) -> URL {
    place(of: repository).appending(path: "blobs/" + hash, directoryHint: .notDirectory)
  }

  func lock(_ repository: HubRepository, hash: String) -> URL {
    folder.appending(
      path: ".locks/\(repository.folder)/\(hash).lock", directoryHint: .notDirectory)
  }

  private func tree(_ repository: HubRepository, commit: String) -> URL {
    place(of: repository).appending(path: "trees/\(commit).json", directoryHint: .notDirectory)
  }

  private func reference(_ repository: HubRepository, _ revision: String) -> URL {
    place(of: repository).appending(path: "refs/" + revision, directoryHint: .notDirectory)
  }

  // MARK: Reading

  /// The commit that a revision meant when it was last pulled.
  package func commit(of repository: HubRepository, revision: String) -> String? {
    if HubRepository.isCommit(revision) { return revision }
    guard HubRepository.isPath(revision) else { return nil }
    do {
      let text = try String(contentsOf: reference(repository, revision), encoding: .utf8)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      return HubRepository.isCommit(text) ? text : nil
    } catch {
      return nil
    }
  }

  /// The list of a commit's files; nil where it was not kept.
  func tree(of repository: HubRepository, commit: String) -> HubTree? {
    do {
      return try JSONDecoder().decode(
        TreeRecord.self, from: Data(contentsOf: tree(repository, commit: commit))
      ).tree(commit: commit)
    } catch {
      return nil
    }
  }

  /// The size of a file, also through links; nil where there is none.
  private static func size(of url: URL) -> Int64? {
    var status = stat()
    guard stat(url.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int64(status.st_size)
  }

  /// Whether a file's content is there whole.
  func has(_ file: HubFile, of repository: HubRepository) -> Bool {
    Self.size(of: blob(repository, hash: file.hash)) == file.size
  }

  /// Whether a file lies in its snapshot; other tools may have put it there without a link.
  func has(_ file: HubFile, of repository: HubRepository, commit: String) -> Bool {
    Self.size(of: snapshot(repository, commit: commit).appending(path: file.path)) == file.size
  }

  /// How much of a file was fetched before.
  func partialSize(of file: HubFile, of repository: HubRepository) -> Int64 {
    let size = Self.size(of: partial(repository, hash: file.hash)) ?? 0
    return size > file.size ? 0 : size
  }

  func partial(_ repository: HubRepository, hash: String) -> URL {
    place(of: repository).appending(path: "blobs/\(hash).incomplete", directoryHint: .notDirectory)
  }

  /// The bytes that may be written where the cache is or will be; nil where the system does not say.
  func freeSpace() -> Int64? {
    var place = folder.standardizedFileURL
    while !FileManager.default.fileExists(atPath: place.path), place.path != "/" {
      place.deleteLastPathComponent()
    }
    var status = statvfs()
    guard statvfs(place.path, &status) == 0 else { return nil }
    return Int64(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(
        by: UInt64(status.f_frsize)
      ).partialValue)
  }

  // MARK: Writing

  /// Makes the folders of a repository, and marks the cache for backup programs.
  ///
  /// - Throws: `HubError.unwritable`.
  func prepare(_ repository: HubRepository) throws(HubError) {
    let place = place(of: repository)
    for url in [
      place.appending(path: "blobs"), lock(repository, hash: "x").deletingLastPathComponent(),
    ] {
      try Self.makeFolder(url)
    }
    let tag = folder.appending(path: "CACHEDIR.TAG")
    guard !FileManager.default.fileExists(atPath: tag.path) else { return }
    let text =
      "Signature: 8a477f597d28d172789f06886806bc55\n"
      + "# This file is a cache directory tag created by unclip.\n"
      + "# For information about cache directory tags, see:\n#\thttps://bford.info/cachedir/\n"
    try Self.write(Data(text.utf8), to: tag)
  }

  /// Keeps the list of a commit's files.
  ///
  /// - Throws: `HubError.unwritable`.
  func keep(_ tree: HubTree, of repository: HubRepository) throws(HubError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let data: Data
    do { data = try encoder.encode(TreeRecord(tree)) } catch { return }
    try Self.write(data, to: self.tree(repository, commit: tree.commit))
  }

  /// Puts files, whose contents are there, into the folder of their commit.
  ///
  /// - Throws: `HubError.unwritable`.
  func link(
    _ files: [HubFile], of repository: HubRepository, commit: String
  ) throws(HubError) {
    let snapshot = snapshot(repository, commit: commit)
    for file in files where !has(file, of: repository, commit: commit) {
      let url = snapshot.appending(path: file.path, directoryHint: .notDirectory)
      try Self.makeFolder(url.deletingLastPathComponent())
      let depth = file.path.split(separator: "/").count + 1
      let target = String(repeating: "../", count: depth) + "blobs/" + file.hash
      // A link is made aside, so that a reader finds the old file or the new one.
      let aside = url.deletingLastPathComponent()
        .appending(path: ".\(UInt32.random(in: 0 ... .max)).partial")
      guard symlink(target, aside.path) == 0 else {
        throw .unwritable(path: url.path, reason: systemReason(errno))
      }
      guard rename(aside.path, url.path) == 0 else {
        let reason = systemReason(errno)
        unlink(aside.path)
        throw .unwritable(path: url.path, reason: reason)
      }
    }
  }

  /// Keeps the commit that a revision means.
  ///
  /// - Throws: `HubError.unwritable`.
  func keep(commit: String, as revision: String, of repository: HubRepository) throws(HubError) {
    guard revision != commit, self.commit(of: repository, revision: revision) != commit else {
      return
    }
    // Other tools read the whole file, so no line feed ends it.
    try Self.write(Data(commit.utf8), to: reference(repository, revision))
  }

  private static func write(_ data: Data, to url: URL) throws(HubError) {
    try makeFolder(url.deletingLastPathComponent())
    do throws(FileError) {
      try AtomicFile.write(data, to: url)
    } catch {
      throw .unwritable(path: url.path, reason: error.reason)
    }
  }

  private static func makeFolder(_ url: URL) throws(HubError) {
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(path: url.path, reason: reason(of: error))
    }
  }
}
