package import Foundation

/// What is to be fetched of a repository.
package struct HubPlan: Sendable {
  package let repository: HubRepository
  /// The revision that was asked for.
  package let revision: String
  /// All files of the commit.
  let tree: HubTree
  /// The files that are taken.
  package let selection: HubSelection
  let cache: HubCache

  /// The commit.
  package var commit: String { tree.commit }

  /// The folder of the model.
  package var folder: URL { cache.snapshot(repository, commit: commit) }

  /// Whether a file need not be fetched.
  package func isThere(_ file: HubFile) -> Bool {
    cache.has(file, of: repository) || cache.has(file, of: repository, commit: commit)
  }

  /// Whether all files are in the model's folder.
  var isLinked: Bool {
    selection.files.allSatisfy { cache.has($0, of: repository, commit: commit) }
  }

  /// The contents that are not there; one for those that several files have.
  package var missing: [HubFile] {
    var known: Set<String> = []
    return selection.files.filter { !isThere($0) && known.insert($0.hash).inserted }
  }

  /// The size of all files.
  package var bytes: Int64 { selection.files.reduce(0) { $0 + $1.size } }

  /// The bytes that are not there.
  package var bytesToFetch: Int64 {
    missing.reduce(0) { $0 + $1.size - cache.partialSize(of: $1, of: repository) }
  }
}
