import Files
import Foundation
import Logging
import Synchronization

extension WorkerProcess {
  /// A process and what came of it.
  final class Child: Sendable {
    /// What happens to a process, in order.
    enum Event: Sendable {
      case packet(WorkerPacket)
      /// It sent what is no frame.
      case broken(WorkerProtocolError)
      case ended(ChildProcess.End)
      /// Time to look whether it lives.
      case tick
    }

    private struct State {
      var lines: [String] = []
      var killed: String?
      var isReady = false
      var silence = Silence()
    }

    let process: ChildProcess
    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let state = Mutex(State())
    private let sending = DispatchQueue(label: "unclip.worker.send")

    /// Takes a process and begins to read what it says.
    init(_ process: ChildProcess, log: @escaping @Sendable (String) -> Void) {
      self.process = process
      (events, continuation) = AsyncStream<Event>.makeStream()
      let continuation = continuation
      let errorsEnd = DispatchSemaphore(value: 0)
      Self.thread("unclip worker errors") { [self] in
        process.readErrors { line in
          state.withLock {
            $0.lines.append(line)
            if $0.lines.count > 20 { $0.lines.removeFirst() }
          }
          log(line)
        }
        errorsEnd.signal()
      }
      Self.thread("unclip worker") { [self] in
        do throws(WorkerProtocolError) {
          while let packet = try process.channel.receive() {
            state.withLock { $0.silence.end() }
            continuation.yield(.packet(packet))
          }
        } catch {
          continuation.yield(.broken(error))
        }
        // Its stream has ended, and so must it.
        DispatchQueue.global().asyncAfter(deadline: .now() + 5) {
          process.kill(SIGKILL)
        }
        let end = process.wait()
        // Why it ended stands in its last lines.
        _ = errorsEnd.wait(timeout: .now() + 1)
        continuation.yield(.ended(end))
        continuation.finish()
      }
    }

    private static func thread(_ name: String, _ body: @escaping @Sendable () -> Void) {
      let thread = Thread(block: body)
      thread.name = name
      thread.start()
    }

    /// The last lines of its standard error.
    var lines: [String] { state.withLock(\.lines) }

    /// Whether it has loaded its model.
    var isReady: Bool {
      get { state.withLock(\.isReady) }
      set { state.withLock { $0.isReady = newValue } }
    }

    /// Why we ended it; nil unless we did.
    var killed: String? { state.withLock(\.killed) }

    /// Looks whether it says anything, each `interval`, and returns how long it has not.
    func silence(each interval: Duration) -> Duration {
      state.withLock { $0.silence.look(at: .now, each: interval) }
    }

    /// Asks for a look at it.
    func tick() { continuation.yield(.tick) }

    /// Sends a message in order, without waiting; a process that has gone is noticed where it is read.
    func send(_ message: WorkerMessage) {
      sending.async { [process] in
        do { try process.channel.send(WorkerPacket(message)) } catch {}
      }
    }

    /// Ends the process.
    func kill(because reason: String) {
      state.withLock { if $0.killed == nil { $0.killed = reason } }
      process.kill(SIGKILL)
    }
  }

  /// Starts one process after the other until the worker is stopped.
  func live() async {
    while !isStopping {
      if let wait = configuration.backOff.prefix(max(0, failedStarts)).last {
        do { try await Task.sleep(for: wait) } catch { break }
        if isStopping { break }
      }
      failedStarts += 1
      starts += 1
      let began = ContinuousClock.now
      do {
        let process = try ChildProcess(
          configuration.executable, configuration.arguments,
          environment: configuration.environment)
        let logger = logger
        let child = Child(process) { line in
          logger.info("worker: \(line)", metadata: ["worker": "\(process.id)"])
        }
        self.child = child
        logger.debug("the worker process starts", metadata: ["worker": "\(process.id)"])
        await follow(child, since: began)
      } catch {
        logger.error("The worker process cannot be started: \(error).")
        if failedStarts >= 3 {
          failWaiting(.failed("The worker process cannot be started: \(error)."))
        }
      }
    }
  }

