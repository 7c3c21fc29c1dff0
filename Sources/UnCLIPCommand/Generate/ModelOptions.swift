import ArgumentParser
import UnCLIP

/// `--model` and `--dtype`.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A model folder, or the name of one in Models; \(ModelFolders.standard) if not given.",
      valueName: "folder"))
  var model: String?

  @Option(help: ArgumentHelp("Element type of the arithmetic.", valueName: "type"))
  var dtype = ElementType.float32
}

extension MachineOptions {
  /// Opens the device and loads the model of that path or name there.
  func load(
    _ model: String?, _ dtype: ElementType,
    drawingFrom sources: Set<UnCLIPPipeline.Source> = [.sentences]
  ) throws -> UnCLIPPipeline {
    let device = try prepare()
    let folder = try ModelFolders.current.folder(of: model)
    return try UnCLIPPipeline(
      ModelFolder(folder), drawingFrom: sources, device: device, dtype: dtype.dtype)
  }
}
