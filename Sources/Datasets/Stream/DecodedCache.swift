import Dispatch
import Files
import Foundation
import Imaging
import Synchronization

/// The images of one data set folder at one size, decoded once and kept in the folder for all runs.
///
/// A cache file is written to a temporary file, synced and renamed, so it is never partial; while
/// one process makes it, others wait. Its name is a hash of the shards' sizes and times.
struct DecodedCache: Sendable {
  /// The name of its folder in that of the data set.
  static let folderName = ".decoded"
  /// The size of the largest cache, in bytes.
  static let mostBytes = 1 << 30

  private let data: Data
  private let side: Int

  /// The first eight bytes of a file; the digit changes when images are prepared in another way.
  private static let mark = Data("UNCLIPD1".utf8)

  /// Opens the cache of a folder, making it when needed; nil if it is too large or not writable.
  static func open(_ reader: ShardReader, side: Int, threads: Int) -> DecodedCache? {
    let size = mark.count + reader.count * recordSize(side)
    guard size <= mostBytes else { return nil }
    let folder = reader.directory.appendingPathComponent(folderName)
    do {
      let name = "\(side)-\(try fingerprint(of: reader)).rgba"
      let file = folder.appendingPathComponent(name)
      if let found = DecodedCache(file, side: side, size: size) { return found }
      try FileBytes.makeFolder(folder)
      return try whileLocked(folder) {
        // Another process may have made it meanwhile.
        if let found = DecodedCache(file, side: side, size: size) { return found }
        try write(reader, side: side, threads: threads, to: file)
        removeOthers(than: name, of: side, in: folder)
        return DecodedCache(file, side: side, size: size)
      }
    } catch {
      return nil
    }
  }

  private init?(_ file: URL, side: Int, size: Int) {
    do {
      data = try Data(contentsOf: file, options: .alwaysMapped)
    } catch {
      return nil
    }
    self.side = side
    guard data.count == size, data.starts(with: Self.mark) else { return nil }
  }

  /// Returns the image of a sample; nil for one that could not be decoded.
  func sprite(at index: Int) -> Sprite? {
    let start = Self.mark.count + index * Self.recordSize(side)
    guard data[start] == 1 else { return nil }
    return Sprite(
      width: side, height: side,
      premultiplied: [UInt8](data[(start + 1)..<(start + Self.recordSize(side))]))
  }

  /// Returns the bytes of a record: one that says whether it was decoded, then the pixels.
  private static func recordSize(_ side: Int) -> Int { 1 + side * side * 4 }

  private static func fingerprint(of reader: ShardReader) throws -> String {
    var fingerprint = Fingerprint()
    for file in reader.files {
      var status = stat()
      guard stat(file, &status) == 0 else {
        throw FileError(URL(fileURLWithPath: file), "it is gone")
      }
      let time = status.st_mtim
      fingerprint.add("\(file.split(separator: "/").last ?? "") \(status.st_size)")
      fingerprint.add("\(time.tv_sec) \(time.tv_nsec)")
    }
    return fingerprint.text
  }

  /// Runs `body` while no other process does for this folder; the lock ends with the process.
  private static func whileLocked<Result>(
    _ folder: URL, _ body: () throws -> Result
  ) throws -> Result {
    let lock = try FileLock(waitingFor: folder.appendingPathComponent("lock"))
    return try withExtendedLifetime(lock, body)
  }

  private static func write(
    _ reader: ShardReader, side: Int, threads: Int, to file: URL
  ) throws {
    let target = try AtomicFile(file)
    try target.write(mark)
    let chunk = 64 * max(1, threads)
    for start in stride(from: 0, to: reader.count, by: chunk) {
      let count = min(chunk, reader.count - start)
      let records = Mutex<[Int: [UInt8]]>([:])
      DispatchQueue.concurrentPerform(iterations: count) { offset in
        let record = record(of: reader, at: start + offset, side: side)
        records.withLock { $0[offset] = record }
      }
      for offset in 0..<count {
        let record = records.withLock { $0[offset] } ?? []
        try record.withUnsafeBytes { try target.write($0) }
      }
      LongWork.report("reading images", start + count, of: reader.count)
    }
    try target.commit()
  }

  private static func record(of reader: ShardReader, at index: Int, side: Int) -> [UInt8] {
    do throws(DataError) {
      return [1] + Sprite(try reader.sample(at: index).image, side: side).pixels
    } catch {
      // A reader that needs this image decodes it again and throws the error.
      return [UInt8](repeating: 0, count: recordSize(side))
    }
  }

  /// Removes caches of older shards; a run that has one mapped keeps it.
  private static func removeOthers(than name: String, of side: Int, in folder: URL) {
    do {
      for other in try FileManager.default.contentsOfDirectory(atPath: folder.path)
      where other.hasPrefix("\(side)-") && other != name {
        try FileManager.default.removeItem(at: folder.appendingPathComponent(other))
      }
    } catch {}
  }
}
