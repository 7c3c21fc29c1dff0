package import Foundation

extension FileManager {
  /// Whether there is a folder at `url`, or a link to one.
  package func isFolder(_ url: URL) -> Bool {
    var isFolder: ObjCBool = false
    return fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder.boolValue
  }
}
