import Dispatch
import Files
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

  /// The look of an image, and the image itself unless it is on disk.
  private struct Decoded {
    let look: ImageLook
    let image: Image?
  }

  let entries: [Entry]
  let side: Int
  private let readers: [ShardReader]
  private let strict: Bool
  /// The decoded images of each folder on disk; empty unless every folder has them.
  private let caches: [DecodedCache]
  /// The look of each image; empty if images are decoded each time they are shown.
  private let looks: [ImageLook]
  /// The images in memory; empty if they are on disk or the set exceeds the limit.
  private let images: [Image]

  /// Opens the folders and decodes their images; those that cannot be decoded are skipped.
  ///
  /// - Throws: `DataError` of the shards, `.empty` if nothing passes the filters, and that of the
  ///   first broken image when `strict`.
  init(directories: [URL], configuration: StreamConfiguration) throws(DataError) {
    side = configuration.imageSize
    strict = configuration.strict
    var readers: [ShardReader] = []
    for directory in directories {
      readers.append(try ShardReader(directory: directory, strict: configuration.strict))
    }
    self.readers = readers
    var faults: [SampleFault] = []
    let entries = try Self.entries(of: readers, configuration, &faults)
    let threads = max(1, configuration.mixture.workers)
    var caches: [DecodedCache] = []
    var decoded: [Result<Decoded, SampleFault>]?
    if entries.count * side * side * 4 <= configuration.cacheLimit {
      // If most of a folder is filtered out, decoding all of it is not worth it.
      if entries.count * 2 >= readers.reduce(0, { $0 + $1.count }) {
        for reader in readers {
          guard let cache = DecodedCache.open(reader, side: side, threads: threads) else { break }
          caches.append(cache)
        }
      }
      if caches.count < readers.count { caches = [] }
      decoded = Self.decode(entries, readers, caches, side: side, threads: threads)
    }
    var (kept, looks, images): ([Entry], [ImageLook], [Image]) = ([], [], [])
    for (index, result) in (decoded ?? []).enumerated() {
      switch result {
      case .success(let found):
        kept.append(entries[index])
        looks.append(found.look)
        if let image = found.image { images.append(image) }
      case .failure(let fault): faults.append(fault)
      }
    }
    if strict, let fault = faults.first { throw fault.error }
    (self.entries, self.caches) = (decoded == nil ? entries : kept, caches)
    (self.looks, self.images) = (looks, images)
    if self.entries.isEmpty, let fault = faults.first { throw fault.error }
    var report = ImportReport()
    for fault in faults { report.add(fault) }
    for line in report.warnings {
      DataWarnings.send("\(directories.map(\.path).joined(separator: ", ")): \(line)")
    }
  }

  /// Lists the samples that pass the filters.
  private static func entries(
    of readers: [ShardReader], _ configuration: StreamConfiguration, _ faults: inout [SampleFault]
  ) throws(DataError) -> [Entry] {
    // Before the filters, so that a sample has the same key in every part of the data.
    var keys = UniqueKeys.make(
      readers.flatMap { reader in
        reader.keys.map { (reader.directory.lastPathComponent, $0) }
      })[...]
    let least = configuration.mixture.minimumSide
    var entries: [Entry] = []
    var tooSmall = 0
    for (number, reader) in readers.enumerated() {
      let own = keys.prefix(reader.count)
      keys = keys.dropFirst(reader.count)
      for (index, key) in own.enumerated() {
        let info = reader.infos[index]
        guard info.core || !configuration.mixture.coreOnly,
          configuration.mixture.split.contains(info, in: configuration.part)
        else { continue }
        let weight = configuration.mixture.weight(of: info)
        guard weight > 0 else { continue }
        if least > 0 {
          do throws(SampleFault) {
            guard try reader.storedSide(at: index) >= least else {
              tooSmall += 1
              continue
            }
          } catch {
            faults.append(error)
            continue
          }
        }
        entries.append(
          Entry(
            key: key, info: info, weight: weight, mayFlip: Augmentation.mayFlip(info),
            reader: number, index: index))
      }
    }
    let folders = readers.map(\.directory.path).joined(separator: ", ")
    guard !entries.isEmpty else {
      throw .empty(
        directory: folders,
        reason: "no sample passes core_only, minimum_side \(least),"
          + " the weights and the part \(configuration.part.rawValue)")
    }
    if tooSmall > 0, configuration.part != .heldOut {
      let all = entries.count + tooSmall
      DataWarnings.send(
        "\(folders): left out \(tooSmall) of \(all) images, whose longer side has less than \(least) "
          + "pixels")
    }
    return entries
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

  /// Returns the image of an entry; of one that cannot be decoded, that of the next that can.
  ///
  /// - Throws: `DataError.malformed` if none can be decoded, or the first cannot when `strict`.
  func image(at index: Int) throws(DataError) -> (entry: Entry, image: Image) {
    if !images.isEmpty { return (entries[index], images[index]) }
    var first: SampleFault?
    for step in entries.indices {
      let position = (index + step) % entries.count
      let entry = entries[position]
      do throws(SampleFault) {
        let image = try Self.decode(entry, readers, caches, side: side)
        if let first { DataWarnings.send("skipped \(first.kind): \(first.name)") }
        return (entry, image)
      } catch {
        if strict { throw error.error }
        first = first ?? error
      }
    }
    guard let first else { preconditionFailure("a store holds at least one image") }
    throw first.error
  }

  private static func decode(
    _ entry: Entry, _ readers: [ShardReader], _ caches: [DecodedCache], side: Int
  ) throws(SampleFault) -> Image {
    let sprite =
      if !caches.isEmpty, let cached = caches[entry.reader].sprite(at: entry.index) {
        cached
      } else {
        Sprite(try readers[entry.reader].decoded(at: entry.index).image, side: side)
      }
    return Image(sprite: sprite, look: sprite.look)
  }

  private static func decode(
    _ entries: [Entry], _ readers: [ShardReader], _ caches: [DecodedCache], side: Int, threads: Int
  ) -> [Result<Decoded, SampleFault>] {
    var decoded: [Result<Decoded, SampleFault>] = []
    decoded.reserveCapacity(entries.count)
    // In chunks, so that progress can be reported.
    let chunk = 256 * threads
    for start in stride(from: 0, to: entries.count, by: chunk) {
      let part = entries[start..<min(start + chunk, entries.count)]
      decoded += decode(part, readers, caches, side: side, threads: threads)
      LongWork.report(
        caches.isEmpty ? "reading images" : "looking at images", part.endIndex, of: entries.count)
    }
    return decoded
  }

  private static func decode(
    _ entries: ArraySlice<Entry>, _ readers: [ShardReader], _ caches: [DecodedCache], side: Int,
    threads: Int
  ) -> [Result<Decoded, SampleFault>] {
    let results = Mutex<[Int: [Result<Decoded, SampleFault>]]>([:])
    let chunk = (entries.count + threads - 1) / threads
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let images = entries.dropFirst(thread * chunk).prefix(chunk).map { entry in
        Result { () throws(SampleFault) in
          let image = try decode(entry, readers, caches, side: side)
          return Decoded(look: image.look, image: caches.isEmpty ? image : nil)
        }
      }
      results.withLock { $0[thread] = images }
    }
    return results.withLock { results in (0..<threads).flatMap { results[$0] ?? [] } }
  }
}
