import Files
public import Foundation

/// Reads a folder of WebDataset tar shards, ours or another tool's.
///
/// The tar files are memory-mapped: opening reads only headers and captions. Samples without an image
/// or a caption are skipped; see ``report``.
public struct ShardReader: IndexedSampleSource, Sendable {
  /// The folder.
  public let directory: URL
  /// The manifest, if the folder has one.
  public let manifest: Manifest?
  /// Keys of all samples in order; one that two shards have is `shard/key`.
  public let keys: [String]
  /// Captions and metadata of all samples in order.
  public let infos: [SampleInfo]
  /// What was skipped, and why.
  public let report: ImportReport

  private let shards: [Shard]
  private let positions: [(shard: Int, record: Int)]

  /// Opens all shards and reads the caption and metadata of every sample.
  ///
  /// - Throws: `DataError.unreadable` if the folder is missing, `.empty` if it holds no tar file or no
  ///   sample, `.malformed` for a damaged shard or manifest, or a shard with another count than
  ///   stated; of the first sample that would be skipped when `strict`.
  public init(directory: URL, strict: Bool = false) throws(DataError) {
    let manifest = try Manifest.read(in: directory)
    let files: [String]
    if let manifest {
      files = manifest.shards.map(\.file)
    } else {
      files = try FileBytes.list(directory, extensions: ["tar"])
    }
    guard !files.isEmpty else {
      let images = try FileBytes.list(directory, extensions: Shard.imageExtensions)
      throw .empty(
        directory: directory.path,
        reason: images.isEmpty
          ? "there is no tar shard; write it with `unclip data`"
          : "its images are not in tar shards; write them with `unclip data folder"
            + " \(directory.path) --out NEW`, and give NEW")
    }
    var faults: [SampleFault] = []
    try self.init(directory: directory, files: files, manifest: manifest, &faults)
    if let fault = faults.first, strict || count == 0 {
      guard count == 0 else { throw fault.error }
      throw .empty(
        directory: directory.path,
        reason: "no sample can be read; of the first, \(fault.error.description.dropLast())")
    }
    guard count > 0 || manifest != nil else {
      throw .empty(directory: directory.path, reason: "no tar file holds an image with a caption")
    }
    for line in report.warnings { DataWarnings.send("\(directory.path): \(line)") }
  }

  /// Opens some tar files of a folder; what is skipped is appended to `faults`, whole files too when
  /// `skippingFiles`.
  init(
    directory: URL, files: [String], manifest: Manifest? = nil, skippingFiles: Bool = false,
    _ faults: inout [SampleFault]
  ) throws(DataError) {
    var shards: [Shard] = []
    var names: [(file: Int, key: String)] = []
    var infos: [SampleInfo] = []
    var positions: [(shard: Int, record: Int)] = []
    var skipped: [SampleFault] = []
    var report = ImportReport()
    for (index, file) in files.enumerated() {
      let shard: Shard
      do throws(DataError) {
        shard = try Shard(contentsOf: directory.appendingPathComponent(file))
      } catch {
        guard skippingFiles else { throw error }
        skipped.append(SampleFault("broken tar file", file, error))
        continue
      }
      if let stated = manifest?.shards[index].samples, stated != shard.records.count {
        throw .malformed(
          file: shard.file, entry: nil,
          problem: "it holds \(shard.records.count) samples but the manifest says \(stated);"
            + " write the data set again")
      }
      skipped += shard.faults
      for name in shard.unused { report.add(unused: "text file of no image", name) }
      for (position, record) in shard.records.enumerated() {
        do throws(SampleFault) {
          infos.append(try shard.info(record))
          names.append((index, record.key))
          positions.append((shards.count, position))
        } catch {
          skipped.append(error)
        }
      }
      shards.append(shard)
      LongWork.report("opening data", index + 1, of: files.count)
    }
    for fault in skipped { report.add(fault) }
    faults += skipped
    keys = UniqueKeys.make(names.map { (PathName.stem(files[$0.file]), $0.key) })
    self.directory = directory
    self.manifest = manifest
    self.infos = infos
    self.report = report
    self.shards = shards
    self.positions = positions
  }

  /// The paths of the shards.
  var files: [String] { shards.map(\.file) }

  /// Number of samples.
  public var count: Int { keys.count }

  /// Returns the sample at `index`, its image decoded to RGBA.
  ///
  /// - Throws: `DataError.malformed` if its image cannot be decoded.
  public func sample(at index: Int) throws(DataError) -> Sample {
    do throws(SampleFault) {
      return try decoded(at: index)
    } catch {
      throw error.error
    }
  }

  /// Returns the sample at `index`, its image decoded to RGBA.
  package func decoded(at index: Int) throws(SampleFault) -> Sample {
    let info = infos[index]
    let position = positions[index]
    let shard = shards[position.shard]
    return Sample(
      key: keys[index], image: try shard.image(shard.records[position.record]),
      caption: info.caption, keywords: info.keywords, source: info.source, licence: info.licence,
      group: info.group, style: info.style, isCore: info.core, part: info.part)
  }

  /// Returns the longer side of a stored image in pixels, without decoding it.
  ///
  /// - Throws: `DataError.malformed` if the image has no readable header.
  public func side(at index: Int) throws(DataError) -> Int {
    do throws(SampleFault) {
      return try storedSide(at: index)
    } catch {
      throw error.error
    }
  }

  func storedSide(at index: Int) throws(SampleFault) -> Int {
    let position = positions[index]
    return try shards[position.shard].side(shards[position.shard].records[position.record])
  }
}

/// Makes keys that no two samples share.
enum UniqueKeys {
  /// Returns the keys as they are where they are unique, else after the name of their shard or set,
  /// and with a number where that is not enough.
  static func make(_ samples: [(owner: String, key: String)]) -> [String] {
    var counts: [String: Int] = [:]
    for sample in samples { counts[sample.key, default: 0] += 1 }
    guard counts.count < samples.count else { return samples.map(\.key) }
    var taken = Set(counts.filter { $0.value == 1 }.keys)
    var numbers: [String: Int] = [:]
    return samples.map { sample in
      guard counts[sample.key] ?? 1 > 1 else { return sample.key }
      let name = "\(sample.owner)/\(sample.key)"
      var key = name
      while !taken.insert(key).inserted {
        numbers[name, default: 1] += 1
        key = "\(name)#\(numbers[name] ?? 0)"
      }
      return key
    }
  }
}
