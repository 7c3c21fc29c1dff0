import ArgumentParser
import CLIP
import Files
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

/// Image files given by their paths; a folder stands for all images in it.
enum ImageFiles {
  /// Extensions of the files that are read.
  static let extensions: Set<String> = ["png", "jpg", "jpeg", "webp"]

  /// Lists the files in order; those of a folder by path, without hidden ones.
  /// - Throws: `CommandError.data` for a path that does not exist, or a folder without images.
  static func all(_ paths: [String]) throws(CommandError) -> [String] {
    var found: [String] = []
    for path in paths {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        throw .noInput(
          "There is no image \(path); name PNG, JPEG or WebP files, or folders of them.")
      }
      guard isFolder.boolValue else {
        found.append(path)
        continue
      }
      let images: [String]
      do throws(FileError) {
        images = try FolderWalk(URL(fileURLWithPath: path, isDirectory: true)).files.filter {
          extensions.contains(URL(fileURLWithPath: $0).pathExtension.lowercased())
        }
      } catch {
        throw .data("\(path) cannot be read: \(error.reason).")
      }
      guard !images.isEmpty else {
        throw .data("\(path) holds no image; name a folder with PNG, JPEG or WebP files.")
      }
      let folder = path.hasSuffix("/") ? path : path + "/"
      found += images.map { folder + $0 }
    }
    return found
  }
}
