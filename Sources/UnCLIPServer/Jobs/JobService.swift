public import Foundation

/// What runs a job: a worker process, or a test's stand-in.
public protocol JobRunner: Sendable {
  /// The loaded model; nil while it loads.
  var model: ModelDescription? { get async }

  /// Runs a job and says what happens. Whoever stops listening cancels it, within one denoising step.
  ///
  /// - Throws (the stream): `JobFailure`.
  func run(_ request: JobRequest) -> AsyncThrowingStream<JobEvent, any Error>
}

/// The model that a worker has loaded.
public struct ModelDescription: Codable, Sendable, Equatable {
  /// Its name.
  public var name: String
  /// Its version.
  public var version: String
  /// The fingerprint of its files.
  public var fingerprint: String
  /// Sides of the images it makes, pixels, ascending.
  public var sizes: [Int]
  /// The side it makes unless asked, pixels.
  public var defaultSize: Int
  /// The operations that its parts allow.
  public var operations: [JobRequest.Operation]
  /// The names of its parts, as folders.
  public var parts: [String]
  /// Its sampling settings by key, as JSON.
  public var defaults: Data
  /// The words it was trained on in general; nil where it knows any.
  public var domain: String?
  /// The model card, Markdown; nil if it has none.
  public var card: String?
  /// Bytes that the worker holds.
  public var memory: Int

  /// Groups all of it.
  public init(
    name: String, version: String, fingerprint: String, sizes: [Int], defaultSize: Int,
    operations: [JobRequest.Operation], parts: [String], defaults: Data, domain: String? = nil,
    card: String? = nil, memory: Int = 0
  ) {
    self.name = name
    self.version = version
    self.fingerprint = fingerprint
    self.sizes = sizes
    self.defaultSize = defaultSize
    self.operations = operations
    self.parts = parts
    self.defaults = defaults
    self.domain = domain
    self.card = card
    self.memory = memory
  }
}

/// A job as the store keeps it.
public struct JobRecord: Codable, Sendable, Equatable, Identifiable {
  /// Where a job is.
  public enum State: String, Codable, Sendable, CaseIterable {
    case queued, running, done, failed, cancelled

    /// Whether nothing more happens to it.
    public var isFinal: Bool { self != .queued && self != .running }
  }

  /// 128 random bits, hexadecimal.
  public var id: String
  /// Who asked: the id of a key; nil where the server asks for none.
  public var owner: String?
  /// What was asked for, with its seed.
  public var request: JobRequest
  /// Where it is.
  public var state: State
  /// Why it failed; nil unless it did.
  public var failure: JobFailure?
  /// When it was accepted.
  public var created: Date
  /// When it began.
  public var started: Date?
  /// When it ended.
  public var finished: Date?
  /// How far it is; nil before it begins.
  public var progress: JobStep?
  /// Jobs before it; nil unless it is queued.
  public var position: Int?
  /// Seconds until it is expected to end; nil once it has.
  public var secondsLeft: Double?
  /// The ids of its images, in order of their index; the files are fetched by id.
  public var images: [String]
  /// The JSON of an operation that makes no images.
  public var result: Data?

  enum CodingKeys: String, CodingKey {
    case id, owner, request, state, failure, created, started, finished, progress, position, images
    case result
    case secondsLeft = "seconds_left"
  }

  /// Makes the record of a job that was just accepted.
  public init(id: String, owner: String?, request: JobRequest, created: Date) {
    self.id = id
    self.owner = owner
    self.request = request
    self.created = created
    state = .queued
    images = []
  }
}

/// Why a job is not accepted.
public enum JobRefusal: Error, Sendable, Equatable {
  /// The request is impossible; the field at fault where it is one.
  case invalid(String, field: String?)
  /// The queue is full: images waiting, and seconds until there is room.
  case full(images: Int, wait: Double)
  /// This owner holds more than its part of the queue, or of a minute.
  case overShare(wait: Double)
  /// This owner has asked for `current` images within a minute, more than its `limit`; the seconds
  /// until it may ask again.
  case rate(limit: Int, current: Int, wait: Double)
  /// The model is not loaded yet, or could not be.
  case notReady(String)
  /// The server is stopping.
  case draining
  /// The disk is full, or the quota is.
  case noSpace
}

