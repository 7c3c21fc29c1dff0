import Foundation
import HTTPTypes
import Hummingbird

/// An event of a stream of server-sent events.
///
/// Source: HTML Living Standard, section 9.2.6.
struct ServerEvent: Sendable, Equatable {
  /// The bytes of the event.
  let bytes: Data

  /// A comment, which clients pass over: it tells them that the stream lives.
  static let comment = ServerEvent(bytes: Data(": keep-alive\n\n".utf8))

  private init(bytes: Data) { self.bytes = bytes }

  /// Makes an event of JSON, which is one line.
  init(_ name: String, json: Data) {
    self.init(bytes: Data("event: \(name)\ndata: ".utf8) + json + Data("\n\n".utf8))
  }

  /// Makes an event of a value.
  init(_ name: String, _ value: some Encodable) throws {
    self.init(name, json: try JSONEncoder.server.encode(value))
  }
}

extension AsyncStream<JobUpdate> {
  /// Hands over each update, and nil every so often.
  ///
  /// The next update is fetched when `body` is done with one, so that only the newest states wait
  /// for a slow client.
  func paced(
    by silence: Duration, _ body: (JobUpdate?) async throws -> Void
  ) async throws {
    let (news, feed) = AsyncStream<JobUpdate?>.makeStream()
    let (taken, take) = AsyncStream<Void>.makeStream()
    let pump = Task {
      var taken = taken.makeAsyncIterator()
      for await update in self {
        feed.yield(update)
        await taken.next()
      }
      feed.finish()
    }
    let timer = Task {
      while true {
        try await Task.sleep(for: silence)
        feed.yield(nil)
      }
    }
    defer {
      pump.cancel()
      timer.cancel()
    }
    for await update in news {
      try await body(update)
      if update != nil { take.yield() }
    }
    try Task.checkCancellation()
  }
}

extension Response {
  /// The news of a job as server-sent events.
  ///
  /// - Parameters:
  ///   - id: The job.
  ///   - request: What is answered; its body has been read.
  ///   - silence: How often a comment says that the stream lives.
  ///   - stopped: The last event of a stream that ends before its job, as the server stops.
  ///   - left: What is done when the client leaves before the end.
  ///   - over: What is done at the end.
  ///   - event: Returns the event of an update; nil gives a comment.
  static func events(
    of id: String, _ jobs: any JobService, to request: Request,
    silence: Duration = .seconds(15), stopped: ServerEvent? = nil,
    left: @escaping @Sendable () async -> Void,
    over: @escaping @Sendable () async -> Void = {},
    _ event: @escaping @Sendable (JobUpdate) async throws -> ServerEvent?
  ) -> Response {
    let body = ResponseBody { writer in
      do {
        try await request.whileConnected {
          var isOver = false
          try await jobs.updates(of: id).paced(by: silence) { update in
            if case .changed(let record, _)? = update { isOver = record.state.isFinal }
            let found: ServerEvent? = if let update { try await event(update) } else { nil }
            try await writer.write(ByteBuffer(bytes: (found ?? .comment).bytes))
          }
          if !isOver, let stopped { try await writer.write(ByteBuffer(bytes: stopped.bytes)) }
        }
      } catch {
        await left()
        throw error
      }
      await over()
      try await writer.finish(nil)
    }
    return Response(
      status: .ok, headers: [.contentType: "text/event-stream", .connection: "close"], body: body)
  }
}

extension Request {
  /// Does work that is cancelled when the client leaves. The body has been read: Hummingbird's own
  /// way of watching a connection ends the process if a body breaks off meanwhile. A connection that
  /// was watched is closed after the answer, which has to say so.
  func whileConnected<Value: Sendable>(
    _ work: () async throws -> Value
  ) async throws -> Value {
    var request = self
    request.body = RequestBody(buffer: ByteBuffer())
    return try await request.body.consumeWithCancellationOnInboundClose { _ in try await work() }
  }
}
