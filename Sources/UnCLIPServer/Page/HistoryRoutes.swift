import Foundation
import HTTPTypes
public import Hummingbird
import HummingbirdCore
import Imaging

/// The routes of the history: `GET /history`, `GET` and `DELETE /history/{id}`,
/// `PUT` and `DELETE /history/{id}/favourite`, and `POST /history/search`.
///
/// They throw `HTTPError` and `JobRefusal`, which the server turns into the API's error objects.
public struct HistoryRoutes<Context: RequestContext>: Sendable {
  private let library: any ImageLibrary
  private let jobs: any JobService
  private let owner: @Sendable (Context) -> String?

  /// Makes the routes.
  ///
  /// - Parameters:
  ///   - library: The history.
  ///   - jobs: What embeds the words and images that are searched by.
  ///   - owner: The id of the key of a request; nil where the server asks for none.
  public init(
    library: any ImageLibrary, jobs: any JobService, owner: @escaping @Sendable (Context) -> String?
  ) {
    self.library = library
    self.jobs = jobs
    self.owner = owner
  }

  /// Adds the routes below `/history` to a group, such as that of `/v1`.
  public func add(to group: some RouterMethods<Context>) {
    let history = group.group("history")
    history.get { request, context in try await list(request, context) }
    history.post("search") { request, context in try await search(request, context) }
    history.get(":id") { _, context in
      let id = try id(context)
      return try json(try await library.libraryImage(id, owner: owner(context)) ?? missing(id))
    }
    history.delete(":id") { _, context in
      let id = try id(context)
      return try done(try await library.delete(id, owner: owner(context)), id)
    }
    history.put(":id/favourite") { _, context in try await mark(context, true) }
    history.delete(":id/favourite") { _, context in try await mark(context, false) }
  }

  private func list(_ request: Request, _ context: Context) async throws -> Response {
    var query = LibraryQuery(owner: owner(context))
    // Browsers write a space in a query as a plus.
    let uri = URI("/?" + (request.uri.query ?? "").replacing("+", with: "%20"))
    let parameters = uri.queryParameters
    func number(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
      guard let text = parameters[Substring(key)] else { return nil }
      guard let value = Int(text), range.contains(value) else {
        let least = "\(range.lowerBound)"
        let allowed =
          range.upperBound == .max ? "\(least) or more" : "\(least) to \(range.upperBound)"
        throw HTTPError(.badRequest, message: "'\(key)' must be an integer, \(allowed).")
      }
      return value
    }
    query.before = try number("before", in: 0 ... .max)
    query.limit = try number("limit", in: Self.limitRange) ?? query.limit
    switch parameters["favourite"] {
    case "true": query.favourites = true
    case nil, "false": break
    default: throw HTTPError(.badRequest, message: "'favourite' must be true or false.")
    }
    query.text = parameters["text"].map(String.init)
    return try json(try await library.images(query))
  }

  private func mark(_ context: Context, _ isFavourite: Bool) async throws -> Response {
    let id = try id(context)
    return try done(
      try await library.setFavourite(id, owner: owner(context), isFavourite), id)
  }

  // MARK: Search

  /// Range: images of an answer.
  private static var limitRange: ClosedRange<Int> { 1...200 }

  /// What is searched by: words or an image of the history.
  private struct Search: Decodable {
    var text: String?
    var image: String?
    var limit: Int?
  }

  private func search(_ request: Request, _ context: Context) async throws -> Response {
    let owner = owner(context)
    let type = HeaderValue(request.headers[.contentType] ?? "").name.lowercased()
    let isJSON = type == "application/json"
    let body = try await request.body.collect(
      upTo: isJSON ? BodyMiddleware.jsonLimit : UploadedImage.limits.bytes)
    let bytes = Data(body.readableBytesView)
    guard isJSON else {
      return try await nearest(to: try await embedding(ofFile: bytes, owner), owner, nil)
    }
    let search: Search
    do {
      search = try JSONDecoder().decode(Search.self, from: bytes)
    } catch {
      throw HTTPError(
        .badRequest,
        message: "The body must be a JSON object with 'text', or with 'image', the id of an image.")
    }
    if let limit = search.limit, !Self.limitRange.contains(limit) {
      throw HTTPError(.badRequest, message: "'limit' must be an integer, 1 to 200.")
    }
    switch (search.text, search.image) {
    case (let text?, nil):
      guard (1...1000).contains(text.unicodeScalars.count) else {
        throw HTTPError(.badRequest, message: "'text' must have 1 to 1000 characters.")
      }
      let source = JobRequest.Source(prompt: text)
      return try await nearest(to: try await embedding(of: source, owner), owner, search.limit)
    case (nil, let image?):
      if let embedding = try await library.embedding(of: image, owner: owner) {
        return try await nearest(to: embedding, owner, search.limit)
      }
      guard try await library.libraryImage(image, owner: owner) != nil,
        let file = try await jobs.imageFile(image)
      else { return try missing(image) }
      let embedding = try await embedding(ofFile: try Data(contentsOf: file), owner)
      return try await nearest(to: embedding, owner, search.limit)
    default:
      throw HTTPError(.badRequest, message: "Give one of 'text' and 'image'.")
    }
  }

  private func nearest(
    to embedding: [Float], _ owner: String?, _ limit: Int?
  ) async throws -> Response {
    try json(try await library.nearest(to: embedding, owner: owner, limit: limit ?? 48))
  }

  private func embedding(ofFile data: Data, _ owner: String?) async throws -> [Float] {
    do throws(ImageError) {
      _ = try ImageHeader.read(data, name: "The image")
    } catch {
      throw HTTPError(.badRequest, message: "\(error)")
    }
    return try await embedding(of: .init(file: try await jobs.store(data)), owner)
  }

  /// Runs a job that embeds a source.
  private func embedding(of source: JobRequest.Source, _ owner: String?) async throws -> [Float] {
    var request = JobRequest(.embed)
    request.sources = [source]
    let record = try await jobs.end(
      of: try await jobs.submit(request, owner: owner, deadline: Date() + 60, retryKey: nil))
    if case .invalid(let message, _)? = record.failure {
      throw HTTPError(.badRequest, message: message)
    }
    if let failure = record.failure { throw failure }
    guard let result = record.result,
      let embedding = try JSONDecoder().decode(EmbedResult.self, from: result).embeddings.first
    else { throw JobFailure.failed("The result of embedding is empty.") }
    return embedding.embedding
  }

  /// The result of an `embed` job.
  private struct EmbedResult: Decodable {
    struct Embedding: Decodable {
      var embedding: [Float]
    }
    var embeddings: [Embedding]
  }

  // MARK: Answers

  private func id(_ context: Context) throws -> String { try context.parameters.require("id") }

  private func missing<Value>(_ id: String) throws -> Value {
    throw HTTPError(.notFound, message: "There is no image '\(id.prefix(64))'.")
  }

  private func done(_ wasThere: Bool, _ id: String) throws -> Response {
    guard wasThere else { return try missing(id) }
    return Response(status: .noContent)
  }
}
