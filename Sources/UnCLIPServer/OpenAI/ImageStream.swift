import Foundation
import Imaging
import Synchronization

/// The images of a job as server-sent events, as OpenAI's API has them: `….partial_image` while an
/// image comes, `….completed` for each, and `error` when no more come.
struct ImageStream: Sendable {
  let asked: GenerationRequest
  let record: JobRecord
  /// Returns the stored file of an image.
  let png: @Sendable (String) async throws -> Data

  /// How many partial images were sent, by index of the image: one that is begun anew after a crash
  /// has them again.
  private let sent = SentImages()

  init(
    _ asked: GenerationRequest, _ record: JobRecord,
    png: @escaping @Sendable (String) async throws -> Data
  ) {
    self.asked = asked
    self.record = record
    self.png = png
  }

  private struct Event: Encodable {
    var type: String
    var base64: String
    var created: Int
    var size: String
    var quality = "standard"
    var background = "opaque"
    var format: String
    var partialIndex: Int?
    var index: Int
    var seed: UInt64

    enum CodingKeys: String, CodingKey {
      case type, size, quality, background, seed
      case base64 = "b64_json"
      case created = "created_at"
      case format = "output_format"
      case partialIndex = "partial_image_index"
      case index = "image_index"
    }
  }

  /// The event of an update; nil where it has none.
  func event(of update: JobUpdate) async throws -> ServerEvent? {
    switch update {
    case .changed(let now, let preview):
      if let failure = now.failure { return try Self.event(of: APIError(failure).forImages) }
      guard let preview, let number = preview.partial, let index = now.progress?.index,
        sent.take(number, of: index)
      else { return nil }
      let output = asked.output
      let file = try await ImageWork.run { try output.file(of: preview.png) }
      return try event("partial_image", file, index: index, partial: number)
    case .image(let id, let image):
      let file = try await asked.file(of: try await png(id))
      return try event("completed", file, index: image.index)
    }
  }

  /// The event that ends a stream without all of its images.
  static func event(of error: APIError) throws -> ServerEvent {
    ServerEvent("error", json: try error.json)
  }

  private func event(
    _ name: String, _ file: Data, index: Int, partial: Int? = nil
  ) throws -> ServerEvent {
    let type = "\(asked.route == .edits ? "image_edit" : "image_generation").\(name)"
    let event = Event(
      type: type, base64: file.base64EncodedString(),
      created: Int(record.created.timeIntervalSince1970), size: asked.sizeName,
      format: asked.output.format.rawValue.lowercased(), partialIndex: partial, index: index,
      seed: (record.request.seed ?? 0) &+ UInt64(index))
    return try ServerEvent(type, event)
  }
}

/// The partial images that were sent.
private final class SentImages: Sendable {
  private let counts = Mutex<[Int: Int]>([:])

  /// Whether a partial image of an image comes for the first time.
  func take(_ number: Int, of index: Int) -> Bool {
    counts.withLock { counts in
      guard number == counts[index, default: 0] else { return false }
      counts[index] = number + 1
      return true
    }
  }
}
