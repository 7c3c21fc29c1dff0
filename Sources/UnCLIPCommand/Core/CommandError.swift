/// A fault found by the command line itself; the text is one sentence that says what to do.
enum CommandError: Error, Equatable, CustomStringConvertible {
  /// Arguments that cannot be meant.
  case usage(String)
  /// An input that does not hold what it should.
  case data(String)
  /// Something that is not on this machine.
  case unavailable(String)
  /// An output that cannot be made.
  case cannotCreate(path: String, reason: String, option: String = "--out")
  /// A result that standard output does not take.
  case notPrinted(reason: String)
  /// An image drawn again that is not the same.
  case differs(String)

  var description: String {
    switch self {
    case .usage(let text), .data(let text), .unavailable(let text), .differs(let text): text
    case .notPrinted(let reason):
      "The result cannot be written to standard output (\(reason)); direct it to a place that "
        + "takes it."
    case .cannotCreate(let path, let reason, let option):
      "Cannot write \(path): \(reason); name another place with \(option)."
    }
  }

  var status: ExitStatus {
    switch self {
    case .usage: .usage
    case .data, .differs: .data
    case .unavailable: .unavailable
    case .cannotCreate: .cannotCreate
    case .notPrinted: .inputOutput
    }
  }
}