/// Accepts jobs, keeps them, and says what happens to them: what every route speaks to.
public protocol JobService: Sendable {
  /// Accepts a job: when this returns, it is on disk and survives a crash of the server.
  ///
  /// - Parameters:
  ///   - request: What is asked for.
  ///   - owner: The id of the key that asks.
  ///   - deadline: When whoever asks stops waiting; a job that has not begun then is dropped.
  ///   - retryKey: Equal for repetitions of one call: a repetition within ten minutes joins the job of
  ///     the first. nil never joins.
  func submit(
    _ request: JobRequest, owner: String?, deadline: Date?, retryKey: String?
  ) async throws(JobRefusal) -> JobRecord

  /// Returns a job; nil if there is none of that id that `owner` may see.
  func job(_ id: String, owner: String?) async throws -> JobRecord?

  /// Says what happens to a job from now on; ends when it ends. Begins with its present state, so
  /// that nothing is missed.
  func updates(of id: String) async -> AsyncStream<JobUpdate>

  /// Cancels a job, queued or running; nothing for one that ended.
  func cancel(_ id: String) async

  /// Says that whoever asked for a job has left: it is cancelled as ``cancel(_:)`` does, unless the
  /// deadline of a call with a retry key has made its client hang up, who is about to repeat it.
  func abandon(_ id: String) async

  /// Returns the PNG file of an image; nil if there is none.
  func imageFile(_ id: String) async throws -> URL?

  /// Takes a file that a job will name; returns its SHA-256, hexadecimal.
  func store(_ data: Data) async throws(JobRefusal) -> String

  /// How full the queue is.
  var load: JobLoad { get async }
}

extension JobService {
  /// Cancels the job at once.
  public func abandon(_ id: String) async { await cancel(id) }
}

extension JobService {
  /// Waits for the end of a job and returns its last record.
  ///
  /// - Throws: `JobRefusal.draining` when the server stops first; `CancellationError`.
  func end(of record: JobRecord) async throws -> JobRecord {
    var last = record
    if !record.state.isFinal {
      for await update in await updates(of: record.id) {
        if case .changed(let now, _) = update { last = now }
      }
    }
    try Task.checkCancellation()
    guard last.state.isFinal else { throw JobRefusal.draining }
    return last
  }
}

/// An image that is not finished.
public struct JobPreview: Sendable, Equatable {
  /// The PNG file.
  public var png: Data
  /// Its number among the partial images of its image, from 0, which every listener is told; nil for
  /// a preview that a newer one may replace.
  public var partial: Int?

  /// Groups the two.
  public init(png: Data, partial: Int? = nil) { (self.png, self.partial) = (png, partial) }
}

/// News of a job.
public enum JobUpdate: Sendable, Equatable {
  /// The record changed: its state, place or progress; with the preview of the step.
  case changed(JobRecord, preview: JobPreview?)
  /// An image is on disk; its file is fetched by the id, so it has none here.
  case image(id: String, JobImage)
}

/// How full the queue is.
public struct JobLoad: Sendable, Equatable {
  /// Images that were accepted and are not made yet.
  public var waiting: Int
  /// How many of them there may be.
  public var capacity: Int
  /// Seconds that an image takes, measured.
  public var secondsPerImage: Double
  /// Whether the server is stopping.
  public var isDraining: Bool

  /// Groups all of it.
  public init(waiting: Int, capacity: Int, secondsPerImage: Double, isDraining: Bool) {
    self.waiting = waiting
    self.capacity = capacity
    self.secondsPerImage = secondsPerImage
    self.isDraining = isDraining
  }
}
