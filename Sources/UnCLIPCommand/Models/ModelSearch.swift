import ArgumentParser
import CLIP
import Files
import Foundation
import ModelHub

/// Where models are searched for by name.
struct ModelSearch: Sendable {
  /// The model that is used when none is named.
  static let standard = "small"
  /// The file every unCLIP model has.
  static let index = "model_index.json"
  /// The variable of the environment that names folders of models.
  static let variable = "UNCLIP_MODELS"

  /// Folders that hold model folders, in the order in which they are searched.
  let roots: [URL]
  /// The models that `unclip pull` or huggingface_hub fetched.
  let cache: HubCache?

  /// What a model is wanted for, which says what its folder must hold.
  enum Purpose: Sendable {
    /// Generating images: a folder with `model_index.json`.
    case generating
    /// CLIP embeddings or a tokenizer: a CLIP in any layout, or an unCLIP model.
    case embedding
  }

  /// The search path in words, for help texts.
  static let help = """
    MODELS:
      --model takes the path of a model folder, or a name that is looked up in
      1. the folders of $\(variable), separated by colons
      2. Models in the working folder
      3. share/unclip/Models of the installation, or Models of the checkout
      4. unclip/Models in $XDG_DATA_HOME, or in ~/.local/share if it is not set
      5. the Hugging Face cache, which 'unclip pull' fills, by OWNER/NAME or NAME
    """

  /// The value of `--model` in help texts.
  static let option = ArgumentHelp(
    "A model folder, or the name of a model that 'unclip models' lists; \(standard) if not given.",
    valueName: "folder")

  /// The search path of this process.
  static var current: ModelSearch {
    let files = FileManager.default
    return ModelSearch(
      environment: ProcessInfo.processInfo.environment,
      work: URL(fileURLWithPath: files.currentDirectoryPath, isDirectory: true),
      home: files.homeDirectoryForCurrentUser, executable: Bundle.main.executableURL)
  }

  /// The search path in an environment.
  init(environment: [String: String], work: URL, home: URL, executable: URL?) {
    var roots: [URL] = []
    for path in (environment[Self.variable] ?? "").split(separator: ":") {
      roots.append(URL(fileURLWithPath: String(path), isDirectory: true))
    }
    roots.append(work.appending(path: "Models"))
    if let executable { roots.append(Self.models(near: executable.resolvingSymlinksInPath())) }
    // A shell's ~ is $HOME, whatever the list of users says.
    func folder(_ variable: String) -> URL? {
      guard let path = environment[variable], path.hasPrefix("/") else { return nil }
      return URL(fileURLWithPath: path, isDirectory: true)
    }
    let data =
      folder("XDG_DATA_HOME") ?? (folder("HOME") ?? home).appending(path: ".local/share")
    roots.append(data.appending(path: "unclip/Models"))
    var known: Set<String> = []
    self.init(
      roots: roots.map(\.standardizedFileURL).filter {
        known.insert($0.resolvingSymlinksInPath().path).inserted
      }, cache: HubCache(HubSettings.cache(environment: environment, home: home)))
  }

  /// Searches the given folders.
  init(roots: [URL], cache: HubCache? = nil) {
    (self.roots, self.cache) = (roots, cache)
  }

  /// The models that belong to a command: of a checkout whose `.build` it lies in, of an
  /// installation whose `bin` it lies in, else beside it.
  private static func models(near executable: URL) -> URL {
    let folder = executable.deletingLastPathComponent()
    var above = folder
    while above.path != "/" {
      let name = above.lastPathComponent
      above.deleteLastPathComponent()
      if name.hasPrefix(".build") { return above.appending(path: "Models") }
    }
    return folder.lastPathComponent == "bin"
      ? folder.deletingLastPathComponent().appending(path: "share/unclip/Models")
      : folder.appending(path: "Models")
  }

  /// The roots in words: `a, b or c`.
  var places: String {
    let paths = roots.map(\.path)
    guard let last = paths.last, paths.count > 1 else { return paths.joined() }
    return paths.dropLast().joined(separator: ", ") + " or " + last
  }

