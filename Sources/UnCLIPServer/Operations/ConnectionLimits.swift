import Files
public import Hummingbird
public import HummingbirdCore
public import Logging
import NIOCore
import NIOHTTP1

/// How many connections a server has, and how long each may keep it waiting.
public struct ConnectionLimits: Sendable {
  /// Time from a connection, or from the first byte of a further request, to the end of its header.
  public var header: Duration = .seconds(10)
  /// Time without a byte within a body.
  public var body: Duration = .seconds(30)
  /// Time between an answer and the next request.
  public var idle: Duration = .seconds(60)
  /// Time to read an answer that ends the connection, while the rest of the body is thrown away.
  public var farewell: Duration = .seconds(2)
  /// Connections at once; further ones wait until one is closed.
  public var connections = 1024

  /// The limits that a server has unless told otherwise.
  public init() {}

  /// Makes what speaks HTTP/1.1 within these limits; `.tls(…)` takes it too.
  public var server: HTTPServerBuilder {
    HTTPServerBuilder { responder in
      LimitedChannel(base: HTTP1Channel(responder: responder), limits: self)
    }
  }

  /// Makes the configuration of a server at an address.
  public func configuration(
    address: BindAddress, logger: Logger
  ) -> ApplicationConfiguration {
    ApplicationConfiguration(
      address: address,
      availableConnectionsDelegate: MaximumAvailableConnections(connections, logger: logger))
  }
}

/// HTTP/1.1 whose connections are closed when they are silent for too long.
private struct LimitedChannel: ServerChildChannel {
  typealias Value = HTTP1Channel.Value

  let base: HTTP1Channel
  let limits: ConnectionLimits

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    base.setup(channel: channel, logger: logger).flatMapThrowing { value in
      let pipeline = channel.pipeline.syncOperations
      let timer = ConnectionTimer(limits)
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
      try pipeline.addHandler(timer, position: .after(decoder))
      try pipeline.addHandler(ByteWatcher { timer.bytesArrived() }, position: .first)
      return value
    }
  }

  func handle(value: Value, logger: Logger) async {
    await base.handle(value: value, logger: logger)
  }
}

/// Says that bytes arrived, whatever they are.
private final class ByteWatcher: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let report: () -> Void

  init(_ report: @escaping () -> Void) { self.report = report }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    report()
    context.fireChannelRead(data)
  }
}

/// Closes a connection at the end of the time that its present state has.
private final class ConnectionTimer: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State { case header, body, answer, idle, farewell }

  private let header, body, idle, farewell: TimeAmount
  private var state = State.header
  private var context: ChannelHandlerContext?
  /// Requests that are not answered yet.
  private var waiting = 0
  /// Whether a request is being read.
  private var isReading = false
  /// Whether the answer ends the connection.
  private var isLast = false
  private var deadline: NIODeadline?
  private var alarm: (task: Scheduled<Void>, at: NIODeadline)?

  init(_ limits: ConnectionLimits) {
    header = TimeAmount(limits.header)
    body = TimeAmount(limits.body)
    idle = TimeAmount(limits.idle)
    farewell = TimeAmount(limits.farewell)
  }

  // MARK: Time

  private func enter(_ next: State) {
    state = next
    switch next {
    case .header: set(header)
    case .body: set(body)
    case .answer: deadline = nil
    case .idle: set(idle)
    case .farewell: set(farewell)
    }
  }

  private func set(_ time: TimeAmount) {
    guard let context else { return }
    let end = context.eventLoop.now + time
    deadline = end
    if let alarm, alarm.at <= end { return }
    schedule(end, context)
  }

  private func schedule(_ end: NIODeadline, _ context: ChannelHandlerContext) {
    alarm?.task.cancel()
    let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: end) { self.ring() }
    alarm = (task, end)
  }

  private func ring() {
    alarm = nil
    guard let context, let deadline else { return }
    if context.eventLoop.now >= deadline {
      context.close(promise: nil)
    } else {
      schedule(deadline, context)
    }
  }

  // MARK: What happens

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    enter(.header)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    alarm?.task.cancel()
    alarm = nil
    self.context = nil
  }

  func bytesArrived() {
    if state == .idle { enter(.header) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      waiting += 1
      isReading = true
      if state != .farewell { enter(.body) }
      if head.headers[canonicalForm: "expect"].contains("100-continue") { welcome(head, context) }
    case .body:
      if state == .body { enter(.body) }
    case .end:
      isReading = false
      if state == .farewell {
        context.close(promise: nil)
      } else if waiting > 0 {
        enter(.answer)
      } else {
        enter(.idle)
      }
    }
    context.fireChannelRead(data)
  }

  /// Asks for a body whose client waits to be asked, unless its length is too large.
  private func welcome(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let length = head.headers.first(name: "content-length").flatMap(Int.init) ?? 0
    guard length <= BodyMiddleware.limit else { return }
    let part = HTTPServerResponsePart.head(.init(version: head.version, status: .continue))
    context.writeAndFlush(wrapOutboundOut(part), promise: nil)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let part = unwrapOutboundIn(data)
    if case .head(let head) = part, head.headers[canonicalForm: "connection"].contains("close") {
      isLast = true
    }
    context.write(data, promise: promise)
    guard case .end = part else { return }
    waiting = max(0, waiting - 1)
    if isLast {
      enter(.farewell)
      guard !isReading else { return }
      context.flush()
      context.close(mode: .output, promise: nil)
    } else if waiting == 0, !isReading {
      enter(.idle)
    }
  }
}
