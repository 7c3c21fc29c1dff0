import Files
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Imaging
import Logging
import TestSupport
import UnCLIP

@testable import UnCLIPServer

/// Keeps files and jobs in memory, and ends each job as its script says.
actor ImageStandIn: JobService {
  /// What happens to a job.
  enum Script {
    /// Its images are made, after so many steps with previews, the first of them partial images.
    case images(steps: Int)
    case fails(JobFailure)
    /// It waits until it is given up.
    case waits
    /// The server stops before it ends.
    case stops
  }

  let script: Script
  let folder: TemporaryFolder
  private(set) var requests: [JobRequest] = []
  private(set) var retryKeys: [String?] = []
  private(set) var files: [String: Data] = [:]
  private(set) var abandoned: [String] = []
  private var records: [String: JobRecord] = [:]
  /// The streams that are left open.
  private var open: [AsyncStream<JobUpdate>.Continuation] = []

  init(_ script: Script) throws {
    self.script = script
    folder = try TemporaryFolder()
  }

  func submit(
    _ request: JobRequest, owner: String?, deadline: Date?, retryKey: String?
  ) async throws(JobRefusal) -> JobRecord {
    try request.check(for: Self.model)
    requests.append(request)
    retryKeys.append(retryKey)
    var record = JobRecord(
      id: "0\(records.count)", owner: owner, request: request, created: Date())
    record.request.seed = request.seed ?? 7
    records[record.id] = record
    return record
  }

  func job(_ id: String, owner: String?) async throws -> JobRecord? { records[id] }

  func updates(of id: String) async -> AsyncStream<JobUpdate> {
    let (stream, feed) = AsyncStream<JobUpdate>.makeStream()
    guard var record = records[id] else { return stream }
    feed.yield(.changed(record, preview: nil))
    record.state = .running
    switch script {
    case .waits:
      open.append(feed)
      return stream
    case .stops: break
    case .fails(let failure):
      (record.state, record.failure) = (.failed, failure)
      feed.yield(.changed(record, preview: nil))
    case .images(let steps):
      for index in 0..<record.request.count {
        for step in 0..<steps {
          record.progress = JobStep(
            stage: "decoder", step: step + 1, stepCount: steps, index: index,
            count: record.request.count)
          let partial = step < record.request.partialImages ? step : nil
          feed.yield(
            .changed(record, preview: JobPreview(png: Self.png(side: 8), partial: partial)))
        }
        let image = "a\(index)"
        record.images.append(image)
        feed.yield(
          .image(id: image, JobImage(index: index, seed: 7, width: 64, height: 64, png: Data())))
      }
      record.state = .done
      feed.yield(.changed(record, preview: nil))
    }
    records[id] = record
    feed.finish()
    return stream
  }

  func cancel(_ id: String) async { abandoned.append(id) }

  func imageFile(_ id: String) async throws -> URL? {
    let url = folder.url.appending(path: "\(id).png")
    try Self.png(side: 64).write(to: url)
    return url
  }

  func store(_ data: Data) async throws(JobRefusal) -> String {
    let hash = sha256(data)
    files[hash] = data
    return hash
  }

  var load: JobLoad { JobLoad(waiting: 0, capacity: 64, secondsPerImage: 1, isDraining: false) }

  // MARK: Images and models

  static let model = ModelDescription(
    name: "toy", version: "1", fingerprint: "ab", sizes: [64, 256], defaultSize: 256,
    operations: [.generate, .inpaint, .vary, .embed],
    parts: ["prior", "decoder", "image_encoder"], defaults: defaults)

  private static let defaults: Data = {
    do { return try JSONEncoder().encode(SamplingSettings()) } catch { fatalError("\(error)") }
  }()

  /// A PNG file of a square; `hole` makes its upper half transparent.
  static func png(side: Int, height: Int? = nil, hole: Bool = false) -> Data {
    let height = height ?? side
    var image = Image(
      width: side, height: height, color: hole ? [200, 100, 50, 255] : [200, 100, 50])
    if hole {
      image.paste(
        Image(width: side, height: height / 2, color: [0, 0, 0, 0]), x: 0, y: 0)
    }
    do { return Data(try PNGEncoder.encode(image)) } catch { fatalError("\(error)") }
  }

  /// Serves the routes over a stand-in.
  static func serve(
    _ script: Script = .images(steps: 0), live: Bool = false,
    _ body: @escaping @Sendable (any TestClientProtocol, ImageStandIn) async throws -> Void
  ) async throws {
    let jobs = try ImageStandIn(script)
    let routes = ServerRoutes(jobs: jobs, model: { Self.model }, linkSecret: Data("s".utf8))
    let router = routes.router(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await Application(router: router).test(live ? .live : .router) { client in
      try await body(client, jobs)
    }
  }
}

/// A form as a client writes it.
struct TestForm {
  private var body = Data()
  static let boundary = "0123456789abcdef"

  /// The fields, in order.
  init(_ fields: [(String, String)] = [], _ files: [(String, Data)] = []) {
    for (name, text) in fields { add(name, Data(text.utf8), "") }
    for (name, file) in files {
      add(name, file, "; filename=\"upload\"\r\nContent-Type: application/octet-stream")
    }
  }

  private mutating func add(_ name: String, _ content: Data, _ rest: String) {
    let head =
      "--\(Self.boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\(rest)\r\n\r\n"
    body += Data(head.utf8) + content + Data("\r\n".utf8)
  }

  /// Sends it.
  func post(_ client: any TestClientProtocol, _ path: String) async throws -> TestResponse {
    try await client.execute(
      uri: path, method: .post,
      headers: [.contentType: "multipart/form-data; boundary=\(Self.boundary)"],
      body: ByteBuffer(bytes: body + Data("--\(Self.boundary)--\r\n".utf8)))
  }
}