  /// The folders in the roots that hold a model or want to, in the order in which they are found.
  var found: [URL] {
    roots.flatMap { root in
      Self.entries(of: root).sorted()
        .map { root.appending(path: $0, directoryHint: .isDirectory) }
        .filter { FoundModel.Kind(of: $0) != nil }
    }
  }

  /// The names that find a model.
  var names: [String] {
    Set(found.map(\.lastPathComponent) + (cache?.pulled.map(\.name) ?? [])).sorted()
  }

  /// Finds the folder of a model given by path or by name; nil means the standard model.
  /// - Throws: `CommandError`, `CLIPFolderError.missing`.
  func folder(of name: String?, for purpose: Purpose = .generating) throws -> URL {
    let wanted = name ?? Self.standard
    let path = URL(fileURLWithPath: wanted, isDirectory: true)
    let isThere = name != nil && FileManager.default.fileExists(atPath: path.path)
    if isThere, purpose == .embedding || Self.isUnCLIP(path) { return path }
    if !wanted.contains("/") {
      for root in roots {
        let folder = root.appending(path: wanted, directoryHint: .isDirectory)
        switch purpose {
        case .generating: if Self.isUnCLIP(folder) { return folder }
        case .embedding: if FoundModel.Kind(of: folder) != nil { return folder }
        }
      }
    }
    let cached = isThere || name == nil ? nil : try pulled(wanted)
    if let cached, purpose == .embedding || Self.isUnCLIP(cached) { return cached }
    if let folder = isThere ? path : cached {
      let found =
        FoundModel.Kind(of: folder).map { "an unCLIP model but a \($0.text)" } ?? "a model"
      throw CommandError.data(
        "\(wanted) holds no \(Self.index), so it is not \(found); name a model folder.")
    }
    throw missing(name, for: purpose)
  }

  /// The folder of the pulled model that a name means; nil where none was.
  ///
  /// - Throws: `CommandError.usage` where several were.
  func pulled(_ name: String) throws(CommandError) -> URL? {
    let pulled = cache?.pulled(named: name) ?? []
    guard pulled.count > 1 else { return pulled.first?.folder }
    throw .usage(
      "\(name) is the name of several models that were pulled: "
        + "\(pulled.map(\.name).joined(separator: ", ")); give one of these names.")
  }

  /// What to do about a model that is not there.
  private func missing(_ name: String?, for purpose: Purpose) -> any Error {
    guard let name else {
      return CommandError.unavailable(
        "The bundled model \(Self.standard) is not in \(places); install the command with "
          + "'make install', name a model folder with --model, or set \(Self.variable) to the "
          + "folder that holds \(Self.standard).")
    }
    if let published = PublishedModel(named: name) {
      return CommandError.unavailable(published.advice(for: name))
    }
    guard !name.contains("/") else {
      if purpose == .embedding { return CLIPFolderError.missing(folder: name) }
      return CommandError.unavailable(
        "There is no folder \(name); name a model folder, or a model that 'unclip models' lists.")
    }
    return CommandError.unavailable(
      "There is no model \(name) in \(places); give --model the path of a model folder, or one of "
        + "the names that 'unclip models' lists.")
  }

  /// Whether a folder holds an unCLIP model.
  private static func isUnCLIP(_ folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: index).path)
  }

  /// The names in a folder that do not begin with a dot; none where it cannot be read.
  static func entries(of folder: URL) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { !$0.hasPrefix(".") }
    } catch {
      return []
    }
  }
}

// MARK: Completion

extension CompletionKind {
  /// The names of models, and folders that begin with what is typed.
  static let model = CompletionKind.custom { _, _, prefix in
    let search = ModelSearch.current
    let typed = prefix.trimmingCharacters(in: CharacterSet(charactersIn: "\"'"))
    let parent = typed.lastIndex(of: "/").map { String(typed[...$0]) } ?? ""
    let folder = URL(fileURLWithPath: parent.isEmpty ? "." : parent, isDirectory: true)
    let folders = ModelSearch.entries(of: folder).sorted()
      .filter { FileManager.default.isFolder(folder.appending(path: $0)) }
      .map { parent + $0 + "/" }
    return (search.names + folders).filter { $0.hasPrefix(typed) }
  }
}
