import Foundation

/// A program of the system, run to its end.
enum Subprocess {
  struct Output {
    let status: Int32
    let standardOutput: [UInt8]
    let standardError: [UInt8]
  }

  /// Runs a program and collects its output.
  ///
  /// - Throws: Foundation's error if the program cannot be started.
  static func run(_ tool: String, _ arguments: [String], in folder: URL? = nil) throws -> Output {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [tool] + arguments
    if let folder { process.currentDirectoryURL = folder }
    // Errors go to a file: reading two pipes in turn could stall the program.
    let errors = FileManager.default.temporaryDirectory
      .appendingPathComponent("unclip-\(UUID().uuidString).log")
    try Data().write(to: errors)
    defer { unlink(errors.path) }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    if process.terminationStatus == 127 { throw CocoaError(.executableNotLoadable) }
    return Output(
      status: process.terminationStatus, standardOutput: [UInt8](output),
      standardError: [UInt8](try Data(contentsOf: errors)))
  }
}
