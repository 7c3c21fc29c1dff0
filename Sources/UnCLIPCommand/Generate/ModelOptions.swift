import ArgumentParser
import UnCLIP

/// `--model`, `--dtype` and `--low-memory`.
struct ModelOptions: ParsableArguments {
  @Option(name: [.customShort("m"), .long], help: ModelSearch.option, completion: .model)
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Element type to compute in; auto is bfloat16 where that is fast, else float32.",
      valueName: "type"))
  var dtype = ElementChoice.auto

  @Flag(help: "Keep one network in memory at a time; each image loads them again.")
  var lowMemory = false

  /// Opens the device and loads the model onto it, with `parts` beside text encoder and decoder.
  func open(
    on machine: MachineOptions, requiring parts: [ModelFolder.Part]
  ) throws -> UnCLIPPipeline {
    let device = try machine.prepare()
    let folder = try ModelSearch.current.folder(of: model)
    return try UnCLIPPipeline(
      ModelFolder(folder), requiring: parts, device: device,
      dtype: dtype.type(on: device).dtype, residency: lowMemory ? .oneAtATime : .lasting)
  }
}