  /// Takes what a process says until it has ended.
  private func follow(_ child: Child, since began: ContinuousClock.Instant) async {
    let ticks = Task {
      while !Task.isCancelled {
        do { try await Task.sleep(for: interval) } catch { break }
        child.tick()
      }
    }
    defer { ticks.cancel() }
    for await event in child.events {
      switch event {
      case .packet(let packet): take(packet, of: child, since: began)
      case .broken(let error): child.kill(because: "\(error)")
      case .tick: look(at: child, since: began)
      case .ended(let end): ended(child, end)
      }
    }
  }

  /// The time between two looks at the process.
  private var interval: Duration { min(.seconds(1), configuration.silence / 4) }

  private func take(_ packet: WorkerPacket, of child: Child, since began: ContinuousClock.Instant) {
    switch packet.message {
    case .hello: break
    case .ready(let description):
      guard !isStopping else { return }
      child.isReady = true
      model = description
      refusal = nil
      memory = description.memory
      logger.info(
        "the model \(description.name) is loaded",
        metadata: [
          "worker": "\(child.process.id)", "seconds": "\((ContinuousClock.now - began).seconds)",
        ])
      runNext()
    case .refused(let reason):
      refusal = reason
      child.kill(because: "the model cannot be loaded: \(reason)")
      failWaiting(.failed(reason))
    case .pong(let memory):
      self.memory = memory
      model?.memory = memory
    case .step(let job, _), .image(let job, _), .result(let job):
      guard job == running?.id else { return strange(packet.message, child) }
      do {
        guard running?.cancelled == nil, let event = try packet.event() else { return }
        running?.continuation.yield(event.event)
      } catch {
        child.kill(because: "\(error)")
      }
    case .done(let job), .failed(let job, _):
      guard job == running?.id else { return strange(packet.message, child) }
      failedStarts = 0
      if case .failed(_, let failure) = packet.message { finish(failure) } else { finish(nil) }
      runNext()
    case .run, .cancel, .ping, .quit: strange(packet.message, child)
    }
  }

  /// Ends a process that says what cannot be said now.
  private func strange(_ message: WorkerMessage, _ child: Child) {
    // A job that was interrupted goes on until the process has ended.
    if isStopping { return }
    let name = "\(message)".prefix { $0 != "(" }
    child.kill(because: "it sent '\(name)' where none was due")
  }

  /// Ends a process that says nothing any more.
  private func look(at child: Child, since began: ContinuousClock.Instant) {
    let now = ContinuousClock.now
    if child.silence(each: interval) > configuration.silence, child.isReady {
      return child.kill(because: "it did not answer for \(configuration.silence.seconds) s")
    }
    if !child.isReady, now - began > configuration.loading {
      return child.kill(
        because: "it did not load its model in \(configuration.loading.seconds) s")
    }
    if let cancelled = running?.cancelled, now - cancelled > configuration.cancelling {
      return child.kill(
        because: "it did not end a cancelled job in \(configuration.cancelling.seconds) s")
    }
    if child.isReady { child.send(.ping) }
  }

  private func ended(_ child: Child, _ end: ChildProcess.End) {
    self.child = nil
    model = nil
    memory = 0
    let isWanted = isStopping && end == .status(0)
    var reason = child.killed
    if reason == nil {
      reason =
        switch end {
        case .status(let status): "it ended with status \(status)"
        case .signal(let signal): "it was ended by signal \(signal)"
        }
    }
    let last = child.lines.suffix(5)
    if !isWanted {
      logger.error(
        "the worker process is gone",
        metadata: [
          "worker": "\(child.process.id)", "reason": "\(reason ?? "")",
          "lines": "\(last.joined(separator: " | "))",
        ])
    }
    let failure: JobFailure
    if child.killed == nil, end == .signal(SIGKILL) || end == .status(71) {
      failure = .outOfMemory
    } else {
      failure = .crashed("The worker process ended during the job: \(reason ?? "").")
    }
    let wasReady = child.isReady
    finish(isStopping ? .interrupted : failure)
    // Who waits for a process that never gets so far would wait for ever.
    if !wasReady, failedStarts >= 3 {
      failWaiting(.crashed("The worker process does not start: \(reason ?? "")."))
    }
  }
}
