import Dispatch
import Foundation
import Imaging
import Synchronization

/// The chosen images of one or more data sets, decoded once to the training size: on disk, where
/// other runs share them, or in memory.
struct ImageStore: Sendable {
  struct Entry: Sendable {
    let key: String
    let info: SampleInfo
    let weight: Double
    let mayFlip: Bool
    let reader: Int
    let index: Int
  }

  struct Image: Sendable {
    let sprite: Sprite
    let look: ImageLook
  }

  let entries: [Entry]
  let side: Int
  private let readers: [ShardReader]
  /// The decoded images of each folder on disk; empty unless every folder has them.
  private let caches: [DecodedCache]
  /// The look of each image; empty if images are decoded each time they are shown.
  private let looks: [ImageLook]
  /// The images in memory; empty if they are on disk or the set exceeds the limit.
  private let images: [Image]

  /// Opens the folders and decodes their images.
  ///
  /// - Throws: `DataError` of the shards, or `.empty` if nothing passes the filters.
  init(directories: [URL], configuration: StreamConfiguration) throws(DataError) {
    side = configuration.imageSize
    var readers: [ShardReader] = []
    for directory in directories { readers.append(try ShardReader(directory: directory)) }
    self.readers = readers
    var entries: [Entry] = []
    var seen: Set<String> = []
    for (number, reader) in readers.enumerated() {
      for (index, info) in reader.infos.enumerated() {
        guard info.core || !configuration.mixture.coreOnly,
          configuration.mixture.split.contains(info, in: configuration.part)
        else { continue }
        let weight = configuration.mixture.weight(of: info)
        guard weight > 0 else { continue }
        if configuration.mixture.minimumSide > 0,
          try reader.side(at: index) < configuration.mixture.minimumSide
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
        reason:
          "no sample passes core_only, minimum_side \(configuration.mixture.minimumSide), the weights"
          + " and the part \(configuration.part.rawValue)")
    }
    self.entries = entries
    guard entries.count * side * side * 4 <= configuration.cacheLimit else {
      (caches, looks, images) = ([], [], [])
      return
    }
    let threads = max(1, configuration.mixture.workers)
    // If most of a folder is filtered out, decoding all of it is not worth it.
    let all = readers.reduce(0) { $0 + $1.count }
    var found: [DecodedCache] = []
    if entries.count * 2 >= all {
      for reader in readers {
        guard let cache = DecodedCache.open(reader, side: side, threads: threads) else { break }
        found.append(cache)
      }
    }
    caches = found.count == readers.count ? found : []
    if caches.isEmpty {
      images = try Self.decode(entries, readers, side: side, threads: threads)
      looks = images.map(\.look)
    } else {
      images = []
      looks = try Self.looks(of: entries, caches, readers, side: side)
    }
  }

  /// True if every image is decoded already.
  var isCached: Bool { !looks.isEmpty }

  /// Returns how often each entry is shown; only decoded images have a known look.
  func weights(monochrome: Double) -> [Double] {
    entries.indices.map { index in
      let entry = entries[index]
      let isDrawing = isCached && looks[index].isLineDrawing(entry.info)
      return isDrawing ? entry.weight * monochrome : entry.weight
    }
  }

  /// - Throws: `DataError.malformed` if the image cannot be decoded.
  func image(at index: Int) throws(DataError) -> Image {
    if !images.isEmpty { return images[index] }
    let entry = entries[index]
    if !caches.isEmpty, let sprite = caches[entry.reader].sprite(at: entry.index) {
      return Image(sprite: sprite, look: looks[index])
    }
    return try Self.decode(entry, readers, side: side)
  }

  /// - Throws: `DataError.malformed` for an image that cannot be decoded.
  private static func looks(
    of entries: [Entry], _ caches: [DecodedCache], _ readers: [ShardReader], side: Int
  ) throws(DataError) -> [ImageLook] {
    var looks: [ImageLook] = []
    looks.reserveCapacity(entries.count)
    for entry in entries {
      if let sprite = caches[entry.reader].sprite(at: entry.index) {
        looks.append(sprite.look)
      } else {
        looks.append(try decode(entry, readers, side: side).look)
      }
    }
    return looks
  }

  private static func decode(
    _ entry: Entry, _ readers: [ShardReader], side: Int
  ) throws(DataError) -> Image {
    let sample = try readers[entry.reader].sample(at: entry.index)
    let sprite = Sprite(sample.image, side: side)
    return Image(sprite: sprite, look: sprite.look)
  }

  private static func decode(
    _ entries: [Entry], _ readers: [ShardReader], side: Int, threads: Int
  ) throws(DataError) -> [Image] {
    let results = Mutex<[Int: Result<[Image], DataError>]>([:])
    let chunk = (entries.count + threads - 1) / threads
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let range = min(entries.count, thread * chunk)..<min(entries.count, (thread + 1) * chunk)
      let result = Result { () throws(DataError) in
        var images: [Image] = []
        for entry in entries[range] {
          images.append(try decode(entry, readers, side: side))
        }
        return images
      }
      results.withLock { $0[thread] = result }
    }
    var images: [Image] = []
    for thread in 0..<threads {
      guard let result = results.withLock({ $0[thread] }) else {
        preconditionFailure("decoding thread \(thread) left no result")
      }
      images += try result.get()
    }
    return images
  }
}
