public import Foundation
import Imaging

/// Writes samples as WebDataset tar shards: `key.png` and `key.json` one after the other.
///
/// A shard is written to a temporary file and renamed when it is full; `finish()` writes
/// `manifest.json`. A killed run leaves only whole shards; to resume it, write the same samples
/// again: those in a finished shard are skipped.
public struct ShardWriter {
  /// The folder of the data set.
  public let directory: URL
  /// Name of the set, the stem of the shard files.
  public let name: String
  /// Samples in a full shard.
  public let samplesPerShard: Int

  private var keys: Set<String> = []
  private var sources: [String: Int] = [:]
  private var licences: [String: Int] = [:]
  private var shards: [Manifest.Shard] = []
  private var open: (tar: TarWriter, samples: Int)?

  /// Opens a folder for writing, making it when needed; whole shards of an unfinished run are kept.
  ///
  /// - Throws: `DataError.unwritable` if the folder cannot be made or holds a finished data set,
  ///   `.malformed` if a shard in it is damaged, `.setting` if a count or the name is out of range.
  public init(
    directory: URL, name: String, samplesPerShard: Int = 1000
  ) throws(DataError) {
    guard samplesPerShard > 0 else {
      throw .setting(
        name: "samplesPerShard", value: "\(samplesPerShard)", rule: "at least 1 is needed")
    }
    guard !name.isEmpty, name.allSatisfy(Self.isKeyCharacter) else {
      throw .setting(
        name: "name", value: name, rule: "letters, digits, - and _ make the name of a data set")
    }
    self.directory = directory
    self.name = name
    self.samplesPerShard = samplesPerShard
    try FileBytes.makeFolder(directory)
    if try Manifest.read(in: directory) != nil {
      throw .unwritable(
        file: directory.path,
        reason: "a finished data set lies there; remove it or choose another folder")
    }
    while FileBytes.exists(shardURL(shards.count)) { try adopt(shardURL(shards.count)) }
  }

  /// Number of samples in finished shards and the open one.
  public var count: Int { keys.count }

  /// Returns whether a sample of this key was written, by this run or the one it resumes.
  public func contains(_ key: String) -> Bool { keys.contains(key) }

  /// Adds a sample unless one of the same key is there.
  ///
  /// - Throws: `DataError.unwritable` if the disk is full, `.setting` if the key has other
  ///   characters than letters, digits, `-` and `_`.
  public mutating func append(_ sample: Sample) throws(DataError) {
    guard !sample.key.isEmpty, sample.key.utf8.count <= 90,
      sample.key.allSatisfy(Self.isKeyCharacter)
    else {
      throw .setting(
        name: "key", value: sample.key,
        rule: "letters, digits, - and _, at most 90 bytes, make a key")
    }
    guard keys.insert(sample.key).inserted else { return }
    var tar: TarWriter
    let samples: Int
    if let open {
      (tar, samples) = open
    } else {
      (tar, samples) = (try TarWriter(creating: partURL), 0)
    }
    let info = SampleInfo(sample)
    let png: [UInt8]
    do throws(ImageError) {
      png = try PNGEncoder.encode(sample.image)
    } catch {
      throw .unwritable(file: "\(sample.key).png", reason: "\(error)")
    }
    try tar.append("\(sample.key).png", png)
    try tar.append("\(sample.key).json", Self.json(info, key: sample.key))
    count(info)
    open = (tar, samples + 1)
    if samples + 1 == samplesPerShard { try closeShard() }
  }

  /// Closes the last shard and writes the manifest.
  ///
  /// - Throws: `DataError.unwritable` if the disk is full.
  public mutating func finish() throws(DataError) -> Manifest {
    if open != nil { try closeShard() }
    let manifest = Manifest(
      format: Manifest.formatName, version: 1, name: name, samples: keys.count, sources: sources,
      licences: licences, shards: shards)
    try manifest.write(in: directory)
    return manifest
  }

  private var partURL: URL { shardURL(shards.count).appendingPathExtension("part") }

  private func shardURL(_ index: Int) -> URL {
    let digits = String(index)
    let number = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    return directory.appendingPathComponent("\(name)-\(number).tar")
  }

  private mutating func closeShard() throws(DataError) {
    guard let (file, samples) = open else { return }
    var tar = file
    try tar.close()
    let url = shardURL(shards.count)
    try FileBytes.rename(partURL, to: url)
    shards.append(
      Manifest.Shard(file: url.lastPathComponent, samples: samples, bytes: tar.byteCount))
    open = nil
  }

  private mutating func adopt(_ url: URL) throws(DataError) {
    let shard = try Shard(contentsOf: url)
    for record in shard.records {
      do throws(SampleFault) {
        count(try shard.info(record))
      } catch {
        throw error.error
      }
      keys.insert(record.key)
    }
    shards.append(
      Manifest.Shard(
        file: url.lastPathComponent, samples: shard.records.count, bytes: shard.data.count))
  }

  private mutating func count(_ info: SampleInfo) {
    sources[info.source, default: 0] += 1
    licences[info.licence, default: 0] += 1
  }

  private static func isKeyCharacter(_ character: Character) -> Bool {
    character.isASCII
      && (character.isLetter || character.isNumber || character == "-" || character == "_")
  }

  private static func json(_ info: SampleInfo, key: String) throws(DataError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return [UInt8](try encoder.encode(info))
    } catch {
      throw .unwritable(file: "\(key).json", reason: "\(error)")
    }
  }
}
