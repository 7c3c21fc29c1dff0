import Files
import Foundation
public import Logging

/// What a queue tells whoever counts or logs.
public enum QueueEvent: Sendable {
  /// A job was accepted.
  case accepted(JobRecord)
  /// A job was refused.
  case refused(JobRequest, JobRefusal)
  /// A denoising step was done.
  case step(JobStep)
  /// An image of a request was made and stored.
  case image(JobRequest)
  /// A job ended, whatever came of it.
  case ended(JobRecord)
}

/// Writes a log line for each job that is accepted, refused or ended.
///
/// A text that somebody gave is logged as its hash and its length: enough to find a call again, and
/// nothing about what it says.
public struct JobLog: Sendable {
  private let logger: Logger
  private let showsTexts: Bool

  /// Makes a log.
  ///
  /// - Parameters:
  ///   - logger: Where it is written.
  ///   - showsTexts: Whether prompts are written as they are.
  public init(_ logger: Logger, showsTexts: Bool = false) {
    self.logger = logger
    self.showsTexts = showsTexts
  }

  /// Writes a line, except for steps and images.
  public func take(_ event: QueueEvent) {
    switch event {
    case .accepted(let record):
      logger.info("job accepted", metadata: metadata(record.request, of: record))
    case .refused(let request, let refusal):
      var metadata = metadata(request, of: nil)
      metadata["reason"] = "\(refusal.reason)"
      logger.info("job refused", metadata: metadata)
    case .ended(let record):
      var metadata: Logger.Metadata = [
        "job": "\(record.id)", "state": "\(record.state.rawValue)",
        "images": .stringConvertible(record.images.count),
      ]
      if let failure = record.failure { metadata["reason"] = "\(failure.reason)" }
      if let started = record.started {
        metadata["wait_seconds"] = Self.seconds(record.created, started)
        metadata["run_seconds"] = record.finished.map { Self.seconds(started, $0) }
      }
      logger.info("job ended", metadata: metadata)
      // What a worker says of a fault of ours is for the operator alone.
      switch record.failure {
      case .crashed(let reason)?, .failed(let reason)?:
        logger.error("job failed", metadata: ["job": "\(record.id)", "error": "\(reason)"])
      default: break
      }
    case .step, .image: break
    }
  }

  private static func seconds(_ start: Date, _ end: Date) -> Logger.MetadataValue {
    .stringConvertible((end.timeIntervalSince(start) * 1000).rounded() / 1000)
  }

  private func metadata(_ request: JobRequest, of record: JobRecord?) -> Logger.Metadata {
    var metadata: Logger.Metadata = [
      "operation": "\(request.operation.rawValue)", "n": .stringConvertible(request.count),
    ]
    metadata["job"] = record.map { "\($0.id)" }
    metadata["key"] = record?.owner.map { "\($0)" }
    metadata["seed"] = request.seed.map { .stringConvertible($0) }
    metadata["size"] = request.size.map { .stringConvertible($0) }
    for (name, text) in [
      ("prompt", request.prompt), ("negative_prompt", request.negativePrompt),
      ("from", request.from), ("to", request.to),
    ] {
      guard let text else { continue }
      metadata["\(name)_sha256"] = "\(sha256(Data(text.utf8)).prefix(16))"
      metadata["\(name)_characters"] = .stringConvertible(text.unicodeScalars.count)
      if showsTexts { metadata[name] = "\(text)" }
    }
    return metadata
  }
}
