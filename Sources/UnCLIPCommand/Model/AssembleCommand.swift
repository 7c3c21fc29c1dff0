import ArgumentParser
import Foundation
import UnCLIP

/// `unclip assemble`: one model from parts of several folders.
struct AssembleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assemble",
    abstract: "Make one model folder from parts of several.",
    discussion: """
      Each run of `unclip train` leaves the parts it trained in RUN/model. A part that several \
      folders have is taken from the last.

      EXAMPLES:
        unclip assemble runs/clip/model runs/prior/model runs/decoder/model --name small \
      --out Models/small
      """)

  @Argument(help: ArgumentHelp("Model folders to take parts from.", valueName: "folder"))
  var sources: [String]

  @Option(
    help: ArgumentHelp("The model folder to write; replaced if it exists.", valueName: "folder"))
  var out: String

  @Option(help: "The model's name, written into images.")
  var name: String

  @Option(name: .customLong("model-version"), help: "The model's version, written into images.")
  var modelVersion = "1"

  @Option(help: ArgumentHelp("Element type of the weights.", valueName: "type"))
  var dtype = ElementType.float16

  @OptionGroup(title: "Sampling defaults") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling defaults") var prior: PriorOptions

  func run() throws {
    let folders = sources.map { ModelFolder(URL(fileURLWithPath: $0)) }
    let target = ModelFolder(URL(fileURLWithPath: out))
    var defaults = ModelDefaults(name: name, version: modelVersion)
    // As with parts, the last folder that has settings wins.
    for folder in folders where folder.hasDefaults {
      defaults.sampling = try ModelDefaults.read(from: folder).sampling
    }
    sampling.apply(to: &defaults.sampling)
    prior.apply(to: &defaults.sampling)
    try defaults.sampling.validate()
    let parts = try target.assemble(from: folders, dtype: dtype.dtype, defaults: defaults)
    for (part, source) in parts { try Output.line("\(part.rawValue)  from \(source.url.path)") }
    try Output.line(target.url.path)
  }
}
