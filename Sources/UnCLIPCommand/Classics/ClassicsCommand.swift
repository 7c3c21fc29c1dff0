import ArgumentParser
import Classics
import Config
import Foundation

/// `unclip classics`: the trained models that led to unCLIP.
struct ClassicsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "classics",
    abstract: "Use GAN, AE, DAE, VAE and VQ-VAE: the road to unCLIP.",
    discussion: """
      They are trained by \
      `unclip train \(ClassicKind.allCases.map(\.rawValue).joined(separator: "|"))`. \
      A model is named by its folder, or by the name of its run in --runs.

      EXAMPLES:
        unclip train vae --config Configs/fashion-vae.yaml --data data/fashion --out runs/vae
        unclip classics sample vae --out vae.png
        unclip classics sample vqvae --prior transformer --label sneaker --out sneakers.png
        unclip classics reconstruct vqvae --data data/fashion-test --out pairs.png
        unclip classics evaluate gan --classifier classifier --data data/fashion-test
      """,
    subcommands: [
      SampleClassicCommand.self, ReconstructCommand.self, InterpolateCommand.self,
      DenoiseCommand.self, EvaluateClassicCommand.self,
    ])
}

/// `--runs`, and the search for models in it.
struct RunsOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder of runs: a model given by its run's name is NAME/model in it.",
      valueName: "folder"))
  var runs = "runs"

  /// Finds a model by its path, by its run's path, or by its run's name.
  /// - Throws: `ClassicError.noModel`; `CommandError.unavailable` with the runs that there are.
  func folder(_ name: String) throws -> ClassicFolder {
    let path = URL(fileURLWithPath: name, isDirectory: true)
    let run = URL(fileURLWithPath: runs, isDirectory: true).appending(path: name)
    let folders = [path, path.appending(path: "model"), run.appending(path: "model"), run]
    let found = folders.first {
      FileManager.default.fileExists(atPath: $0.appending(path: "config.json").path)
    }
    guard let found else {
      if FileManager.default.fileExists(atPath: path.path) || name.contains("/") {
        throw ClassicError.noModel(folder: name)
      }
      let near = Spelling.nearest(to: name, among: names).map { " (did you mean \($0)?)" } ?? ""
      throw CommandError.unavailable(
        names.isEmpty
          ? "There is no model \(name), and \(runs) has no runs: give a folder, or --runs."
          : "There is no model \(name)\(near); \(runs) has \(names.joined(separator: ", ")).")
    }
    return ClassicFolder(found)
  }

  /// The runs that hold a model.
  private var names: [String] {
    let folder = URL(fileURLWithPath: runs, isDirectory: true)
    return ModelSearch.entries(of: folder).sorted().filter {
      FileManager.default.fileExists(atPath: folder.appending(path: "\($0)/model/config.json").path)
    }
  }
}

extension ClassicError {
  /// The exit status of a command that throws it.
  var status: ExitStatus {
    switch self {
    case .noModel: .unavailable
    case .incapable: .usage
    case .otherKind, .otherCodebook: .data
    }
  }
}
