package import Foundation

/// The files below a folder, its subfolders and the folders that links lead to.
package struct FolderWalk: Sendable {
  /// Paths of everything that is no folder, relative to the folder, sorted; hidden ones are left out.
  package private(set) var files: [String] = []
  /// Subfolders that cannot be read.
  package private(set) var unreadable: [FileError] = []

  /// Walks a folder. Each folder is walked once, under its own name rather than a link's, so that
  /// links in a circle end and nothing is listed twice.
  ///
  /// - Throws: `FileError` when the folder itself cannot be read.
  package init(_ folder: URL, followingLinks: Bool = true) throws(FileError) {
    var seen: Set<FileIdentity> = []
    var folders = [""]
    var links: [String] = []
    while let path = folders.popLast() ?? links.popLast() {
      let url = path.isEmpty ? folder : folder.appendingPathComponent(path)
      do throws(FileError) {
        guard let identity = FileIdentity(url) else { throw FileError.last(url) }
        guard seen.insert(identity).inserted else {
          continue
        }
        for name in try Self.names(in: url).sorted(by: >) where !name.hasPrefix(".") {
          let child = path.isEmpty ? name : "\(path)/\(name)"
          switch Self.kind(folder.appendingPathComponent(child)) {
          case .folder: folders.append(child)
          case .link(let leadsToFolder):
            guard followingLinks else { continue }
            if leadsToFolder { links.append(child) } else { files.append(child) }
          case .file: files.append(child)
          }
        }
      } catch {
        guard !path.isEmpty else { throw error }
        unreadable.append(error)
      }
    }
    files.sort()
  }

  private enum Kind {
    case folder
    case link(leadsToFolder: Bool)
    case file
  }

  private static func kind(_ url: URL) -> Kind {
    var status = stat()
    guard lstat(url.path, &status) == 0 else { return .file }
    if status.st_mode & S_IFMT == S_IFDIR { return .folder }
    guard status.st_mode & S_IFMT == S_IFLNK else { return .file }
    return .link(
      leadsToFolder: stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR)
  }

  private static func names(in url: URL) throws(FileError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: url.path)
    } catch {
      throw FileError(url, reason(of: error))
    }
  }
}

/// Which file or folder a path leads to, the same for all its names.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let node: UInt64

  /// Follows links; nil, with `errno` set, for what is not there.
  package init?(_ url: URL) {
    var status = stat()
    guard stat(url.path, &status) == 0 else { return nil }
    device = UInt64(truncatingIfNeeded: status.st_dev)
    node = UInt64(truncatingIfNeeded: status.st_ino)
  }
}
