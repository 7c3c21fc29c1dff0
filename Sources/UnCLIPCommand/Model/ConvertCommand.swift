import ArgumentParser
import Conversion
import Files
import Foundation
import TorchNN
import UnCLIP

/// `unclip convert`: a model folder from original checkpoints.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Make a model folder from original checkpoints or pickles.",
    discussion: """
      Reads .pt, .pth, .ckpt and .bin files of PyTorch, and safetensors: OpenAI's, OpenCLIP's and \
      transformers' CLIP, and Karlo's prior (with its statistics), decoder and upsampler. Nothing \
      in a file is run: only tensors and plain containers are read, and anything else is refused \
      by its name. Sizes are deduced from the weights.

      A folder of diffusers, transformers or open_clip whose weights are .bin files is copied with \
      safetensors in their place; a model that was pulled may be given by its name.

      EXAMPLES:
        unclip convert ViT-L-14.pt --out clip
        unclip convert open_clip_pytorch_model.bin --activation gelu --dtype float16 --out laion
        unclip convert prior.ckpt ViT-L-14_stats.th decoder.ckpt sr.ckpt ViT-L-14.pt \
      --tokenizer clip-tokenizer --out karlo
        unclip convert kakaobrain/karlo-v1-alpha-image-variations --out variations
      """)

  /// The activation functions of CLIP models.
  enum Nonlinearity: String, ExpressibleByArgument, CaseIterable {
    case quickGELU = "quick_gelu"
    case gelu
  }

  @Argument(
    help: ArgumentHelp(
      "Checkpoints to take parts from, or one folder or pulled model.", valueName: "file"))
  var files: [String]

  @Option(
    name: .out,
    help: ArgumentHelp("The model folder to write; it must be new.", valueName: "folder"))
  var out: String

  @Option(
    help: ArgumentHelp(
      "CLIP's activation, where the file does not say: OpenAI's is quick_gelu, LAION's gelu.",
      valueName: "name"))
  var activation: Nonlinearity?

  @Option(
    help: ArgumentHelp(
      "Channels of an attention head, 1 or more, where they are not the usual 64.",
      valueName: "count"))
  var headWidth: Int?

  @Option(
    help: ArgumentHelp(
      "Element type of the weights; each keeps its own if not given.", valueName: "type"))
  var dtype: ElementType?

  @Option(
    help: ArgumentHelp(
      "A folder with vocab.json and merges.txt, the tokenizer.", valueName: "folder"))
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
    let converter = Converter(options)
    let sources = try files.map { file in
      let url = URL(fileURLWithPath: file)
      let isThere = FileManager.default.fileExists(atPath: url.path)
      return isThere ? url : try ModelSearch.current.pulled(file) ?? url
    }
    if let folder = sources.first(where: FileManager.default.isFolder) {
      guard files.count == 1, tokenizer == nil, activation == nil, headWidth == nil else {
        throw CommandError.usage(
          "\(folder.path) is a folder: give it alone, without --tokenizer, --activation and --head-width."
        )
      }
      let written = try converter.convert(folder: folder, to: target)
      ModelFolder(target).warn(ofMomentsIn: [ModelFolder(folder)])
      for (path, source) in written { try Output.line("\(path)  from \(source.path)") }
      return try Output.line(target.path)
    }
    let parts = try converter.convert(
      sources, tokenizer: tokenizer.map { URL(fileURLWithPath: $0) }, to: target)
    for (part, source) in parts { try Output.line("\(part.rawValue)  from \(source.path)") }
    try Output.line(target.path)
  }
}
