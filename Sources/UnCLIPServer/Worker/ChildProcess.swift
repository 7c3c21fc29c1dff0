import Foundation
import Synchronization

/// A process of its own group whose standard input and output are one socket of ours.
///
/// Foundation's `Process` puts no socket under both streams, and lets the child have descriptors
/// that other threads open meanwhile.
final class ChildProcess: Sendable {
  /// How a process ended.
  enum End: Sendable, Equatable {
    case status(Int32)
    case signal(Int32)
  }

  /// Why a process could not be started.
  struct StartError: Error, CustomStringConvertible {
    let description: String
  }

  /// Its number.
  let id: pid_t
  /// The stream to and from it.
  let channel: WorkerChannel
  private let errors: Int32
  /// Whether its number may belong to another process by now.
  private let isReaped = Mutex(false)

  /// Starts a program.
  /// - Throws: `StartError`.
  init(
    _ executable: URL, _ arguments: [String], environment: [String: String]
  ) throws(StartError) {
    let (own, other) = try Self.pair()
    let (read, write) = try Self.pair()
    defer {
      close(other)
      close(write)
    }
    channel = WorkerChannel(own)
    errors = read
    do {
      id = try Self.spawn(
        executable, arguments, environment, stream: other, errors: write)
    } catch {
      close(read)
      throw error
    }
  }

  deinit { close(errors) }

  /// Two connected descriptors above the standard ones that no other child gets.
  private static func pair() throws(StartError) -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    #if os(Linux)
      let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw failure("make a stream", errno) }
    for index in ends.indices {
      let moved = fcntl(ends[index], F_DUPFD_CLOEXEC, 3)
      let reason = errno
      close(ends[index])
      ends[index] = moved
      guard moved >= 0 else {
        for end in ends where end >= 0 { close(end) }
        throw failure("make a stream", reason)
      }
    }
    return (ends[0], ends[1])
  }

  #if os(Linux)
    /// The descriptors of this process, some of which libraries may open without close-on-exec.
    private static var openDescriptors: [Int32] {
      guard let folder = opendir("/proc/self/fd") else { return [] }
      defer { closedir(folder) }
      var found: [Int32] = []
      while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if let descriptor = Int32(name), descriptor != dirfd(folder) { found.append(descriptor) }
      }
      return found
    }
  #endif

  private static func failure(_ what: String, _ number: Int32) -> StartError {
    StartError(description: "cannot \(what): \(String(cString: strerror(number)))")
  }

  private static func spawn(
    _ executable: URL, _ arguments: [String], _ environment: [String: String], stream: Int32,
    errors: Int32
  ) throws(StartError) -> pid_t {
    #if os(Linux)
      var (actions, attributes) = (posix_spawn_file_actions_t(), posix_spawnattr_t())
    #else
      var (actions, attributes): (posix_spawn_file_actions_t?, posix_spawnattr_t?) = (nil, nil)
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_adddup2(&actions, stream, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, stream, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
    // A group of its own: Ctrl-C in a terminal is for the server, which lets jobs end first.
    posix_spawnattr_setpgroup(&attributes, 0)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    sigdelset(&all, SIGKILL)
    sigdelset(&all, SIGSTOP)
    posix_spawnattr_setsigdefault(&attributes, &all)
    #if os(Linux)
      let others: Int32 = 0
      for descriptor in openDescriptors where descriptor > STDERR_FILENO {
        posix_spawn_file_actions_addclose(&actions, descriptor)
      }
    #else
      let others = Int32(POSIX_SPAWN_CLOEXEC_DEFAULT)
    #endif
    let flags =
      Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGMASK)
      | Int32(POSIX_SPAWN_SETSIGDEF) | others
    posix_spawnattr_setflags(&attributes, Int16(flags))
    let words = ([executable.path] + arguments).map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in words + variables { free(text) } }
    var id: pid_t = 0
    let result = posix_spawn(&id, executable.path, &actions, &attributes, words, variables)
    guard result == 0 else { throw failure("start \(executable.path)", result) }
    return id
  }

  /// Sends it a signal, unless it has ended.
  func kill(_ signal: Int32) {
    isReaped.withLock { if !$0 { _ = Foundation.kill(id, signal) } }
  }

  /// Waits until it has ended; once.
  func wait() -> End {
    var info = siginfo_t()
    while waitid(P_PID, id_t(id), &info, WEXITED | WNOWAIT) == -1, errno == EINTR {}
    // Between the end and this no other process can have its number.
    return isReaped.withLock { isReaped in
      var status: Int32 = 0
      while waitpid(id, &status, 0) == -1, errno == EINTR {}
      isReaped = true
      let signal = status & 0x7F
      return signal == 0 ? .status(status >> 8 & 0xFF) : .signal(signal)
    }
  }

  /// Reads its standard error to the end, line by line; what is longer than 4 kB is cut.
  func readErrors(_ line: (String) -> Void) {
    var rest: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(errors, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      for byte in bytes[..<count] {
        if byte == UInt8(ascii: "\n") {
          line(String(decoding: rest, as: UTF8.self))
          rest = []
        } else if rest.count < 4096 {
          rest.append(byte)
        }
      }
    }
    if !rest.isEmpty { line(String(decoding: rest, as: UTF8.self)) }
  }
}
