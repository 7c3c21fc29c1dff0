import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Imaging
import Testing

@testable import UnCLIPServer

struct ImageStreamTests {
  private struct Event: Decodable {
    var type: String
    var b64_json: Data
    var created_at: Int
    var size: String
    var quality: String
    var background: String
    var output_format: String
    var partial_image_index: Int?
    var image_index: Int
    var seed: UInt64
  }

  private func stream(
    _ script: ImageStandIn.Script, _ fields: String, path: String = "/v1/images/generations",
    _ check: @escaping @Sendable ([(name: String, data: Data)], String) throws -> Void
  ) async throws {
    try await ImageStandIn.serve(script) { client, _ in
      let response = try await client.execute(
        uri: path, method: .post, headers: [.contentType: "application/json"],
        body: ByteBuffer(string: #"{"prompt":"a","stream":true\#(fields)}"#))
      #expect(response.status == .ok)
      #expect(response.headers[.contentType] == "text/event-stream")
      let text = String(buffer: response.body)
      let events = text.components(separatedBy: "\n\n").filter { $0.hasPrefix("event: ") }
      try check(
        events.map { event in
          let lines = event.split(separator: "\n")
          return (String(lines[0].dropFirst(7)), Data(lines[1].dropFirst(6).utf8))
        }, text)
    }
  }

  @Test func partialImagesComeBeforeEachImage() async throws {
    let fields = #","n":2,"partial_images":2,"size":"256x256","seed":5"#
    try await stream(.images(steps: 9), fields) { events, _ in
      let read = try events.map { try JSONDecoder().decode(Event.self, from: $0.data) }
      let kinds = ["partial_image", "partial_image", "completed"].map { "image_generation.\($0)" }
      #expect(events.map(\.name) == kinds + kinds)
      #expect(read.map(\.type) == kinds + kinds)
      #expect(read.map(\.partial_image_index) == [0, 1, nil, 0, 1, nil])
      #expect(read.map(\.image_index) == [0, 0, 0, 1, 1, 1])
      #expect(read.map(\.seed) == [5, 5, 5, 6, 6, 6])
      for event in read {
        #expect(event.size == "256x256")
        #expect([event.quality, event.background] == ["standard", "opaque"])
        #expect(event.output_format == "png")
        #expect(event.created_at > 1_000_000_000)
        let side = event.partial_image_index == nil ? 256 : 8
        let header = try ImageHeader.read(event.b64_json, name: "image")
        #expect(header.width == side)
      }
    }
  }

  @Test func withoutPartialImagesEachImageIsOneEvent() async throws {
    let fields =
      #","size":"256x256","partial_images":0,"output_format":"jpeg","output_compression":50"#
    try await stream(.images(steps: 3), fields) { events, text in
      #expect(events.map(\.name) == ["image_generation.completed"])
      let event = try JSONDecoder().decode(Event.self, from: events[0].data)
      #expect(event.output_format == "jpeg")
      #expect(try ImageHeader.read(event.b64_json, name: "image").format == .jpeg)
      // Every step shows that the stream lives.
      #expect(text.contains(": keep-alive\n\n"))
    }
  }

  @Test func anEditHasEventsOfItsOwn() async throws {
    let address =
      "data:image/png;base64,"
      + ImageStandIn.png(side: 16, hole: true).base64EncodedString()
    let fields = #","size":"256x256","partial_images":1,"images":[{"image_url":"\#(address)"}]"#
    try await stream(.images(steps: 4), fields, path: "/v1/images/edits") { events, _ in
      #expect(events.map(\.name) == ["image_edit.partial_image", "image_edit.completed"])
    }
  }

  @Test(
    arguments: [
      (.fails(.outOfMemory), "out_of_memory"), (.stops, "shutting_down"),
      (.fails(.cancelled), "cancelled"),
    ] as [(ImageStandIn.Script, String)])
  func aStreamThatBreaksOffEndsWithItsError(
    _ script: ImageStandIn.Script, _ code: String
  ) async throws {
    struct Failure: Decodable {
      struct Body: Decodable {
        var message: String
        var code: String
      }
      var error: Body
    }
    try await stream(script, "") { events, _ in
      #expect(events.map(\.name) == ["error"])
      let failure = try JSONDecoder().decode(Failure.self, from: events[0].data)
      #expect(failure.error.code == code)
      #expect(!failure.error.message.isEmpty)
    }
  }

  @Test func aRefusedStreamIsAnErrorLikeAnyOther() async throws {
    try await ImageStandIn.serve { client, _ in
      for (fields, words) in [
        (#""partial_images":4"#, "4 is greater than the maximum of 3 - 'partial_images'"),
        (#""partial_images":"1""#, "'partial_images' must be an integer."),
        (#""response_format":"url""#, "A stream holds its images"),
        (#""steps":1001"#, "'steps'"),
      ] {
        let response = try await client.execute(
          uri: "/v1/images/generations", method: .post,
          headers: [.contentType: "application/json"],
          body: ByteBuffer(string: #"{"prompt":"a","stream":true,\#(fields)}"#))
        #expect(response.status == .badRequest)
        #expect(String(buffer: response.body).contains(words), "\(String(buffer: response.body))")
      }
    }
  }

  @Test func silenceIsBroken() async throws {
    let (stream, feed) = AsyncStream<JobUpdate>.makeStream()
    let record = JobRecord(
      id: "0", owner: nil, request: JobRequest(.generate, prompt: "a"), created: Date())
    var comments = 0
    try await stream.paced(by: .milliseconds(5)) { update in
      if update == nil { comments += 1 }
      if comments == 3 { feed.finish() } else { feed.yield(.changed(record, preview: nil)) }
    }
    #expect(comments >= 3)
  }

  // MARK: Leaving

  @Test func whoLeftIsNoFaultOfTheServer() {
    let error = APIError(CancellationError())
    #expect(error.status.code == 499)
    #expect(error.type == "invalid_request_error")
  }

  /// Sends bytes to a port of this machine and hangs up after the answer began, or at once.
  private static func call(_ port: Int, _ bytes: Data, waits: Bool) throws {
    let socket = socket(AF_INET, stream, 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) }
    }
    try #require(isConnected == 0)
    let sent = bytes.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, 0) }
    try #require(sent == bytes.count)
    guard waits else { return }
    var byte: UInt8 = 0
    try #require(recv(socket, &byte, 1, 0) == 1)
  }

  #if canImport(Darwin)
    private static let stream = SOCK_STREAM
  #else
    private static let stream = Int32(SOCK_STREAM.rawValue)
  #endif

  private static func request(_ body: String, length: Int? = nil) -> Data {
    Data(
      """
      POST /v1/images/generations HTTP/1.1\r
      Host: localhost\r
      Content-Type: application/json\r
      Content-Length: \(length ?? body.utf8.count)\r
      \r
      \(body)
      """.utf8)
  }

  private static func wait(for condition: () async -> Bool) async throws {
    for _ in 0..<500 where await !condition() { try await Task.sleep(for: .milliseconds(10)) }
    #expect(await condition())
  }

  @Test(arguments: [true, false])
  func whoLeavesGivesUpTheJob(_ streams: Bool) async throws {
    try await ImageStandIn.serve(.waits, live: true) { client, jobs in
      let port = try #require(client.port)
      let body = #"{"prompt":"a","stream":\#(streams)}"#
      let bytes = Self.request(body)
      let call = Thread { do { try Self.call(port, bytes, waits: streams) } catch {} }
      call.start()
      try await Self.wait { await jobs.abandoned == ["00"] }
    }
  }

  /// A body that breaks off, or of which the rest is not read, must not end the process.
  @Test func aBodyThatBreaksOffHurtsNobody() async throws {
    try await ImageStandIn.serve(.waits, live: true) { client, jobs in
      let port = try #require(client.port)
      for bytes in [
        Self.request(#"{"prompt":"#, length: 100), Self.request("", length: 10),
        Self.request(String(repeating: " ", count: 2 << 20), length: 4 << 20),
      ] {
        let call = Thread { do { try Self.call(port, bytes, waits: false) } catch {} }
        call.start()
      }
      try await Task.sleep(for: .milliseconds(200))
      let live = try await client.execute(uri: "/health/live", method: .get)
      #expect(live.status == .ok)
      #expect(await jobs.requests.isEmpty)
    }
  }
}
