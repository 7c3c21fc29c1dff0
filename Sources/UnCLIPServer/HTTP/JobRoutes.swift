import Foundation
import HTTPTypes
import Hummingbird

/// The routes of jobs: submit, state, events, result, cancel.
struct JobRoutes: Sendable {
  let jobs: any JobService

  func add(to group: some RouterMethods<ServerContext>) {
    group.post("jobs") { request, context in
      let asked = try await asked(request)
      let record = try await jobs.submit(
        asked, owner: context.key?.id, deadline: nil, retryKey: nil)
      context.notes.add("job", record.id)
      return try json(record, status: .accepted)
    }
    group.get("jobs/:id") { _, context in try json(try await record(context)) }
    group.delete("jobs/:id") { _, context in
      await jobs.cancel(try await record(context).id)
      return try json(try await record(context))
    }
    group.get("jobs/:id/result") { _, context in
      guard let result = try await record(context).result else {
        throw APIError("This job has no result yet, or makes images.", status: .notFound)
      }
      return Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: result)))
    }
    group.get("jobs/:id/events") { request, context in
      // Who listens may come again, so the job goes on without listeners.
      Response.events(of: try await record(context).id, jobs, to: request, left: {}, Self.event)
    }
  }

  /// Reads a job, and stores the files that come with it.
  private func asked(_ request: Request) async throws -> JobRequest {
    switch HeaderValue(request.headers[.contentType] ?? "").name.lowercased() {
    case "application/json":
      let body = try await request.body.collect(upTo: BodyMiddleware.jsonLimit)
      return try JobRequest.read(Data(body.readableBytesView))
    case "multipart/form-data":
      let form = try JobForm(try await request.formParts())
      try await form.store(in: jobs)
      return form.job
    default:
      throw APIError(
        "The body must be application/json or multipart/form-data.", status: .unsupportedMediaType)
    }
  }

  private func record(_ context: ServerContext) async throws -> JobRecord {
    let id = try context.parameters.require("id")
    guard let record = try await jobs.job(id, owner: context.key?.id) else {
      throw APIError("There is no job '\(id.prefix(64))'.", status: .notFound)
    }
    return record
  }

  /// A record with the preview of its step.
  private struct Event: Encodable {
    var record: JobRecord
    var preview: JobPreview?

    enum CodingKeys: String, CodingKey {
      case preview
      case partial = "partial_image_index"
    }

    func encode(to encoder: any Encoder) throws {
      try record.encode(to: encoder)
      var values = encoder.container(keyedBy: CodingKeys.self)
      try values.encodeIfPresent(preview?.png, forKey: .preview)
      try values.encodeIfPresent(preview?.partial, forKey: .partial)
    }
  }

  private struct ImageEvent: Encodable {
    var id: String
    var index: Int
    var seed: UInt64
    var width: Int
    var height: Int
  }

  private static func event(of update: JobUpdate) throws -> ServerEvent {
    switch update {
    case .changed(let record, let preview):
      try ServerEvent("job", Event(record: record, preview: preview))
    case .image(let id, let image):
      try ServerEvent(
        "image",
        ImageEvent(
          id: id, index: image.index, seed: image.seed, width: image.width, height: image.height))
    }
  }
}
