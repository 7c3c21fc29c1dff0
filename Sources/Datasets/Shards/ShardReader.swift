public import Foundation

/// Reads a folder of WebDataset tar shards, ours or another tool's.
///
/// The tar files are memory-mapped: opening reads only headers and captions.
public struct ShardReader: IndexedSampleSource, Sendable {
  /// The folder.
  public let directory: URL
  /// The manifest, if the folder has one.
  public let manifest: Manifest?
  /// Keys of all samples in order.
  public let keys: [String]
  /// Captions and metadata of all samples in order.
  public let infos: [SampleInfo]

  private let shards: [Shard]
  private let places: [(shard: Int, record: Int)]

  /// Opens all shards and reads the caption and metadata of every sample.
  ///
  /// - Throws: `DataError.unreadable` if the folder is missing, `.empty` if it holds no tar file,
  ///   `.malformed` for a damaged shard or manifest, or a shard with another count than stated.
  public init(directory: URL) throws(DataError) {
    self.directory = directory
    manifest = try Manifest.read(in: directory)
    let files: [String]
    if let manifest {
      files = manifest.shards.map(\.file)
    } else {
      files = try FileBytes.list(directory, extensions: ["tar"])
    }
    guard !files.isEmpty else {
      throw .empty(
        directory: directory.path, reason: "there is no tar shard; write it with `unclip data`")
    }
    var shards: [Shard] = []
    var keys: [String] = []
    var infos: [SampleInfo] = []
    var places: [(shard: Int, record: Int)] = []
    for (index, file) in files.enumerated() {
      let shard = try Shard(contentsOf: directory.appendingPathComponent(file))
      if let stated = manifest?.shards[index].samples, stated != shard.records.count {
        throw .malformed(
          file: shard.file, entry: nil,
          problem: "it holds \(shard.records.count) samples but the manifest says \(stated);"
            + " write the data set again")
      }
      for (position, record) in shard.records.enumerated() {
        keys.append(record.key)
        infos.append(try shard.info(record))
        places.append((index, position))
      }
      shards.append(shard)
    }
    self.shards = shards
    self.keys = keys
    self.infos = infos
    self.places = places
  }

  /// The paths of the shards.
  var files: [String] { shards.map(\.file) }

  /// Number of samples.
  public var count: Int { keys.count }

  /// Returns the sample at `index`, its image decoded to RGBA.
  ///
  /// - Throws: `DataError.malformed` if its image cannot be decoded.
  public func sample(at index: Int) throws(DataError) -> Sample {
    let info = infos[index]
    let place = places[index]
    let shard = shards[place.shard]
    return Sample(
      key: keys[index], image: try shard.image(shard.records[place.record]),
      caption: info.caption, keywords: info.keywords, source: info.source, licence: info.licence,
      group: info.group, style: info.style, isCore: info.core)
  }

  /// Returns the longer side of a stored image in pixels, without decoding it.
  ///
  /// - Throws: `DataError.malformed` if the image has no readable header.
  public func side(at index: Int) throws(DataError) -> Int {
    let place = places[index]
    return try shards[place.shard].side(shards[place.shard].records[place.record])
  }
}
