import Files
public import Foundation

/// Where a run stood when a checkpoint was made.
public struct TrainingState: Codable, Sendable, Equatable {
  /// The format this program writes and reads.
  public static let currentFormat = 1

  /// Format of the checkpoint folder.
  public var format: Int
  /// What is trained: `clip`, `prior`, `decoder` or `upsampler`.
  public var stage: String
  /// Optimiser steps done.
  public var step: Int
  /// The run's seed. Batch and noise of step k follow from it and k, so this is the whole random
  /// state.
  public var seed: UInt64
  /// Pictures trained on, with repetitions.
  public var images: Int
  /// Seconds spent in training, over all resumed parts.
  public var seconds: Double

  enum CodingKeys: String, CodingKey {
    case format = "format_version"
    case stage, step, seed, images, seconds
  }

  /// A state of the current format.
  public init(stage: String, step: Int, seed: UInt64, images: Int, seconds: Double) {
    format = Self.currentFormat
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
/// `config.json` and `state.json`. A folder of that name is complete: it was filled under a hidden
/// name, synced and renamed.
public struct CheckpointStore: Sendable {
  /// The run's folder.
  public let folder: URL
  /// Newest checkpoints that are kept.
  public let keep: Int

  private static let prefix = "checkpoint-"

  /// The store of the run in `folder`, which need not exist yet.
  public init(folder: URL, keep: Int) {
    precondition(keep >= 1, "keep is \(keep), but at least one checkpoint must be kept")
    self.folder = folder
    self.keep = keep
  }

  /// Makes the folder and removes checkpoints that an interrupted run left half written.
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
  /// - Throws: `TrainingError.notRead` when the folder cannot be listed.
  public func checkpoints() throws(TrainingError) -> [URL] {
    guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .compactMap { name in step(of: name).map { (name: name, step: $0) } }
        .sorted { $0.step < $1.step }
        .map { folder.appending(path: $0.name) }
    } catch {
      throw TrainingError.notRead(path: folder.path, reason: reason(of: error))
    }
  }

  /// The newest complete checkpoint.
  public func latest() throws(TrainingError) -> URL? { try checkpoints().last }

  /// Writes a checkpoint, then removes the oldest beyond `keep`.
  ///
  /// - Parameters:
  ///   - state: The state of the run.
  ///   - config: The run's configuration as JSON.
  ///   - fill: writes the tensors into the folder it gets.
  /// - Throws: `TrainingError.checkpointNotWritten`; earlier checkpoints are untouched then.
  @discardableResult
  public func write(
    _ state: TrainingState, config: Data, fill: (URL) throws -> Void
  ) throws(TrainingError) -> URL {
    let name =
      Self.prefix + String(repeating: "0", count: max(0, 8 - "\(state.step)".count))
      + "\(state.step)"
    let earlier = try checkpoints()
    let url = folder.appending(path: name)
    do {
      if FileManager.default.fileExists(atPath: url.path) { try DurableFolder.remove(url) }
      try DurableFolder.create(name, in: folder) { partial in
        try fill(partial)
        try AtomicFile.write(config, to: partial.appending(path: "config.json"))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try AtomicFile.write(
          encoder.encode(state), to: partial.appending(path: "state.json"))
      }
      let kept = earlier.filter { $0.lastPathComponent != name }
      for old in kept.dropLast(keep - 1) { try DurableFolder.remove(old) }
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
      guard format == TrainingState.currentFormat else {
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

  private func step(of name: String) -> Int? {
    name.hasPrefix(Self.prefix) ? Int(name.dropFirst(Self.prefix.count)) : nil
  }
}
