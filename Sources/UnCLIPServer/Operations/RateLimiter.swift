import Foundation
import HTTPTypes
import Hummingbird
import Synchronization

/// Limits the images that each key may ask for per minute.
///
/// A key has so many images at first and gets them back evenly, one every `60 / limit` seconds. A job
/// of more images than the limit is accepted when nothing is used, and paid off afterwards.
public final class RateLimiter: Sendable {
  /// Images per minute and key.
  public let limit: Int
  private let clock: ServerClock
  private let used = Mutex<[String: (images: Double, at: Date)]>([:])

  /// 60 images per minute.
  public static let defaultLimit = 60

  /// Makes a limiter.
  ///
  /// - Precondition: The limit is 1 or more.
  public init(imagesPerMinute limit: Int = defaultLimit, clock: ServerClock = .system) {
    precondition(limit >= 1, "a limit of \(limit) images")
    self.limit = limit
    self.clock = clock
  }

  /// What a key has left.
  struct Standing: Equatable {
    var limit: Int
    var remaining: Int
    /// Seconds until everything is left.
    var reset: Double
  }

  private var each: Double { 60 / Double(limit) }

  private func images(_ entry: (images: Double, at: Date)?, at now: Date) -> Double {
    guard let entry else { return 0 }
    return max(0, entry.images - now.timeIntervalSince(entry.at) / each)
  }

  /// Counts images of a key.
  ///
  /// - Throws: `JobRefusal.rate` when there are not so many left.
  func take(_ count: Int, of key: String) throws(JobRefusal) {
    let now = clock.now()
    let before: Double? = used.withLock { used in
      let before = images(used[key], at: now)
      guard before + Double(min(count, limit)) <= Double(limit) + 1e-6 else { return before }
      used[key] = (before + Double(count), now)
      return nil
    }
    guard let before else { return }
    let excess = before + Double(min(count, limit)) - Double(limit)
    throw .rate(
      limit: limit, current: Int((before + Double(count)).rounded(.up)), wait: excess * each)
  }

  /// Forgets images that were counted and are not made.
  func giveBack(_ count: Int, of key: String) {
    let now = clock.now()
    used.withLock { $0[key] = (max(0, images($0[key], at: now) - Double(count)), now) }
  }

  func standing(of key: String) -> Standing {
    let now = clock.now()
    let images = used.withLock { self.images($0[key], at: now) }
    return Standing(
      limit: limit, remaining: max(0, Int((Double(limit) - images + 1e-6).rounded(.down))),
      reset: images * each)
  }
}

/// A service that keeps each key to its images per minute; a repetition of a call is free.
struct LimitedJobs: JobService {
  let jobs: any JobService
  let limiter: RateLimiter

  func submit(
    _ request: JobRequest, owner: String?, deadline: Date?, retryKey: String?
  ) async throws(JobRefusal) -> JobRecord {
    guard let owner else {
      return try await jobs.submit(request, owner: nil, deadline: deadline, retryKey: retryKey)
    }
    let images = request.operation.makesImages ? max(1, request.count) : 1
    try limiter.take(images, of: owner)
    let start = Date()
    do throws(JobRefusal) {
      let record = try await jobs.submit(
        request, owner: owner, deadline: deadline, retryKey: retryKey)
      if retryKey != nil, record.created < start { limiter.giveBack(images, of: owner) }
      return record
    } catch {
      limiter.giveBack(images, of: owner)
      throw error
    }
  }

  func job(_ id: String, owner: String?) async throws -> JobRecord? {
    try await jobs.job(id, owner: owner)
  }

  func updates(of id: String) async -> AsyncStream<JobUpdate> { await jobs.updates(of: id) }
  func cancel(_ id: String) async { await jobs.cancel(id) }
  func abandon(_ id: String) async { await jobs.abandon(id) }
  func imageFile(_ id: String) async throws -> URL? { try await jobs.imageFile(id) }
  func store(_ data: Data) async throws(JobRefusal) -> String { try await jobs.store(data) }
  var load: JobLoad { get async { await jobs.load } }
}

/// Says what a key has left, on every answer to a call that may make images.
///
/// A call makes one image at least, so as many calls are left as images.
struct RateMiddleware: RouterMiddleware {
  let limiter: RateLimiter

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    guard request.method == .post, let key = context.key?.id else {
      return try await next(request, context)
    }
    do {
      var response = try await next(request, context)
      add(limiter.standing(of: key), to: &response.headers)
      return response
    } catch {
      var headers = HTTPFields()
      add(limiter.standing(of: key), to: &headers)
      throw HeadedError(error: error, headers: headers)
    }
  }

  private func add(_ standing: RateLimiter.Standing, to headers: inout HTTPFields) {
    for kind in ["requests", "images"] {
      headers[.known("x-ratelimit-limit-\(kind)")] = "\(standing.limit)"
      headers[.known("x-ratelimit-remaining-\(kind)")] = "\(standing.remaining)"
      headers[.known("x-ratelimit-reset-\(kind)")] = Self.text(of: standing.reset)
    }
  }

  /// A time as OpenAI writes it: `1s`, `6m0s`.
  static func text(of seconds: Double) -> String {
    let seconds = Int(seconds.rounded(.up))
    return seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s"
  }
}
