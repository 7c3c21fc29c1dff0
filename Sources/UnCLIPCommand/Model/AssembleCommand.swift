import ArgumentParser
import Foundation
import Training
import UnCLIP

/// `unclip assemble`: one model from parts of several folders.
struct AssembleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assemble",
    abstract: "Make one model folder from parts of several.",
    discussion: """
      Each run of `unclip train` leaves the parts it trained in RUN/model. A part that several \
      folders have is taken from the last, as are the sampling defaults; of a folder without any, \
      each stage's scheduler says its sampler. The tokenizer's run leaves the words of the captions \
      in RUN/vocabulary.txt. A run with training.ema_decays leaves the same parts with weights that \
      are averaged over other lengths in RUN/model-ema-DECAY, which --ema takes: unclip evaluate then \
      says which is best.

      EXAMPLES:
        unclip assemble runs/clip/model runs/prior/model runs/decoder/model --name small \
      --out Models/small
        unclip assemble Models/small runs/decoder/model --ema 0.9995 --name longer --out Models/longer
      """)

  @Argument(
    help: ArgumentHelp("Folders of models or runs to take parts from.", valueName: "folder"))
  var sources: [String]

  @Option(name: .out, help: ArgumentHelp("The model folder to write.", valueName: "folder"))
  var out: String

  @OptionGroup var files: OutputFiles

  @Option(help: "The model's name, written into images.")
  var name: String

  @Option(name: .customLong("model-version"), help: "The model's version, written into images.")
  var modelVersion = "1"

  private static let emaRange = OptionRange("--ema", 0.0...1)

  @Option(
    help: emaRange.help(
      "Take the weights averaged with this decay from the runs that keep it", valueName: "decay"))
  var ema: Double?

  @Option(
    help: ArgumentHelp(
      "What the model was trained on, if it knows nothing else, such as drawings on white; "
        + "generate and vary then warn of other input.", valueName: "text"))
  var domain: String?

  @Option(
    help: ArgumentHelp(
      "A text file with the words it knows, such as its captions; generate then warns of others.",
      valueName: "file"))
  var vocabulary: String?

  private static let sizeRange = OptionRange("--size", 1...65536)

  @Option(
    help: sizeRange.help(
      "Side of the images whose size nobody asks for", note: "the largest if not given",
      valueName: "pixels"))
  var size: Int?

  @Option(help: ArgumentHelp("Element type of the weights.", valueName: "type"))
  var dtype = ElementType.float16

  @OptionGroup(title: "Sampling defaults") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling defaults") var prior: PriorOptions

  func validate() throws {
    try Self.emaRange.check(ema)
    try Self.sizeRange.check(size)
  }

  func run() throws {
    let folders = try Self.models(of: sources.map { URL(fileURLWithPath: $0) }, ema: ema)
      .map { ModelFolder($0) }
    try files.check([OutputFile(out)], inputs: sources, replacesFolders: true)
    for (source, folder) in zip(sources, folders) where folder.isEmpty {
      guard OutputFile.exists(folder.url) else {
        throw CommandError.noInput(
          "There is no folder \(source); name the folder of a model or of a run.")
      }
      throw ModelFolderError.notAModel(source)
    }
    let target = ModelFolder(URL(fileURLWithPath: out))
    let inside = sources.first {
      (URL(fileURLWithPath: $0).resolvingSymlinksInPath().path + "/").hasPrefix(
        target.url.resolvingSymlinksInPath().path + "/")
    }
    if let inside {
      throw CommandError.usage(
        "--out is \(out), in which \(inside) lies; choose a folder elsewhere.")
    }
    if OutputFile.exists(target.url), !target.isUnCLIP {
      throw CommandError.cannotCreate(
        path: out, reason: "--force replaces a whole model folder, and that is none")
    }
    var defaults = try ModelDefaults.joined(from: folders, name: name, version: modelVersion)
    if let domain { defaults.domain = domain }
    if let size { defaults.size = size }
    sampling.apply(to: &defaults.sampling)
    prior.apply(to: &defaults.sampling)
    try defaults.sampling.validate()
    let words =
      vocabulary
      ?? zip(sources, folders).flatMap { [$0, $1.url.path] }
      .map { URL(fileURLWithPath: $0).appending(path: KnownWords.fileName).path }
      .last(where: FileManager.default.fileExists)
    let parts = try target.assemble(
      from: folders, dtype: dtype.dtype, defaults: defaults,
      vocabulary: try words.map {
        Data(try TextFile.text(of: TextFile.read($0, content: "word"), file: $0).utf8)
      })
    let left = ModelFolder.Part.autoregressivePrior
    if !parts.contains(where: { $0.part == left }),
      let source = folders.last(where: { $0.has(left) })
    {
      Output.warn(
        "\(left.rawValue) of \(source.url.path) is left out, since it belongs to a CLIP that another "
          + "folder replaces; train it anew with 'unclip train ar-prior'.")
    }
    target.warn(ofMomentsIn: folders)
    for (part, source) in parts { try Output.line("\(part.rawValue)  from \(source.url.path)") }
    try Output.line(target.url.path)
  }

  /// The folders that parts are taken from: of a run its model, or that of the average if it keeps
  /// it.
  private static func models(of sources: [URL], ema: Double?) throws(CommandError) -> [URL] {
    guard let ema else { return sources.map(TrainingRun.model) }
    let wanted = AveragedModel(decay: ema)
    let kept = sources.map { AveragedModel.all(of: $0) }
    guard kept.contains(where: { $0.contains(wanted) }) else {
      let known = Set(kept.joined()).map(\.decay).sorted().map { "\($0)" }.joined(separator: ", ")
      let advice =
        known.isEmpty
        ? "none keeps another average than its model's; train with training.ema_decays"
        : "they keep \(known)"
      throw .noInput("No folder has weights averaged with a decay of \(ema): \(advice).")
    }
    return zip(sources, kept).map { source, kept in
      kept.contains(wanted) ? wanted.url(in: source) : TrainingRun.model(of: source)
    }
  }
}

extension ModelFolder {
  /// Whether it has nothing to assemble: no part, no defaults, no words.
  fileprivate var isEmpty: Bool {
    !hasDefaults && !Part.allCases.contains(where: has)
      && !FileManager.default.fileExists(atPath: url.appending(path: KnownWords.fileName).path)
  }
}
