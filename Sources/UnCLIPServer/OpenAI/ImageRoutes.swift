import Files
import Foundation
import HTTPTypes
import Hummingbird
import Imaging

/// The OpenAI routes: images, models, and files by signed address.
struct ImageRoutes: Sendable {
  let jobs: any JobService
  let model: @Sendable () async -> ModelDescription?
  let links: SignedLinks
  /// The history, which knows whose an image is; nil where there is none.
  let library: (any ImageLibrary)?
  /// What addresses begin with; nil takes what the client called the server.
  let publicURL: String?
  /// The scheme by which the server is reached.
  let scheme: String
  /// A further name of the model; nil for none.
  let alias: String?
  /// Whether fields that no route has are passed over.
  let ignoresUnknownFields: Bool
  let calls: RepeatedCalls
  let created = Date()

  func add(to group: some RouterMethods<ServerContext>) {
    group.post("images/generations") { request, context in
      try await generate(request, context)
    }
    addEdits(to: group)
    group.get("images/files/:file") { request, context in try await file(request, context) }
    group.get("models") { _, _ in try json(ModelList(data: try await models())) }
    group.get("models/:id") { _, context in
      let id = try context.parameters.require("id")
      guard let model = try await models().first(where: { $0.id == id }) else {
        throw noModel(id)
      }
      return try json(model)
    }
  }

  // MARK: Models

  private struct ModelEntry: Encodable {
    var id: String
    var object = "model"
    var created: Int
    var ownedBy = "unclip"

    enum CodingKeys: String, CodingKey {
      case id, object, created
      case ownedBy = "owned_by"
    }
  }

  private struct ModelList: Encodable {
    var object = "list"
    var data: [ModelEntry]
  }

  private func models() async throws(APIError) -> [ModelEntry] {
    let name = try await loaded().name
    return ([name] + [alias].compactMap { $0 }.filter { $0 != name }).map {
      ModelEntry(id: $0, created: Int(created.timeIntervalSince1970))
    }
  }

  private func loaded() async throws(APIError) -> ModelDescription {
    guard let model = await model() else { throw APIError(JobRefusal.notReady("The model loads.")) }
    return model
  }

  private func noModel(_ id: String) -> APIError {
    APIError(
      "The model `\(id.prefix(64))` does not exist", status: .notFound, param: "model",
      code: "model_not_found")
  }

  private func noImage(_ id: String) -> APIError {
    APIError("There is no image '\(id.prefix(64))'.", status: .notFound)
  }

  // MARK: Images

  private struct Entry: Encodable {
    var url: String?
    var base64: String?
    var seed: UInt64

    enum CodingKeys: String, CodingKey {
      case url, seed
      case base64 = "b64_json"
    }
  }

  private struct Answer: Encodable {
    var created: Int
    var data: [Entry]
  }

  private func generate(_ request: Request, _ context: ServerContext) async throws -> Response {
    let type = HeaderValue(request.headers[.contentType] ?? "").name.lowercased()
    guard type == "application/json" else {
      throw APIError("The body must be application/json.", status: .unsupportedMediaType)
    }
    let body = Data(
      try await request.body.collect(upTo: BodyMiddleware.jsonLimit).readableBytesView)
    let asked = try GenerationRequest(body, ignoringUnknown: ignoresUnknownFields)
    return try await make(asked, asked.job(for: try await model(for: asked)), request, context)
  }

  /// The model that a call asks for.
  func model(for asked: GenerationRequest) async throws(APIError) -> ModelDescription {
    let model = try await loaded()
    if let name = asked.model, name != model.name, name != alias { throw noModel(name) }
    return model
  }

  /// Submits a job and answers with its images, at once or one after the other.
  ///
  /// Repetitions of a call are known by what they ask for: their forms differ in the boundary.
  func make(
    _ asked: GenerationRequest, _ job: JobRequest, _ request: Request, _ context: ServerContext
  ) async throws -> Response {
    let seconds = request.headers[.readTimeout].flatMap(Double.init) ?? 600
    let deadline = Date() + (seconds.isFinite ? min(max(seconds, 0), 3600) : 600)
    let call = await calls.begin(
      "\(asked.route) \(context.key?.id ?? "") ".utf8 + (try JSONEncoder.server.encode(job)),
      isRepeated: (request.headers[.retryCount].flatMap { Int($0) } ?? 0) > 0)
    if let user = asked.user {
      context.notes.add("user", String(sha256(Data(user.utf8)).prefix(16)))
    }
    let record: JobRecord
    do {
      record = try await jobs.submit(
        job, owner: context.key?.id, deadline: deadline, retryKey: call.id)
    } catch {
      await calls.end(call)
      throw APIError(error).forImages
    }
    context.notes.add("job", record.id)
    if asked.streams {
      let stream = ImageStream(asked, record) { try await png($0) }
      var response = Response.events(
        of: record.id, jobs, to: request,
        stopped: try ImageStream.event(of: APIError(JobRefusal.draining)),
        left: { await leave(record, call) }, over: { await calls.end(call) }, stream.event)
      // By which others can follow and cancel it.
      response.headers[.jobID] = record.id
      return response
    }
    let address = publicURL ?? "\(scheme)://\(request.head.authority ?? "localhost")"
    do {
      let response = try await request.whileConnected {
        let done = try await jobs.end(of: record)
        guard done.state == .done else {
          var error = APIError(done.failure ?? .cancelled).forImages
          error.headers[.connection] = "close"
          throw error
        }
        var response = try json(try await answer(done, asked, address))
        response.headers[.connection] = "close"
        return response
      }
      await calls.end(call)
      return response
    } catch is CancellationError {
      await leave(record, call)
      throw CancellationError()
    } catch {
      await calls.end(call)
      throw error
    }
  }

  /// Leaves a job whose client has left; a repetition of the call finds it.
  private func leave(_ record: JobRecord, _ call: RepeatedCalls.Call) async {
    await calls.leave(call)
    await jobs.abandon(record.id)
  }

  private func answer(
    _ record: JobRecord, _ asked: GenerationRequest, _ address: String
  ) async throws -> Answer {
    var entries: [Entry] = []
    for (index, id) in record.images.enumerated() {
      var entry = Entry(seed: (record.request.seed ?? 0) &+ UInt64(index))
      if asked.isURL {
        let name = asked.fileName(of: id)
        let query = links.query(name.signed, now: Date())
        entry.url = "\(address)/v1/images/files/\(name.text)?\(query)"
      } else {
        entry.base64 = try await asked.file(of: try await png(id)).base64EncodedString()
      }
      entries.append(entry)
    }
    return Answer(created: Int(record.created.timeIntervalSince1970), data: entries)
  }

  func png(_ id: String) async throws -> Data {
    guard let url = try await jobs.imageFile(id) else {
      throw noImage(id)
    }
    return try Data(contentsOf: url)
  }

  private func file(_ request: Request, _ context: ServerContext) async throws -> Response {
    guard let name = ImageFileName(try context.parameters.require("file")) else {
      throw APIError("There is no such image.", status: .notFound)
    }
    let query = request.uri.queryParameters
    if let signature = query["sig"] {
      try links.check(
        name.signed, expiry: String(query["exp"] ?? ""), signature: String(signature), now: Date())
    } else if let owner = context.key?.id {
      guard try await library?.libraryImage(name.id, owner: owner) != nil else {
        throw noImage(name.id)
      }
    }
    let png = try await png(name.id)
    let file = try await ImageWork.run { try name.output.file(of: png, side: name.side) }
    return Response(
      status: .ok,
      headers: [.contentType: name.output.format.mediaType, .cacheControl: "private"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: file)))
  }
}
