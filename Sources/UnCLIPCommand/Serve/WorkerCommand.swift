import ArgumentParser
import Foundation
import Torch
import UnCLIP
import UnCLIPServer

extension WorkerProcess.Configuration {
  /// The worker of this program, with a server's options.
  ///
  /// - Parameters:
  ///   - options: What the server was asked for.
  ///   - device: The device of this worker.
  ///   - file: Finds a stored file by its SHA-256.
  init(_ options: ServeOptions, device: String, file: @escaping @Sendable (String) -> URL) {
    var arguments = ["worker", "--device", device]
    if let dtype = options.dtype { arguments += ["--dtype", dtype.rawValue] }
    if let name = options.model { arguments.append("--model=\(name)") }
    if options.memory.lowMemory { arguments.append("--low-memory") }
    if let limit = options.memory.memory { arguments += ["--memory", "\(limit.bytes)"] }
    if let threads = options.threads { arguments += ["--threads", "\(threads)"] }
    #if os(Linux)
      let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    #else
      let own = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    #endif
    self.init(executable: own, arguments: arguments, file: file)
  }
}

/// `unclip worker`: the process in which a server holds its model; not for people.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Run the jobs of a server, which starts it.",
    discussion: """
      It reads and writes frames of a protocol of its own on standard input and output.

      EXAMPLES:
        unclip worker --model small
      """,
    shouldDisplay: false)

  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func run() throws {
    let session = try WorkerSession()
    Self.offerToTheKernel()
    // The server decides when it ends: a signal to all processes, as systemd sends, would take the
    // jobs that the server lets end first.
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { signal(number, SIG_IGN) }
    session.listen()
    let maker: JobMaker
    do {
      maker = try JobMaker(model.open(on: machine, requiring: []))
      if model.memory.residency == .lasting { try maker.load() }
      session.send(.ready(maker.ready()))
    } catch {
      session.send(.refused(CommandEntry.sentence(for: error)))
      throw error
    }
    while true { session.runNext(with: maker) }
  }

  /// Makes the kernel end this process, and not the server, where memory is short.
  private static func offerToTheKernel() {
    #if os(Linux)
      let file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
      guard file >= 0 else { return }
      defer { close(file) }
      let score: StaticString = "800"
      _ = write(file, score.utf8Start, score.utf8CodeUnitCount)
    #endif
  }
}
