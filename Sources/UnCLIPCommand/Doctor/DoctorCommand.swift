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

  /// A model, and the reason if it cannot be used.
  struct ModelState: Sendable, Encodable {
    var name: String
    var path: String
    var kind: String
    var problem: String?
  }

  /// This package's version.
  var version = Version.current
  var libtorch: Library
  var machine: Machine
  var threads: Int
  /// Processes that ran or wanted to in the last minute, on average; nil where it is not known.
  var load: Double?
  /// The setting of how threads wait for each other, as the environment has it; nil if none.
  var waiting: String?
  /// The processor, and the GPUs if there are any.
  var devices: [DeviceState]
  /// Folders that are searched for models, in their order.
  var searchPath: [String]
  var models: [ModelState]
  /// What to do, a sentence each.
  var advice: [String]

  /// The report of this machine.
  static var current: DoctorReport {
    let search = ModelSearch.current
    let machine = Machine.current
    let models = search.models
    let gpus = gpus()
    var advice = gpus.compactMap(\.problem)
    if !models.contains(where: { $0.name == ModelSearch.standard && $0.problem == nil }) {
      advice.append(
        "The bundled model \(ModelSearch.standard) is not found, so name another with --model, or "
          + "put it into \(search.places).")
    }
    let sets = machine.instructionSets
    if !sets.contains("avx2"), !sets.contains("asimd") {
      advice.append("This processor has no AVX2; generating will be slow.")
    }
    return DoctorReport(
      libtorch: Library(
        version: libtorchVersion(), path: Machine.pathOfLibrary(Machine.libtorch),
        kernels: cpuCapability(), fastBfloat16: hasFastBFloat16),
      machine: machine, threads: threadCount, load: Machine.load,
      waiting: Machine.waiting,
      devices: [DeviceState(name: Device.cpu.description)] + gpus,
      searchPath: search.roots.map(\.path),
      models: models.map {
        ModelState(name: $0.name, path: $0.path, kind: $0.title, problem: $0.problem)
      }, advice: advice)
  }

  /// The GPUs; one that cannot be used has a problem, and none is no fault.
  private static func gpus() -> [DeviceState] {
    var found: [DeviceState] = []
    while true {
      let device = Device.cuda(found.count)
      do throws(DeviceError) {
        try device.require()
        found.append(DeviceState(name: device.description))
      } catch {
        if found.isEmpty, Machine.hasGPU {
          found.append(DeviceState(name: device.description, problem: error.description))
        }
        return found
      }
    }
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
    if let load { lines.append(row("load", Self.text(load: load, cores: machine.cores))) }
    if let waiting { lines.append(row("waiting", waiting)) }
    for device in devices {
      lines.append(row("device", "\(device.name): \(device.problem ?? "ready")"))
    }
    if devices.count == 1 { lines.append(row("device", "no GPU: the processor draws")) }
    lines += searchPath.map { path in
      let count = models.count { $0.path.hasPrefix(path + "/") }
      return row("searched", "\(path): " + (count == 1 ? "1 model" : "\(count) models"))
    }
    lines += models.map { model in
      let problem = model.problem.map { "cannot be used: \($0)" }
      return row("model", "\(model.name): \(problem ?? "\(model.kind), \(model.path)")")
    }
    lines += advice.map { row("to do", $0) }
    if advice.isEmpty { lines.append("Nothing is missing.") }
    return lines.joined(separator: "\n")
  }
  /// How busy the machine is.
  static func text(load: Double, cores: Int) -> String {
    let number = String(format: "%.1f", load)
    return load < max(1, Double(cores) / 2)
      ? "\(number) on \(cores) cores: idle enough"
      : "\(number) on \(cores) cores: busy; all takes longer while other programs run"
  }
}
