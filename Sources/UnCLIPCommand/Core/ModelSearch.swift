import Foundation

/// Where models are searched for, and the models found there.
struct ModelSearch: Sendable {
  /// The model that is used when none is named.
  static let standard = "small"
  /// The file every model folder has.
  static let index = "model_index.json"

  /// Folders that hold model folders, in the order in which they are searched.
  let roots: [URL]

  /// `$UNCLIP_MODELS`, `Models` in the working folder, and `Models` in a folder above the command.
  static var current: ModelSearch {
    let files = FileManager.default
    var roots: [URL] = []
    if let named = ProcessInfo.processInfo.environment["UNCLIP_MODELS"], !named.isEmpty {
      roots.append(URL(fileURLWithPath: named, isDirectory: true))
    }
    let work = URL(fileURLWithPath: files.currentDirectoryPath, isDirectory: true)
    roots.append(work.appendingPathComponent("Models"))
    let command = Bundle.main.executableURL ?? work
    var folder = command.resolvingSymlinksInPath()
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      let models = folder.appendingPathComponent("Models")
      guard files.fileExists(atPath: models.path) else { continue }
      if !roots.contains(where: { $0.standardizedFileURL.path == models.path }) {
        roots.append(models)
      }
      break
    }
    return ModelSearch(roots: roots)
  }

  /// Every model folder found, by name.
  var found: [URL] {
    roots.flatMap { root -> [URL] in
      let names = Self.entries(of: root).sorted()
      return names.map(root.appendingPathComponent).filter(Self.isModel)
    }
  }

  /// Finds the folder of a model given by path or by name; nil means the standard model.
  func folder(of name: String?) throws(CommandError) -> URL {
    let wanted = name ?? Self.standard
    let path = URL(fileURLWithPath: wanted, isDirectory: true)
    if name != nil, Self.isModel(path) { return path }
    if !wanted.contains("/") {
      for root in roots {
        let folder = root.appendingPathComponent(wanted, isDirectory: true)
        if Self.isModel(folder) { return folder }
      }
    }
    if name != nil, FileManager.default.fileExists(atPath: path.path) {
      throw .data("\(wanted) holds no \(Self.index), so it is not a model; name a model folder.")
    }
    let folders = roots.map(\.path).joined(separator: " or ")
    throw .unavailable(
      "There is no model \(wanted) in \(folders); name a model folder with --model.")
  }

  /// Whether a folder holds a model.
  static func isModel(_ folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent(index).path)
  }

  private static func entries(of folder: URL) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
    } catch {
      return []
    }
  }
}
