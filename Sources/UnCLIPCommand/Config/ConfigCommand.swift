import ArgumentParser
import CLIP
import Config
import Diffusion
import Foundation
import TorchNN
import UnCLIP

/// `unclip config`: the configurations of models.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract:
      "List the presets, print one as JSON, count its cost, or explain the keys of training.",
    discussion: """
      EXAMPLES:
        unclip config list
        unclip config explain training.batch_size
        unclip config show karlo
        unclip config show small --part decoder
        unclip config cost paper
      """,
    subcommands: [ListCommand.self, ShowCommand.self, CostCommand.self, ExplainCommand.self])

  /// `unclip config list`.
  struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List the presets.",
      discussion: """
        EXAMPLES:
          unclip config list --json
        """)

    @OptionGroup var output: OutputOptions

    func run() throws {
      if output.json {
        try Output.json(
          UnCLIPPreset.all.map { ["name": $0.name, "summary": $0.summary] })
      } else {
        let width = UnCLIPPreset.all.reduce(0) { max($0, $1.name.count) }
        for preset in UnCLIPPreset.all {
          let gap = String(repeating: " ", count: width - preset.name.count + 2)
          try Output.line(preset.name + gap + preset.summary)
        }
      }
    }
  }

  /// `unclip config show`.
  struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print a preset's complete configuration as JSON.",
      discussion: """
        A whole preset is an object with a member for each part of a model folder; a part alone is \
        the content of its config.json.

        EXAMPLES:
          unclip config show tiny
          unclip config show small --part prior
        """)

    @Argument(
      help: ArgumentHelp(
        "The preset: \(UnCLIPPreset.all.map(\.name).joined(separator: ", ")).",
        valueName: "preset"))
    var name: String

    @Option(
      help: ArgumentHelp("Print this part alone, such as decoder or prior.", valueName: "part"))
    var part: String?

    func run() throws {
      let parts = try UnCLIPPreset.named(name).parts
      guard let part else {
        return try Output.line(try Self.text(of: JSONValue.object(parts)))
      }
      guard let value = parts[part] else {
        let known = parts.keys.sorted().joined(separator: ", ")
        throw CommandError.usage("The preset \(name) has no part \(part); its parts are \(known).")
      }
      try Output.line(try Self.text(of: value))
    }

    private static func text(of value: JSONValue) throws -> String {
      String(decoding: try ConfigFile.encode(value), as: UTF8.self)
    }
  }
}

extension UnCLIPPreset {
  /// Finds the preset of a name.
  /// - Throws: `CommandError.usage` with the presets' names if there is none.
  static func named(_ name: String) throws(CommandError) -> UnCLIPPreset {
    guard let preset = all.first(where: { $0.name == name }) else {
      let known = all.map(\.name).joined(separator: ", ")
      throw CommandError.usage("There is no preset \(name); the presets are \(known).")
    }
    return preset
  }

  /// The content of each part's configuration file, by the part's folder.
  var parts: [String: JSONValue] {
    get throws {
      var files: [(ModelFolder.Part, Data)] = [
        (.textEncoder, try clip.text.encoded()),
        (.imageEncoder, try clip.vision.encoded()),
        (.prior, try prior.encoded()),
        (.priorScheduler, try priorScheduler.encoded()),
        (.textProjection, try textProjection.encoded()),
        (.decoder, try decoder.encoded()),
        (.decoderScheduler, try decoderScheduler.encoded()),
        (.upsampler, try upsampler.encoded()),
        (.upsamplerScheduler, try upsamplerScheduler.encoded()),
      ]
      if let autoregressivePrior {
        files.append((.autoregressivePrior, try ConfigFile.encode(autoregressivePrior)))
      }
      if let imageHint { files.append((.imageHint, try imageHint.encoded())) }
      if let second = secondUpsampler {
        files.append((.secondUpsampler, try second.unet.encoded()))
        files.append((.secondUpsamplerScheduler, try second.scheduler.encoded()))
      }
      return try files.reduce(into: [:]) { parts, file in
        parts[file.0.rawValue] = try JSONDecoder().decode(JSONValue.self, from: file.1)
      }
    }
  }
}
