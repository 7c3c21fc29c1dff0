import Files
public import Foundation

/// Where a run stood when a checkpoint was made.
public struct TrainingState: Codable, Sendable, Equatable {
  /// The format this program writes and reads.
  ///
  /// Format 2 adds checksums. A checkpoint of format 1 is read as it is.
  public static let currentFormat = 2

  /// Format of the checkpoint folder.
  public var format: Int
  /// What is trained: `clip`, `prior`, `decoder` or `upsampler`.
  public var stage: String
  /// Optimiser steps done.
  public var step: Int
  /// The run's seed, which is the whole random state: the batch and the noise of step k follow from
  /// it and k.
  public var seed: UInt64
  /// Images trained on, with repetitions.
  public var images: Int
  /// Seconds spent in training, earlier sessions of the run included.
  public var seconds: Double
  /// Fingerprints of what the run reads, by name: the data, the model it builds on.
  public var inputs: [String: String]?

  enum CodingKeys: String, CodingKey {
    case format = "format_version"
    case stage, step, seed, images, seconds, inputs
  }

  /// A state of the current format.
  public init(
    stage: String, step: Int, seed: UInt64, images: Int, seconds: Double,
    inputs: [String: String]? = nil
  ) {
    format = Self.currentFormat
    self.inputs = inputs
    self.stage = stage
    self.step = step
    self.seed = seed
    self.images = images
    self.seconds = seconds
  }
}

/// The checkpoint folders of one run.
///
/// Each is `checkpoint-STEP` with `model.safetensors`, `ema.safetensors`, `optimizer.safetensors`,
/// `config.json`, `state.json` and `checksums.json`, which has a fingerprint of each of the others.
/// A folder of that name is complete: it was filled under a hidden name, synced and renamed.
public struct CheckpointStore: Sendable {
  /// The run's folder.
  public let folder: URL
  /// How many of the newest checkpoints are kept.
  public let keep: Int

  private static let prefix = "checkpoint-"

  /// The store of the run in `folder`, which need not exist yet.
  /// - Precondition: `keep` is at least 1.
  public init(folder: URL, keep: Int) {
    precondition(keep >= 1, "keep is \(keep), but at least one checkpoint must be kept")
    self.folder = folder
    self.keep = keep
  }

