import ArgumentParser
import Config
import Foundation
import ModelHub

/// `unclip models`: the models on the search path.
struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List the models that are found, and what each can do.",
    discussion: """
      Of each model: its kind, the size of its files, its folder, the commands that can use it, the \
      sizes of its images, and how it samples unless asked otherwise. Configurations and the \
      headers of weights are checked; a model that cannot be used is listed with the reason.

      \(ModelSearch.help)

      EXAMPLES:
        unclip models
        unclip models small
        unclip models runs/decoder/model --json
      """)

  @Argument(
    help: ArgumentHelp(
      "Models by name or folder; all that are found if not given.", valueName: "model"),
    completion: .model)
  var models: [String] = []

  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    /// The folders that are searched, in their order.
    var searchPath: [String]
    var models: [FoundModel]
  }

  func run() throws {
    let search = ModelSearch.current
    let report = Report(
      searchPath: (search.roots + (search.cache.map { [$0.folder] } ?? [])).map(\.path),
      models: models.isEmpty ? search.models : try models.map(search.model))
    if output.json {
      try Output.json(report)
    } else {
      try Output.line(report.text)
    }
  }
}

extension ModelsCommand.Report {
  /// The report as text.
  fileprivate var text: String {
    let blocks =
      models.isEmpty
      ? [
        "No model is found; put a model folder into a folder that is searched, or fetch one with "
          + "'unclip pull'."
      ]
      : models.map(\.text)
    return (blocks + [(["searched:"] + searchPath.map { "  " + $0 }).joined(separator: "\n")])
      .joined(separator: "\n\n")
  }
}

extension ModelSearch {
  /// All models on the path.
  var models: [FoundModel] {
    var first: [String: String] = [:]
    let listed = found.compactMap { FoundModel($0) }
    let pulled = (cache?.pulled ?? []).filter { !Self.isForeign($0.folder) }
      .compactMap { FoundModel($0.folder, name: $0.name) }
    return (listed + pulled).map { model in
      var model = model
      if let path = first[model.name] {
        model.hiddenBy = path
      } else {
        first[model.name] = model.path
      }
      return model
    }
  }

  /// Whether a folder says that it holds a model of another family, as a cache that other programs
  /// use may have many of.
  private static func isForeign(_ folder: URL) -> Bool {
    func text(_ key: String, in file: String) -> String? {
      do {
        guard
          case .string(let text)? = try ConfigFile.object(at: folder.appending(path: file))[key]
        else { return nil }
        return text.lowercased()
      } catch {
        return nil
      }
    }
    let name = text("_class_name", in: index) ?? text("model_type", in: "config.json")
    return name.map { !$0.contains("clip") } ?? false
  }

  /// One model, by path or by name.
  fileprivate func model(_ name: String) throws -> FoundModel {
    let folder = try folder(of: name, for: .embedding)
    let pulled = cache?.pulled.first { $0.folder == folder }
    guard let model = FoundModel(folder, name: pulled?.name) else {
      throw CommandError.data("\(name) holds no model; name a model folder.")
    }
    return model
  }
}
