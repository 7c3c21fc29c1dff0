/// An error found by the command line itself; its text is one sentence that says what to do.
enum CommandError: Error, Equatable, CustomStringConvertible {
  /// Wrong arguments.
  case usage(String)
  /// An input without the expected content.
  case data(String)
  /// An input that is not there.
  case noInput(String)
  /// Something that is not on this machine.
  case unavailable(String)
  /// An output that cannot be created.
  case cannotCreate(path: String, reason: String, option: String = "--out")
  /// An output that is there already, which only `--force` replaces; its name may be no option's.
  case exists(path: String, option: String? = "--out")
  /// A result that cannot be written to standard output.
  case notPrinted(reason: String)
  /// An image that differs when it is generated again.
  case differs(String)

  var description: String {
    switch self {
    case .usage(let text), .data(let text), .noInput(let text), .unavailable(let text),
      .differs(let text):
      text
    case .exists(let path, let option?):
      "\(path) exists already; choose another name with \(option), or replace it with --force."
    case .exists(let path, nil):
      "\(path) exists already; replace it with --force."
    case .notPrinted(let reason):
      "The result cannot be written to standard output (\(reason)); redirect it to a "
        + "writable file."
    case .cannotCreate(let path, let reason, let option):
      "Cannot write \(path): \(reason); name another path with \(option)."
    }
  }

  var status: ExitStatus {
    switch self {
    case .usage: .usage
    case .data, .differs: .data
    case .noInput: .noInput
    case .unavailable: .unavailable
    case .cannotCreate, .exists: .cannotCreate
    case .notPrinted: .inputOutput
    }
  }
}