  /// Makes the folder and removes checkpoints that an interrupted run left incomplete.
  /// - Throws: `TrainingError.notWritten`.
  public func prepare() throws(TrainingError) {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try DurableFolder.removePartial(in: folder)
    } catch {
      throw TrainingError.notWritten(path: folder.path, reason: reason(of: error))
    }
  }

  /// The complete checkpoints, oldest first; none if the folder does not exist.
  ///
  /// Empty folders and other names are ignored.
  /// - Throws: `TrainingError.notRead` when the folder cannot be listed.
  public func checkpoints() throws(TrainingError) -> [URL] {
    guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .compactMap { name in Self.step(of: name).map { (name: name, step: $0) } }
        .sorted { $0.step < $1.step }
        .map { folder.appending(path: $0.name) }
        .filter { !Self.names(in: $0).isEmpty }
    } catch {
      throw TrainingError.notRead(path: folder.path, reason: reason(of: error))
    }
  }

  /// The newest complete checkpoint.
  public func latest() throws(TrainingError) -> URL? { try checkpoints().last }

  /// The newest undamaged checkpoint, and what is wrong with those after it.
  ///
  /// - Returns: Nil if there is no checkpoint at all.
  /// - Throws: `TrainingError.wrongFormat`, and `.noSoundCheckpoint` if all are damaged.
  public func newestSound() throws(TrainingError) -> (checkpoint: URL, damage: [TrainingError])? {
    var damage: [TrainingError] = []
    for checkpoint in try checkpoints().reversed() {
      do throws(TrainingError) {
        try verify(checkpoint)
        return (checkpoint, damage)
      } catch {
        if case .wrongFormat = error { throw error }
        damage.append(error)
      }
    }
    guard let newest = damage.first else { return nil }
    throw TrainingError.noSoundCheckpoint(folder: folder.path, newest: newest.description)
  }

  /// Compares each file of a checkpoint with its checksum.
  /// - Throws: `TrainingError.damaged` and `.notRead` with the file's name, `.wrongFormat`.
  public func verify(_ checkpoint: URL) throws(TrainingError) {
    let url = checkpoint.appending(path: Self.checksumsName)
    if FileManager.default.fileExists(atPath: url.path) {
      let written: [String: String]
      do {
        written = try JSONDecoder().decode([String: String].self, from: Data(contentsOf: url))
      } catch {
        throw TrainingError.damaged(path: url.path, reason: "it is not a list of checksums")
      }
      let names = Self.names(in: checkpoint).filter { $0 != Self.checksumsName }
      for name in Set(names).union(written.keys).sorted() {
        let file = checkpoint.appending(path: name)
        let found: String
        do { found = try Self.checksum(of: file) } catch {
          throw TrainingError.notRead(path: file.path, reason: reason(of: error))
        }
        guard found == written[name] else {
          throw TrainingError.damaged(path: file.path, reason: "its checksum has changed")
        }
      }
      _ = try state(of: checkpoint)
    } else if try state(of: checkpoint).format > 1 {
      throw TrainingError.damaged(path: url.path, reason: "it is missing")
    }
  }

  /// The name of the checkpoint of a step.
  func name(of step: Int) -> String { Self.name(of: step) }

  /// Writes a checkpoint, then removes the oldest beyond `keep` and all of later steps: those were
  /// damaged, which is why the run went back.
  ///
  /// - Parameters:
  ///   - state: The state of the run.
  ///   - config: The run's configuration as JSON.
  ///   - fill: Writes the tensors into the folder it is given.
  /// - Throws: `TrainingError.checkpointNotWritten`; earlier checkpoints are untouched then.
  @discardableResult
  public func write(
    _ state: TrainingState, config: Data, fill: (URL) throws -> Void
  ) throws(TrainingError) -> URL {
    let name = Self.name(of: state.step)
    let others = try checkpoints().filter { $0.lastPathComponent != name }
    let earlier = others.filter { Self.step(of: $0.lastPathComponent) ?? 0 < state.step }
    let url = folder.appending(path: name)
    do {
      try DurableFolder.create(name, in: folder, replacing: true) { partial in
        try fill(partial)
        try AtomicFile.write(config, to: partial.appending(path: "config.json"))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try AtomicFile.write(
          encoder.encode(state), to: partial.appending(path: "state.json"))
        var checksums: [String: String] = [:]
        for file in Self.names(in: partial) {
          checksums[file] = try Self.checksum(of: partial.appending(path: file))
        }
        try AtomicFile.write(
          encoder.encode(checksums), to: partial.appending(path: Self.checksumsName))
      }
      for old in earlier.dropLast(keep - 1) + others.dropFirst(earlier.count) {
        try DurableFolder.remove(old)
      }
    } catch {
      throw TrainingError.checkpointNotWritten(
        path: url.path, reason: reason(of: error), kept: earlier.last?.lastPathComponent)
    }
    return url
  }

  /// Where the run stood at a checkpoint.
  /// - Throws: `TrainingError.notRead`, and `.wrongFormat` for a checkpoint of another version.
  public func state(of checkpoint: URL) throws(TrainingError) -> TrainingState {
    struct Format: Codable {
      var format: Int
      enum CodingKeys: String, CodingKey { case format = "format_version" }
    }
    let url = checkpoint.appending(path: "state.json")
    do {
      let data = try Data(contentsOf: url)
      let format = try JSONDecoder().decode(Format.self, from: data).format
      guard (1...TrainingState.currentFormat).contains(format) else {
        throw TrainingError.wrongFormat(
          path: checkpoint.path, found: format, expected: TrainingState.currentFormat)
      }
      return try JSONDecoder().decode(TrainingState.self, from: data)
    } catch let error as TrainingError {
      throw error
    } catch is DecodingError {
      throw TrainingError.notRead(path: url.path, reason: "it is not a checkpoint's state")
    } catch {
      throw TrainingError.notRead(path: url.path, reason: reason(of: error))
    }
  }

  private static let checksumsName = "checksums.json"

  private static func name(of step: Int) -> String {
    prefix + String(repeating: "0", count: max(0, 8 - "\(step)".count)) + "\(step)"
  }

  /// The step of a checkpoint's name; nil for a name that ``name(of:)`` does not give.
  private static func step(of name: String) -> Int? {
    guard name.hasPrefix(prefix), let step = Int(name.dropFirst(prefix.count)), step >= 0,
      Self.name(of: step) == name
    else { return nil }
    return step
  }

  /// The names in a folder, sorted; none if it is not a folder.
  private static func names(in folder: URL) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    } catch {
      return []  // What cannot be listed is not a checkpoint.
    }
  }

  private static func checksum(of file: URL) throws -> String {
    var fingerprint = Fingerprint()
    fingerprint.add(try Data(contentsOf: file, options: .mappedIfSafe))
    return fingerprint.text
  }
}
