import Dispatch
import Foundation
import Synchronization
import Torch
import UnCLIPServer

/// The worker's end of the stream to the server: a thread listens while the main thread computes.
final class WorkerSession: Sendable {
  /// A job as the server sends it.
  private struct Job {
    let number: UInt64
    let request: JobRequest
    let files: [String: String]
  }

  private struct State {
    var jobs: [Job] = []
    /// The last job that was cancelled; numbers ascend.
    var cancelled: UInt64?
  }

  private let channel: WorkerChannel
  private let state = Mutex(State())
  private let arrived = DispatchSemaphore(value: 0)

  /// Takes standard input and output, which a server has made one socket; what the libraries print
  /// goes to standard error from now on.
  ///
  /// - Throws: `CommandError.usage` where they are none.
  init() throws(CommandError) {
    var kind: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 else {
      throw .usage("unclip worker is started by unclip serve; start that.")
    }
    let stream = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
    let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard stream >= 0, nothing >= 0, dup2(nothing, STDIN_FILENO) >= 0,
      dup2(STDERR_FILENO, STDOUT_FILENO) >= 0
    else { throw .unavailable("The server's stream cannot be taken.") }
    close(nothing)
    channel = WorkerChannel(stream)
    send(.hello(process: getpid()))
  }

  /// Begins to take what the server sends.
  func listen() {
    let thread = Thread { [self] in
      do throws(WorkerProtocolError) {
        while let packet = try channel.receive() { take(packet.message) }
      } catch {
        Output.fail("\(error).")
        _exit(ExitStatus.software.rawValue)
      }
      // The server has gone, or wants the end; nothing is on disk that could be half-written.
      _exit(ExitStatus.success.rawValue)
    }
    thread.name = "unclip worker"
    thread.start()
  }

  private func take(_ message: WorkerMessage) {
    switch message {
    case .run(let number, let request, let files):
      state.withLock { $0.jobs.append(Job(number: number, request: request, files: files)) }
      arrived.signal()
    case .cancel(let job): state.withLock { $0.cancelled = job }
    case .ping: send(.pong(memory: residentMemory()))
    case .quit: _exit(ExitStatus.success.rawValue)
    default:
      Output.fail("The server sent what only a worker sends.")
      _exit(ExitStatus.software.rawValue)
    }
  }

  /// Waits for a job and runs it.
  func runNext(with maker: JobMaker) {
    arrived.wait()
    guard let job = state.withLock({ $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }) else {
      return
    }
    do {
      try maker.run(job.request, files: job.files) { event in
        if state.withLock({ $0.cancelled == job.number }) { throw JobFailure.cancelled }
        if let event { try send(WorkerPacket(event, job: job.number)) }
      }
      send(.done(job: job.number))
    } catch {
      send(.failed(job: job.number, maker.failure(of: error, in: job.request)))
    }
  }

  /// Sends a message.
  func send(_ message: WorkerMessage) {
    do throws(WorkerProtocolError) { try send(WorkerPacket(message)) } catch {
      Output.fail("\(error).")
      _exit(ExitStatus.inputOutput.rawValue)
    }
  }

  private func send(_ packet: WorkerPacket) throws(WorkerProtocolError) {
    do throws(WorkerProtocolError) { try channel.send(packet) } catch .stream {
      // The server has gone.
      _exit(ExitStatus.success.rawValue)
    } catch {
      throw error
    }
  }
}

/// Bytes of this process in memory; the most it had where the system does not say.
func residentMemory() -> Int {
  #if os(Linux)
    guard let file = fopen("/proc/self/statm", "r") else { return peakMemory() }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), file) != nil else { return peakMemory() }
    let fields = line.withUnsafeBufferPointer { characters in
      characters.baseAddress.map { String(cString: $0) } ?? ""
    }.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return peakMemory() }
    return pages * sysconf(Int32(_SC_PAGESIZE))
  #else
    return peakMemory()
  #endif
}
