import Files
package import Foundation

extension HubCache {
  /// A model that was pulled.
  package struct Pulled: Sendable, Equatable {
    package let repository: HubRepository
    /// The branch or tag; nil for a commit that was pulled by its name.
    package let revision: String?
    package let commit: String
    /// The folder of the model.
    package let folder: URL

    /// The name that finds it: `OWNER/NAME`, with `@REVISION` unless that is the standard one.
    package var name: String {
      HubCache.name(repository, revision: revision ?? commit, commit: commit)
    }
  }

  /// The name by which a revision of a repository is found.
  package static func name(
    _ repository: HubRepository, revision: String, commit: String
  ) -> String {
    switch revision {
    case HubRepository.standardRevision: repository.id
    case commit: repository.id + "@" + commit.prefix(8)
    default: repository.id + "@" + revision
    }
  }

  /// The models that were pulled, by name.
  package var pulled: [Pulled] {
    Self.names(in: folder).compactMap(HubRepository.init(folder:)).flatMap(pulled)
      .sorted { $0.name < $1.name }
  }

  /// What was pulled of a repository.
  package func pulled(_ repository: HubRepository) -> [Pulled] {
    let place = place(of: repository)
    let commits = Self.names(in: place.appending(path: "snapshots"))
      .filter {
        HubRepository.isCommit($0) && !Self.names(in: snapshot(repository, commit: $0)).isEmpty
      }
    var found: [Pulled] = []
    for revision in Self.files(in: place.appending(path: "refs"), under: "") {
      guard let commit = commit(of: repository, revision: revision), commits.contains(commit) else {
        continue
      }
      found.append(
        Pulled(
          repository: repository, revision: revision, commit: commit,
          folder: snapshot(repository, commit: commit)))
    }
    // Commits that no branch or tag means any more are of no use to a name, those never named are.
    if found.isEmpty || Set(found.map(\.commit)).count < commits.count {
      let known = Set(found.map(\.commit))
      found += commits.filter { !known.contains($0) }.map {
        Pulled(
          repository: repository, revision: nil, commit: $0,
          folder: snapshot(repository, commit: $0))
      }
    }
    return found
  }

  /// The pulled model that a name means: `OWNER/NAME`, `OWNER/NAME@REVISION`, or `NAME` where one
  /// owner's was pulled.
  package func pulled(named name: String) -> [Pulled] {
    let parts = name.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let id = String(parts[0])
    let revision = parts.count == 2 ? String(parts[1]) : nil
    let matching: [Pulled]
    if id.contains("/") {
      do throws(HubError) { matching = pulled(try HubRepository(id)) } catch { return [] }
    } else {
      matching = pulled.filter { $0.repository.id.split(separator: "/")[1] == id }
    }
    if let revision {
      return matching.filter {
        $0.revision == revision || (revision.count >= 7 && $0.commit.hasPrefix(revision))
      }
    }
    let standard = matching.filter { $0.revision == HubRepository.standardRevision }
    return standard.isEmpty ? matching : standard
  }

  /// The names in a folder that do not begin with a dot, sorted; none where it cannot be read.
  private static func names(in folder: URL) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { !$0.hasPrefix(".") }.sorted()
    } catch {
      return []
    }
  }

  /// The paths of all files below a folder: names of branches may have slashes.
  private static func files(in folder: URL, under path: String) -> [String] {
    names(in: folder).flatMap { name in
      let url = folder.appending(path: name)
      guard FileManager.default.isFolder(url) else { return [path + name] }
      return path.count > 200 ? [] : files(in: url, under: path + name + "/")
    }
  }
}
