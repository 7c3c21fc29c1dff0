import ArgumentParser
import Foundation
import Torch

/// `unclip doctor`: what this machine has, and what to do about what it lacks.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Show what was found: LibTorch, processor, devices, models.",
    discussion: """
      EXAMPLES:
        unclip doctor
        unclip doctor --json
      """)

  @OptionGroup var output: OutputOptions

  func run() throws {
    let report = DoctorReport.current
    if output.json {
      try Output.json(report)
    } else {
      try Output.line(report.text)
    }
  }
}

/// What `unclip doctor` prints.
struct DoctorReport: Sendable, Encodable {
  /// LibTorch's version and the file that was loaded.
  struct Library: Sendable, Encodable {
    var version: String
    var path: String?
    /// The instruction set its kernels were chosen for.
    var kernels: String
    /// Whether this processor multiplies matrices faster in bfloat16 than in float32.
    var fastBfloat16: Bool
  }

  /// A device, and the reason if it cannot be used.
  struct DeviceState: Sendable, Encodable {
    var name: String
    var problem: String?
  }

  /// This package's version.
  var version = Version.current
  var libtorch: Library
  var machine: Machine
  var threads: Int
  var devices: [DeviceState]
  /// Folders of the models found.
  var models: [String]
  /// What to do, a sentence each.
  var advice: [String]

  /// The report of this machine.
  static var current: DoctorReport {
    let folders = ModelSearch.current
    let machine = Machine.current
    let devices = [Device.cpu, .cuda(0)].map { device in
      do throws(DeviceError) {
        try device.require()
        return DeviceState(name: device.description, problem: nil)
      } catch {
        return DeviceState(name: device.description, problem: error.description)
      }
    }
    let models = folders.found.map(\.path)
    var advice: [String] = []
    if models.isEmpty {
      let roots = folders.roots.map(\.path).joined(separator: " or ")
      advice.append("Put a model folder into \(roots), or name one with --model.")
    }
    let sets = machine.instructionSets
    if !sets.contains("avx2"), !sets.contains("asimd") {
      advice.append("This processor has no AVX2; generating will be slow.")
    }
    return DoctorReport(
      libtorch: Library(
        version: libtorchVersion(), path: Machine.pathOfLibrary(Machine.libtorch),
        kernels: cpuCapability(), fastBfloat16: hasFastBFloat16),
      machine: machine, threads: threadCount, devices: devices, models: models, advice: advice)
  }

  /// The report as text.
  var text: String {
    func row(_ title: String, _ text: String) -> String {
      title + String(repeating: " ", count: 14 - title.count) + text
    }
    let library = [
      libtorch.version, libtorch.path ?? "unknown file", libtorch.kernels + " kernels",
      "bfloat16 is " + (libtorch.fastBfloat16 ? "fast" : "slow, stay with float32"),
    ]
    let processor = [
      machine.processor, "\(machine.cores) cores", "\(threads) threads in use",
      "\(machine.memory >> 30) GiB of memory",
    ]
    var lines = [
      row("unclip", version),
      row("LibTorch", library.joined(separator: ", ")),
      row("processor", processor.joined(separator: ", ")),
      row("instructions", machine.instructionSets.joined(separator: " ")),
    ]
    for device in devices {
      lines.append(row("device", "\(device.name): \(device.problem ?? "ready")"))
    }
    lines += models.map { row("model", $0) }
    lines += advice.map { row("to do", $0) }
    if advice.isEmpty { lines.append("Nothing is missing.") }
    return lines.joined(separator: "\n")
  }
}
