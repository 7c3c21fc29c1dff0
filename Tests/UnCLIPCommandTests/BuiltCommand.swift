import Foundation
import TestSupport
import Testing

/// The built `unclip`, run from the outside.
struct BuiltCommand {
  /// The result of a run.
  struct Outcome {
    var status: Int32
    var output: String
    var errors: String

    /// The lines of standard error.
    var errorLines: [Substring] { errors.split(separator: "\n") }
  }

  /// The command's file, beside the test bundle.
  static let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("unclip")

  /// Runs the command and waits for it.
  static func run(
    _ arguments: String..., environment: [String: String] = [:], in folder: URL? = nil
  ) throws -> Outcome {
    try run(arguments, environment: environment, in: folder)
  }

  /// Runs the command with a list of arguments.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], in folder: URL? = nil
  ) throws -> Outcome {
    try run(url, arguments, environment: environment, in: folder)
  }

  /// Runs a shell script in which `"$0"` is the command; for bytes that `Process` cannot pass.
  static func shell(_ script: String) throws -> Outcome {
    try run(URL(fileURLWithPath: "/bin/sh"), ["-c", script, url.path], environment: [:], in: nil)
  }

  private static func run(
    _ executable: URL, _ arguments: [String], environment: [String: String], in folder: URL?
  ) throws -> Outcome {
    let scratch = try TemporaryFolder()
    let files = ["output", "errors"].map(scratch.file)
    for file in files { try Data().write(to: file) }
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try process.run()
    process.waitUntilExit()
    let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
    return Outcome(status: process.terminationStatus, output: texts[0], errors: texts[1])
  }
}

/// Checks the exit code of a failed run, and that its errors end with one sentence that contains
/// `parts`.
func expectFailure(
  _ outcome: BuiltCommand.Outcome, status: Int32, saying parts: String...,
  at location: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
  let sentences = outcome.errorLines.filter {
    $0.hasPrefix("unclip: ") && !$0.hasPrefix("unclip: warning: ")
  }
  #expect(sentences.count == 1, "\(outcome.errors)", sourceLocation: location)
  #expect(sentences.last == outcome.errorLines.last, "\(outcome.errors)", sourceLocation: location)
  #expect(sentences.first?.hasSuffix(".") == true, "\(outcome.errors)", sourceLocation: location)
  for part in parts {
    #expect(outcome.errors.contains(part), "\(outcome.errors)", sourceLocation: location)
  }
}
