import Files
import Foundation
import Torch

extension Fingerprint {
  /// Adds the names and contents of the files in a folder.
  /// - Throws: `TrainingError.notRead`.
  mutating func add(filesIn folder: URL) throws(TrainingError) {
    do {
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      where !name.hasPrefix(".") {
        add(name)
        add(try Data(contentsOf: folder.appending(path: name), options: .mappedIfSafe))
      }
    } catch {
      throw TrainingError.notRead(path: folder.path, reason: reason(of: error))
    }
  }

  /// Adds the names and sizes of the files in a folder; one that is gone counts as empty.
  mutating func add(namesAndSizesIn folder: URL) {
    let files = FileManager.default.enumerator(
      at: folder, includingPropertiesForKeys: [.fileSizeKey], options: .skipsHiddenFiles)
    var lines: [String] = []
    while let file = files?.nextObject() as? URL {
      do {
        let size = try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
        lines.append("\(file.lastPathComponent) \(size)")
      } catch { continue }
    }
    for line in lines.sorted() { add(line) }
  }
}
