import ArgumentParser
import Datasets
import Distribution
import Foundation
import Torch

/// The entry point of the process, which turns errors into exit codes.
public enum CommandEntry {
  /// Runs the command line of this process and exits.
  public static func main() -> Never {
    Output.reserveStandardStreams()
    endWithSentenceWhenOutOfMemory()
    endWithSentenceWithoutRoomForThreads()
    cacheTensorMemory()
    DataWarnings.report { Output.warn($0 + ".") }
    let outcome =
      switch arguments() {
      case .success(let arguments): outcome(of: arguments)
      case .failure(let error): outcome(of: error)
      }
    if let sentence = outcome.sentence { Output.fail(sentence) }
    exit(outcome.status.rawValue)
  }

  /// Ends the process with a message when allocation fails, which no call can throw.
  private static func endWithSentenceWhenOutOfMemory() {
    onOutOfMemory {
      // Nothing can be allocated here, so the sentence is a constant.
      let sentence: StaticString =
        "unclip: There is not enough memory; do less at a time, or end other programs.\n"
      _ = write(STDERR_FILENO, sentence.utf8Start, sentence.utf8CodeUnitCount)
      _exit(71)  // ExitStatus.memory
    }
  }

  /// Ends the process with a message when its address space has no room for the stacks of threads,
  /// for which Dispatch would wait for ever.
  private static func endWithSentenceWithoutRoomForThreads() {
    let stacks = 64 << 20
    let room = mmap(nil, stacks, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0)
    guard room != MAP_FAILED else {
      Output.fail("There is not enough memory; raise its limit, or end other programs.")
      exit(ExitStatus.memory.rawValue)
    }
    munmap(room, stacks)
  }

  /// How a run ended, and its last message on standard error.
  struct Outcome: Equatable {
    var status: ExitStatus
    var sentence: String?
  }

  /// Runs the command with arguments, without the command's name.
  static func outcome(of arguments: [String]) -> Outcome {
    do {
      var command = try RootCommand.parseAsRoot(CommandWords.prepared(arguments))
      try command.run()
      return Outcome(status: .success)
    } catch  where ExitStatus.isParsing(error) && Processes.leaveToFirst(arguments) {
      // A failure would make mpirun end the first process, which may not have spoken yet.
      return Outcome(status: .success)
    } catch {
      return outcome(of: error)
    }
  }

  /// The arguments after the command's name.
  ///  Swift repairs bytes that are not UTF-8, which would change the prompt, so they are refused
  /// here.
  private static func arguments() -> Result<[String], CommandError> {
    var texts: [String] = []
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let bytes = CommandLine.unsafeArgv[index] else { break }
      guard let text = String(validatingCString: bytes) else {
        return .failure(.usage("Argument \(index) is not valid UTF-8; type it as UTF-8 text."))
      }
      texts.append(text)
    }
    return .success(texts)
  }

  /// Turns an error into the outcome; answers requests for help.
  private static func outcome(of error: any Error) -> Outcome {
    let status = ExitStatus(of: error)
    if case RankFailure.elsewhere = error { return Outcome(status: status) }
    guard status == .success else {
      return Outcome(status: status, sentence: sentence(for: error))
    }
    do throws(CommandError) {
      try Output.line(RootCommand.fullMessage(for: error))
      return Outcome(status: .success)
    } catch {
      return Outcome(status: error.status, sentence: sentence(for: error))
    }
  }

  /// Writes an error as one line that ends with a full stop.
  static func sentence(for error: any Error) -> String {
    var text: String
    if ExitStatus.isParsing(error) {
      let help = helpCommand(for: error)
      text = CommandWords.message(RootCommand.message(for: error), help: help)
      if text.hasSuffix(".") { text.removeLast() }
      text += "; see '\(help)'"
    } else {
      text = "\(error)"
    }
    text = text.split(whereSeparator: \.isNewline).joined(separator: " ")
    return Output.printable(text.hasSuffix(".") ? text : text + ".")
  }

  /// The command that explains the arguments at fault, read from the parser's full message.
  private static func helpCommand(for error: any Error) -> String {
    let pieces = RootCommand.fullMessage(for: error).split(separator: "'")
    let found = pieces.last { $0.hasPrefix("unclip ") && $0.hasSuffix(" --help") }
    return found.map(String.init) ?? "unclip --help"
  }
}
