import Dispatch
import Foundation
import Imaging
import Synchronization

/// The chosen pictures of one or more data sets, decoded once to the size of training.
struct PictureStore: Sendable {
  struct Entry: Sendable {
    let key: String
    let info: SampleInfo
    let weight: Double
    let mayFlip: Bool
    let reader: Int
    let index: Int
  }

  struct Picture: Sendable {
    let sprite: Sprite
    let look: PictureLook
  }

  let entries: [Entry]
  let side: Int
  private let readers: [ShardReader]
  /// Empty if the set is larger than the cache.
  private let pictures: [Picture]

  /// Throws: `DataError` of the shards, or `.empty` if nothing passes the filters.
  init(directories: [URL], configuration: StreamConfiguration) throws(DataError) {
    side = configuration.imageSize
    var readers: [ShardReader] = []
    for directory in directories { readers.append(try ShardReader(directory: directory)) }
    self.readers = readers
    var entries: [Entry] = []
    var seen: Set<String> = []
    for (number, reader) in readers.enumerated() {
      for (index, info) in reader.infos.enumerated() {
        guard info.core || !configuration.coreOnly,
          configuration.split.contains(info, in: configuration.part)
        else { continue }
        let weight = configuration.weight(of: info)
        guard weight > 0 else { continue }
        if configuration.minimumSide > 0,
          try reader.side(at: index) < configuration.minimumSide
        {
          continue
        }
        guard seen.insert(reader.keys[index]).inserted else {
          throw .malformed(
            file: reader.directory.path, entry: "sample \(reader.keys[index])",
            problem: "the key occurs twice in the data sets; give each its own keys")
        }
        entries.append(
          Entry(
            key: reader.keys[index], info: info, weight: weight,
            mayFlip: Augmentation.mayFlip(info), reader: number, index: index))
      }
    }
    guard !entries.isEmpty else {
      throw .empty(
        directory: directories.map(\.path).joined(separator: ", "),
        reason: "no sample passes coreOnly, minimumSide \(configuration.minimumSide), the weights"
          + " and the part \(configuration.part.rawValue)")
    }
    self.entries = entries
    let fits = entries.count * side * side * 4 <= configuration.cacheLimit
    pictures =
      fits
      ? try Self.decode(entries, readers, side: side, threads: max(1, configuration.workers)) : []
  }

  /// True if every picture is in memory.
  var isCached: Bool { !pictures.isEmpty }

  /// How often each entry is shown; the look is known only of pictures in memory.
  func weights(monochrome: Double) -> [Double] {
    entries.indices.map { index in
      let entry = entries[index]
      let drawn = isCached && pictures[index].look.isLineDrawing(entry.info)
      return drawn ? entry.weight * monochrome : entry.weight
    }
  }

  /// Throws: `DataError.malformed` if the picture cannot be decoded.
  func picture(at index: Int) throws(DataError) -> Picture {
    if isCached { return pictures[index] }
    return try Self.decode(entries[index], readers, side: side)
  }

  private static func decode(
    _ entry: Entry, _ readers: [ShardReader], side: Int
  ) throws(DataError) -> Picture {
    let sample = try readers[entry.reader].sample(at: entry.index)
    let sprite = Sprite(sample.image, side: side)
    return Picture(sprite: sprite, look: sprite.look)
  }

  private static func decode(
    _ entries: [Entry], _ readers: [ShardReader], side: Int, threads: Int
  ) throws(DataError) -> [Picture] {
    let results = Mutex<[Int: Result<[Picture], DataError>]>([:])
    let chunk = (entries.count + threads - 1) / threads
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let range = min(entries.count, thread * chunk)..<min(entries.count, (thread + 1) * chunk)
      let result = Result { () throws(DataError) in
        var pictures: [Picture] = []
        for entry in entries[range] {
          pictures.append(try decode(entry, readers, side: side))
        }
        return pictures
      }
      results.withLock { $0[thread] = result }
    }
    var pictures: [Picture] = []
    for thread in 0..<threads {
      guard let result = results.withLock({ $0[thread] }) else {
        preconditionFailure("decoding thread \(thread) left no result")
      }
      pictures += try result.get()
    }
    return pictures
  }
}
