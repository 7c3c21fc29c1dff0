import Foundation
import Torch

/// Runs the named cases, or all, and prints one JSON line each.
let cases: [(name: String, run: () throws -> Void)] = [
  ("op", smallOperation),
  ("training-step", decoderTrainingStep),
  ("classics", classicTrainingSteps),
]
cacheTensorMemory()
let wanted = CommandLine.arguments.dropFirst()
for name in wanted where !cases.contains(where: { $0.name == name }) {
  FileHandle.standardError.write(
    Data("no case '\(name)'; there are \(cases.map(\.name).joined(separator: ", ")).\n".utf8))
  exit(64)
}
for entry in cases where wanted.isEmpty || wanted.contains(entry.name) { try entry.run() }
