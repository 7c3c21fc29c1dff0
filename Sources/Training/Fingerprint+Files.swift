import Files
import Foundation
import Torch
import UnCLIP

extension Fingerprint {
  /// Adds the names and contents of the files in a folder, without its subfolders and a stage's
  /// second moments, which change nothing of its network.
  /// - Throws: `TrainingError.notRead`.
  mutating func add(filesIn folder: URL) throws(TrainingError) {
    do {
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      where !name.hasPrefix(".") && name != ModelFolder.momentsName
        && !FileManager.default.isFolder(folder.appending(path: name))
      {
        add(name)
        add(try Data(contentsOf: folder.appending(path: name), options: .mappedIfSafe))
      }
    } catch {
      throw TrainingError.notRead(path: folder.path, reason: reason(of: error))
    }
  }

  /// Adds the names and contents of the visible files in a folder and below, in the order of their
  /// paths.
  /// - Throws: `TrainingError.notRead`.
  mutating func add(dataIn folder: URL) throws(TrainingError) {
    do {
      let keys: Set<URLResourceKey> = [.isRegularFileKey]
      let found = FileManager.default.enumerator(
        at: folder.resolvingSymlinksInPath(), includingPropertiesForKeys: Array(keys),
        options: .skipsHiddenFiles)
      var files: [URL] = []
      while let file = found?.nextObject() as? URL {
        if try file.resourceValues(forKeys: keys).isRegularFile == true { files.append(file) }
      }
      for (index, file) in files.sorted(by: { $0.path < $1.path }).enumerated() {
        add(file.lastPathComponent)
        add(try Data(contentsOf: file, options: .mappedIfSafe))
        LongWork.report("data", index + 1, of: files.count)
      }
    } catch {
      throw TrainingError.notRead(path: folder.path, reason: reason(of: error))
    }
  }
}

/// A hash of the names and contents of the data files; the folders' names do not matter.
/// - Throws: `TrainingError.notRead`.
func dataFingerprint(of folders: [URL]) throws(TrainingError) -> String {
  var fingerprint = Fingerprint()
  for folder in folders { try fingerprint.add(dataIn: folder) }
  return fingerprint.text
}
