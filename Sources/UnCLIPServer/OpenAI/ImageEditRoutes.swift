import Files
import Foundation
import HTTPTypes
import Hummingbird

/// The OpenAI routes that begin with an image.
extension ImageRoutes {
  func addEdits(to group: some RouterMethods<ServerContext>) {
    group.post("images/edits") { request, context in
      let form = try await ImageForm.read(request, takesJSON: true)
      let asked = try GenerationRequest(
        form.fields, .edits, ignoringUnknown: ignoresUnknownFields)
      try await ImageWork.run { try UploadedImage.checkEdit(form.image, mask: form.mask) }
      return try await make(asked, form, request, context)
    }
    group.post("images/variations") { request, context in
      let form = try await ImageForm.read(request, takesJSON: false)
      let asked = try GenerationRequest(
        form.fields, .variations, ignoringUnknown: ignoresUnknownFields)
      guard form.mask == nil else { throw GenerationRequest.unknown("mask") }
      try await ImageWork.run {
        _ = try UploadedImage.square(form.image, field: "image")
        _ = try UploadedImage.decoded(form.image, field: "image")
      }
      return try await make(asked, form, request, context)
    }
  }

  private func make(
    _ asked: GenerationRequest, _ form: ImageForm, _ request: Request, _ context: ServerContext
  ) async throws -> Response {
    var job = asked.job(for: try await model(for: asked))
    job.sources = [.init(file: try await jobs.store(form.image))]
    if let mask = form.mask { job.mask = try await jobs.store(mask) }
    return try await make(asked, job, request, context)
  }
}
