import Foundation

/// A short name for a lot of bytes: equal only by accident when they differ.
///
/// Source: FNV-1a, 64 bits, over words of 8 bytes.
struct Fingerprint {
  private var hash: UInt64 = 0xCBF2_9CE4_8422_2325

  /// The name, 16 hexadecimal digits.
  var text: String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  mutating func add(_ data: Data) {
    add(UInt64(data.count))
    data.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count - 7, by: 8) {
        add(bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
      }
      for byte in bytes.suffix(bytes.count % 8) { add(UInt64(byte)) }
    }
  }

  mutating func add(_ text: String) { add(Data(text.utf8)) }

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

  private mutating func add(_ word: UInt64) {
    hash = (hash ^ word) &* 0x100_0000_01B3
    hash ^= hash >> 29
  }
}
