import Files
import Foundation
import Torch

extension Fingerprint {
  /// Adds the names and contents of the files in a folder, without its subfolders.
  /// - Throws: `TrainingError.notRead`.
  mutating func add(filesIn folder: URL) throws(TrainingError) {
    do {
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      where !name.hasPrefix(".") && !FileManager.default.isFolder(folder.appending(path: name)) {
        add(name)
        add(try Data(contentsOf: folder.appending(path: name), options: .mappedIfSafe))
      }
    } catch {
      throw TrainingError.notRead(path: folder.path, reason: reason(of: error))
    }
  }

  /// Adds the names and sizes of the files in a folder and below; a missing one counts as empty.
  mutating func add(namesAndSizesIn folder: URL) {
    let keys: [URLResourceKey] = [.fileSizeKey, .isRegularFileKey]
    let files = FileManager.default.enumerator(
      at: folder.resolvingSymlinksInPath(), includingPropertiesForKeys: keys,
      options: .skipsHiddenFiles)
    var lines: [String] = []
    while let file = files?.nextObject() as? URL {
      do {
        let values = try file.resourceValues(forKeys: Set(keys))
        guard values.isRegularFile == true else { continue }
        lines.append("\(file.lastPathComponent) \(values.fileSize ?? 0)")
      } catch { continue }
    }
    for line in lines.sorted() { add(line) }
  }
}
