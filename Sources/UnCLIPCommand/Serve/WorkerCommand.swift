import ArgumentParser
import Foundation
import Torch
import UnCLIP
import UnCLIPServer

/// `unclip worker`: the process in which `unclip serve` holds its model; not for people.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Run the jobs of a server (unclip serve starts it).",
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
      if !model.lowMemory { try maker.load() }
      session.send(.ready(try maker.description()))
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
