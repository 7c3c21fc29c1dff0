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

  private let partials: PartialImages

  init(
    _ asked: GenerationRequest, _ record: JobRecord,
    png: @escaping @Sendable (String) async throws -> Data
  ) {
    self.asked = asked
    self.record = record
    self.png = png
    partials = PartialImages(limit: asked.partialImages)
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
      guard let preview, let step = now.progress, let number = partials.take(step) else {
        return nil
      }
      let output = asked.output
      let file = try await ImageWork.run { try output.file(of: preview) }
      return try event("partial_image", file, index: step.index, partial: number)
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

/// Which previews are sent: so many of each image, evenly over its steps.
private final class PartialImages: Sendable {
  private let limit: Int
  /// How many were sent, by index of the image.
  private let sent = Mutex<[Int: Int]>([:])

  init(limit: Int) { self.limit = limit }

  /// The number of the preview of a step among those of its image; nil if it is not sent.
  func take(_ step: JobStep) -> Int? {
    sent.withLock { sent in
      let count = sent[step.index, default: 0]
      // What comes after the decoder is nearly the image.
      let isDue =
        step.stage != "decoder" || step.step * (limit + 1) >= (count + 1) * step.stepCount
      guard count < limit, isDue else { return nil }
      sent[step.index] = count + 1
      return count
    }
  }
}
