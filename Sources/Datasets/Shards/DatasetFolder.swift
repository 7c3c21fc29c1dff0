import Files
package import Foundation

/// What lies in a folder that a data set is to be written to.
package enum DatasetFolder: Equatable {
  /// Nothing, or no folder yet.
  case free
  /// Shards of a run that did not finish, and what that run was to write, where it says so.
  case unfinished(origin: String?)
  /// A whole data set.
  case finished
  /// Files that are no part of a data set.
  case foreign([String])

  private static let originName = ".unfinished"
  private static let own: Set<String> = [
    Manifest.fileName, CaptionWords.fileName, DecodedCache.folderName, originName, ".DS_Store",
  ]

  /// Looks into a folder.
  ///
  /// - Throws: `DataError` for a folder that cannot be read, or a broken manifest.
  package init(_ folder: URL) throws(DataError) {
    guard FileBytes.exists(folder) else {
      self = .free
      return
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    } catch {
      throw .unreadable(file: folder.path, reason: reason(of: error))
    }
    let shards = Set(try Manifest.read(in: folder)?.shards.map(\.file) ?? [])
    let foreign = names.filter {
      !Self.own.contains($0) && !shards.contains($0) && !Self.isShard($0)
    }
    if !foreign.isEmpty {
      self = .foreign(foreign.sorted())
    } else if names.contains(Manifest.fileName) {
      self = .finished
    } else if names.contains(where: Self.isShard) {
      let origin = folder.appending(path: Self.originName)
      self = .unfinished(origin: FileBytes.exists(origin) ? try FileBytes.text(origin) : nil)
    } else {
      self = .free
    }
  }

  /// Whether the name is one that `ShardWriter` gives: `emoji-000000.tar`, also while it is written.
  private static func isShard(_ name: String) -> Bool {
    name.wholeMatch(of: /[A-Za-z0-9_-]+-[0-9]{6,}\.tar(\.part)?/) != nil
  }

  /// Notes what a run is to write, so that only the same run goes on with it.
  package static func begin(_ origin: String, in folder: URL) throws(DataError) {
    try FileBytes.makeFolder(folder)
    try FileBytes.write(Data(origin.utf8), to: folder.appending(path: originName))
  }

  /// Removes the note of a run that is finished.
  package static func end(in folder: URL) { unlink(folder.appending(path: originName).path) }

  /// Removes the folder of a run that failed, unless it has shards.
  package static func abandon(_ folder: URL) {
    do throws(DataError) {
      guard try DatasetFolder(folder) == .free else { return }
    } catch {
      return
    }
    end(in: folder)
    rmdir(folder.path)
  }
}
