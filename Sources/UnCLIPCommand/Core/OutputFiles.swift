import ArgumentParser
import Files
import Foundation

/// A file or folder that a command will write.
struct OutputFile: Equatable {
  var url: URL
  /// The option that names it.
  var option = "--out"

  /// Names a file by its path.
  init(_ path: String, option: String = "--out") {
    url = URL(fileURLWithPath: path)
    self.option = option
  }

  /// Whether something has the name; a link whose target is gone has it too.
  static func exists(_ url: URL) -> Bool {
    var status = stat()
    return lstat(url.path, &status) == 0
  }
}

/// `--force`, and the check of everything that a command will write, made before any work.
struct OutputFiles: ParsableArguments {
  @Flag(help: "Replace files that exist.")
  var force = false

  /// Checks that nothing is lost when the files are written: none exists, unless `--force` is
  /// given, no two are one file, and none is read, by whatever name.
  ///
  /// - Parameters:
  ///   - outputs: What the command will write.
  ///   - inputs: Paths of what it reads.
  ///   - replacesFolders: Whether an output is a folder, which `--force` replaces whole.
  /// - Throws: `CommandError.usage`, `.exists` and `.cannotCreate`.
  func check(
    _ outputs: [OutputFile], inputs: [String] = [], replacesFolders: Bool = false
  ) throws(CommandError) {
    let read = inputs.map { (path: $0, place: Place(URL(fileURLWithPath: $0))) }
    var taken: [Place: OutputFile] = [:]
    for output in outputs {
      let (path, option) = (output.url.path, output.option)
      let place = Place(output.url)
      if output.url.lastPathComponent == "-" {
        throw .usage(
          "\(option) is -, but only one PNG image of generate or vary can go to standard output; "
            + "name a file.")
      }
      if let other = taken.updateValue(output, forKey: place) {
        let both = other.option == option ? "\(option) names" : "\(other.option) and \(option) name"
        throw .usage("\(both) \(path) twice; choose two names.")
      }
      if let input = read.first(where: { $0.place == place }) {
        throw .usage(
          "\(option) is \(path), which is the input \(input.path); choose another name.")
      }
      if !replacesFolders, FileManager.default.isFolder(output.url) {
        throw .cannotCreate(path: path, reason: "a folder of that name exists", option: option)
      }
      if !force, OutputFile.exists(output.url) { throw .exists(path: path, option: option) }
      let folder = output.url.deletingLastPathComponent()
      guard replacesFolders || FileManager.default.isFolder(folder) else {
        throw .cannotCreate(
          path: path, reason: "there is no folder \(folder.path)", option: option)
      }
    }
  }

  /// What a path leads to, the same for all its names.
  private struct Place: Hashable {
    private var device: UInt64 = 0
    private var node: UInt64 = 0
    /// The name in the folder, of what does not exist yet.
    private var name = ""

    init(_ url: URL) {
      var status = stat()
      if stat(url.path, &status) != 0 {
        name = url.lastPathComponent
        let folder = url.deletingLastPathComponent()
        if stat(folder.path, &status) != 0 {
          name = url.standardizedFileURL.path
          return
        }
      }
      (device, node) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }
  }
}
