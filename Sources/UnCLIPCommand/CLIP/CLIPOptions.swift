import ArgumentParser
import CLIP
import Foundation

/// `--model` and `--dtype` of commands that need only a CLIP model.
struct CLIPOptions: ParsableArguments {
  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp(
      "Folder of a CLIP (transformers or open_clip) or of an unCLIP model, or the name of one that "
        + "'unclip models' lists; \(ModelSearch.standard) if not given.", valueName: "folder"),
    completion: .model)
  var model: String?

  @Option(help: ArgumentHelp("Element type to compute in.", valueName: "type"))
  var dtype = ElementType.float32

  /// Finds the folder by path or name.
  func folder() throws -> CLIPFolder {
    try CLIPFolder(ModelSearch.current.folder(of: model, for: .embedding))
  }
}
