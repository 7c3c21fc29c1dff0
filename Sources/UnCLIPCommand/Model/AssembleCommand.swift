import ArgumentParser
import Foundation
import UnCLIP

/// `unclip assemble`: parts of several folders to one model.
struct AssembleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assemble",
    abstract: "Make one model folder of parts that lie in several.",
    discussion: """
      Each run of `unclip train` leaves the parts it trained in RUN/model. Of a part that several \
      folders have, the last folder's counts.

      EXAMPLES:
        unclip assemble runs/clip/model runs/prior/model runs/decoder/model --name small \
      --out Models/small
      """)

  @Argument(help: ArgumentHelp("Model folders to take parts from.", valueName: "folder"))
  var sources: [String]

  @Option(
    help: ArgumentHelp("The model folder to write; replaced if it is there.", valueName: "folder"))
  var out: String

  @Option(help: "The model's name, written into pictures.")
  var name: String

  @Option(name: .customLong("model-version"), help: "The model's version, written into pictures.")
  var modelVersion = "1"

  @Option(help: ArgumentHelp("Element type of the weights.", valueName: "type"))
  var dtype = ElementType.float16

  @Option(help: "Default denoising steps of the prior.")
  var priorSteps = 25

  @Option(help: "Default guidance scale of the prior.")
  var priorGuidance = 1.0

  @Option(help: "Image embeddings drawn by the prior by default; the best is kept.")
  var candidates = 2

  @Option(help: "Default denoising steps of the decoder.")
  var decoderSteps = 25

  @Option(help: "Default guidance scale of the decoder.")
  var decoderGuidance = 2.0

  @Option(help: "Default denoising steps of the upsampler.")
  var upsamplerSteps = 7

  func run() throws {
    let defaults = ModelDefaults(
      name: name, version: modelVersion,
      prior: .init(steps: priorSteps, guidance: priorGuidance), priorCandidates: candidates,
      decoder: .init(steps: decoderSteps, guidance: decoderGuidance),
      upsamplerSteps: upsamplerSteps)
    let target = ModelFolder(URL(fileURLWithPath: out))
    let parts = try target.assemble(
      from: sources.map { ModelFolder(URL(fileURLWithPath: $0)) }, dtype: dtype.dtype,
      defaults: defaults)
    for (part, source) in parts { print("\(part.rawValue)  from \(source.url.path)") }
    print(target.url.path)
  }
}
