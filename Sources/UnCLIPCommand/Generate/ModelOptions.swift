import ArgumentParser
import UnCLIP

/// `--low-memory` and `--memory`.
struct MemoryOptions: ParsableArguments {
  @Flag(help: "Keep one network in memory at a time; each image loads them again.")
  var lowMemory = false

  @Option(
    help: ArgumentHelp(
      "Stay within so much memory, \(least / 1_000_000)MB or more, as 9GB: networks are released, or "
        + "read again.",
      valueName: "size"))
  var memory: ByteCount?

  var isGiven: Bool { lowMemory || memory != nil }

  /// When the networks are in memory.
  var residency: UnCLIPPipeline.Residency {
    if let memory { return .within(memory.bytes) }
    return lowMemory ? .oneAtATime : .lasting
  }

  /// What the process takes, and a little for the networks.
  private static let least = NetworkMemory.process + 100_000_000

  func validate() throws {
    if let memory, memory.bytes < Self.least {
      throw ValidationError(
        "--memory is \(memory.bytes) bytes, but it must be \(Self.least / 1_000_000)MB or more: so "
          + "much the process takes."
      )
    }
    if lowMemory, memory != nil {
      throw ValidationError(
        "--low-memory and --memory cannot be given together; leave one of them out.")
    }
  }
}

/// `--model`, `--dtype`, `--low-memory` and `--memory`.
struct ModelOptions: ParsableArguments {
  @Option(name: [.customShort("m"), .long], help: ModelSearch.option, completion: .model)
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Element type to compute in; auto is bfloat16 where that is fast, else float32.",
      valueName: "type"))
  var dtype = ElementChoice.auto

  @OptionGroup var memory: MemoryOptions

  /// Opens the device and loads the model onto it, with `parts` beside text encoder and decoder.
  func open(
    on machine: MachineOptions, requiring parts: [ModelFolder.Part]
  ) throws -> UnCLIPPipeline {
    let device = try machine.prepare()
    let folder = try ModelSearch.current.folder(of: model)
    return try UnCLIPPipeline(
      ModelFolder(folder), requiring: parts, device: device,
      dtype: dtype.type(on: device).dtype, residency: memory.residency)
  }
}
