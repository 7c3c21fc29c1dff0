import ArgumentParser
import Files
import Foundation

extension NameSpecification {
  /// The names of the option for what a command writes.
  static let out: NameSpecification = [.customShort("o"), .long, .customLong("output")]
}

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
          "\(option) is -, but only a single PNG image can go to standard output; "
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
    /// Of the file, else of the folder it would be in; nil where that is not there either.
    private let identity: FileIdentity?
    /// The name of what does not exist yet.
    private let name: String

    init(_ url: URL) {
      if let file = FileIdentity(url) {
        (identity, name) = (file, "")
      } else if let folder = FileIdentity(url.deletingLastPathComponent()) {
        (identity, name) = (folder, url.lastPathComponent)
      } else {
        (identity, name) = (nil, url.standardizedFileURL.path)
      }
    }
  }
}
