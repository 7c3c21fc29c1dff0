import AsyncHTTPClient
import Foundation
import NIOHTTP1

extension HubClient.Answer {
  /// Checks the status.
  ///
  /// - Throws: `HubFailure` for any that is no success.
  func check(
    _ repository: HubRepository, revision: String, file: String?, _ settings: HubSettings
  ) throws(HubFailure) {
    let status = Int(response.status.code)
    if status == 200 || status == 206 { return }
    let (id, endpoint) = (repository.id, settings.endpoint)
    let hasToken = settings.token != nil
    let message = response.headers.first(name: "X-Error-Message")
    let isFromHub = HubClient.isSameServer(url, endpoint)
    switch (status, response.headers.first(name: "X-Error-Code")) {
    case (_, "GatedRepo"): throw HubFailure(.gated(id, endpoint: endpoint, hasToken: hasToken))
    case (_, "RevisionNotFound"):
      throw HubFailure(.noRevision(revision, of: id, endpoint: endpoint))
    case (_, "EntryNotFound"): throw HubFailure(.noFile(file ?? "a file", of: id))
    case (401, _) where hasToken && isFromHub && message?.contains("credentials") == true:
      throw HubFailure(.badToken(endpoint: endpoint))
    // A hub does not tell strangers which private repositories there are.
    case (_, "RepoNotFound"),
      (401, _) where isFromHub,
      (404, _) where isFromHub:
      throw HubFailure(.noRepository(id, endpoint: endpoint, hasToken: hasToken))
    case (403, _) where isFromHub:
      throw HubFailure(.gated(id, endpoint: endpoint, hasToken: hasToken))
    case (429, _):
      let wait = HubFailure.wait(response.headers)
      throw HubFailure(
        .limited(endpoint: endpoint, seconds: Int((wait ?? 60).rounded(.up))), mayPass: true,
        wait: wait)
    default:
      // An address that has run out is made anew by the hub.
      let mayPass = status >= 500 || status == 408 || (!isFromHub && [403, 410].contains(status))
      throw HubFailure(
        .status(status, url: url, message: message), mayPass: mayPass,
        wait: status == 503 ? HubFailure.wait(response.headers) : nil)
    }
  }

  /// The hash by which the hub names the content; nil where it does not say.
  var tag: String? {
    let text = header("X-Linked-Etag") ?? hops.first?.first(name: "ETag")
    guard var tag = text?.trimmingCharacters(in: .whitespaces) else { return nil }
    if tag.hasPrefix("W/") { tag.removeFirst(2) }
    tag = tag.trimmingCharacters(in: CharacterSet(charactersIn: "\"")).lowercased()
    // Mirrors have tags of their own.
    return [40, 64].contains(tag.utf8.count) && HubRepository.isHexadecimal(tag) ? tag : nil
  }

  /// Whether the answer is the rest of a file of `size` bytes from `start` on.
  func isRange(from start: Int64, size: Int64) -> Bool {
    guard let text = response.headers.first(name: "Content-Range"),
      let match = text.wholeMatch(of: /\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)\s*/)
    else { return false }
    return Int64(match.1) == start && Int64(match.2) == size - 1
      && (match.3 == "*" || Int64(match.3) == size)
  }
}

/// A failed attempt.
struct HubFailure: Error {
  let error: HubError
  /// Whether the same may succeed later.
  let mayPass: Bool
  /// How long the hub asks to wait, seconds.
  let wait: Double?

  init(_ error: HubError, mayPass: Bool = false, wait: Double? = nil) {
    self.error = error
    self.mayPass = mayPass
    self.wait = wait
  }

  /// How long an answer asks to wait: `Retry-After` in seconds or as a date, or `RateLimit`'s `t`.
  static func wait(_ headers: HTTPHeaders, now: Date = Date()) -> Double? {
    if let text = headers.first(name: "Retry-After")?.trimmingCharacters(in: .whitespaces) {
      if let seconds = Double(text), seconds.isFinite, seconds >= 0 { return min(seconds, 1e6) }
      let format = DateFormatter()
      format.locale = Locale(identifier: "en_US_POSIX")
      format.timeZone = TimeZone(secondsFromGMT: 0)
      format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
      if let date = format.date(from: text) { return max(0, date.timeIntervalSince(now)) }
    }
    if let text = headers.first(name: "RateLimit"),
      let match = text.firstMatch(of: /;\s*t=(\d{1,6})/)
    {
      return Double(match.1)
    }
    return nil
  }
}
