import ArgumentParser
import Conversion
import Foundation
import TorchNN
import UnCLIP

/// `unclip convert`: original checkpoints to a model folder.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Make a model folder of original CLIP or Karlo checkpoints.",
    discussion: """
      Reads .pt, .pth, .ckpt and .bin files of PyTorch, and safetensors: OpenAI's, OpenCLIP's and \
      transformers' CLIP, and Karlo's prior (with its statistics), decoder and upsampler. Nothing \
      in a file is run: only tensors and plain containers are read, and anything else is refused \
      by its name. Sizes are deduced from the weights.

      EXAMPLES:
        unclip convert ViT-L-14.pt --out clip
        unclip convert open_clip_pytorch_model.bin --activation gelu --dtype float16 --out laion
        unclip convert prior.ckpt ViT-L-14_stats.th decoder.ckpt sr.ckpt ViT-L-14.pt \
      --tokenizer clip-tokenizer --out karlo
      """)

  /// The nonlinearities a CLIP has.
  enum Nonlinearity: String, ExpressibleByArgument, CaseIterable {
    case quickGELU = "quick_gelu"
    case gelu
  }

  @Argument(help: ArgumentHelp("Checkpoints to take parts from.", valueName: "file"))
  var files: [String]

  @Option(help: ArgumentHelp("The model folder to write; it must be new.", valueName: "folder"))
  var out: String

  @Option(
    help: ArgumentHelp(
      "CLIP's nonlinearity, where the file does not tell: OpenAI's is quick_gelu, LAION's gelu.",
      valueName: "name"))
  var activation: Nonlinearity?

  @Option(
    help: ArgumentHelp(
      "Channels of an attention head, where they are not the usual 64.", valueName: "count"))
  var headWidth: Int?

  @Option(
    help: ArgumentHelp(
      "Element type of the weights; left out, each keeps its own.", valueName: "type"))
  var dtype: ElementType?

  @Option(
    help: ArgumentHelp(
      "A folder with vocab.json and merges.txt, taken over as the tokenizer.", valueName: "folder"))
  var tokenizer: String?

  func validate() throws {
    guard headWidth ?? 1 > 0 else {
      throw ValidationError("--head-width must be at least 1, not \(headWidth ?? 0)")
    }
  }

  func run() throws {
    let options = ConversionOptions(
      activation: activation.flatMap { Activation(rawValue: $0.rawValue) }, headWidth: headWidth,
      dtype: dtype?.dtype)
    let target = URL(fileURLWithPath: out)
    let parts = try Converter(options).convert(
      files.map { URL(fileURLWithPath: $0) }, tokenizer: tokenizer.map { URL(fileURLWithPath: $0) },
      to: target)
    for (part, source) in parts { print("\(part.rawValue)  from \(source.path)") }
    print(target.path)
  }
}
