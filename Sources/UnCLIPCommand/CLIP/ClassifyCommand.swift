import ArgumentParser
import CLIP
import Datasets
import Foundation
import Imaging
import Torch

/// `unclip classify`: zero-shot classification of images.
struct ClassifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "classify",
    abstract: "Classify images by the names of classes (zero-shot).",
    discussion: """
      Zero-shot classification with CLIP: every name is put into every template, the embeddings of \
      each name are averaged, and the image's cosines with them become probabilities. Images that \
      cannot be read are skipped and named at the end.

      EXAMPLES:
        unclip classify photo.jpg --labels "cat,dog,bird"
        unclip classify photos --labels-file animals.txt --top 3 --json
        unclip classify apple.png --labels "apple,pear" --template "a {}" --template "a drawing of a {}"
      """)

  @Argument(help: ArgumentHelp("Image files, or folders of them.", valueName: "image"))
  var images: [String]

  @Option(help: ArgumentHelp("The names of the classes, separated by commas.", valueName: "names"))
  var labels: String?

  @Option(
    help: ArgumentHelp(
      "Read the names from a file, one a line; - is standard input.", valueName: "file"))
  var labelsFile: String?

  @Option(
    help: ArgumentHelp(
      "Prompt in which {} is the name; may be given several times. \"a photo of a {}\" if not "
        + "given.", valueName: "prompt"))
  var template: [String] = []

  @Option(
    help: ArgumentHelp(
      "How many names to print for each image, 1 or more, the most probable first.", valueName: "k")
  )
  var top = 5

  @OptionGroup var strictness: StrictOption
  @OptionGroup(title: "Model") var model: CLIPOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// The template if none is given.
  static let defaultTemplate = "a photo of a {}"

  /// What `--json` prints.
  struct Report: Encodable {
    /// A name and its probability.
    struct Guess: Encodable {
      var label: String
      /// 0 … 1; those of an image's names add up to 1.
      var probability: Double

      /// The names by their probabilities, the most probable first; of equal ones as they were given.
      static func ranked(_ labels: [String], _ probabilities: [Double]) -> [Guess] {
        zip(labels, probabilities).map { Guess(label: $0, probability: $1) }.enumerated()
          .sorted { ($1.element.probability, $0.offset) < ($0.element.probability, $1.offset) }
          .map(\.element)
      }
    }

    /// An image with its most probable names.
    struct Image: Encodable {
      var path: String
      var guesses: [Guess]
    }

    var images: [Image]
    /// What could not be read.
    var skipped: [ImportReport.Count]
  }

  func validate() throws {
    if images.isEmpty { throw ValidationError("Missing an image to classify.") }
    if (labels == nil) == (labelsFile == nil) {
      throw ValidationError("Give the names with --labels or --labels-file.")
    }
    if let bad = template.first(where: { !$0.contains(ZeroShotClassifier.placeholder) }) {
      throw ValidationError("--template is \"\(bad)\", but it must hold {} where the name goes.")
    }
    if top < 1 { throw ValidationError("--top is \(top), but it must be at least 1.") }
  }

  func run() throws {
    let files = try ImageFiles(images)
    let skipped = try SkippedImages(files.faults, strict: strictness.strict)
    let labels = try names()
    let device = try machine.prepare()
    let folder = try model.folder()
    guard folder.hasText, folder.hasVision else {
      throw CLIPFolderError.lacks(
        folder: folder.url.path, part: folder.hasText ? "vision tower" : "text tower")
    }
    let dtype = model.dtype.dtype
    let classifier = ZeroShotClassifier(
      labels: labels, templates: template.isEmpty ? [Self.defaultTemplate] : template,
      scale: exp(try folder.logitScale()),
      encoder: try CLIPTextEncoder(folder, device: device, dtype: dtype))
    let embedder = try CLIPImageEncoder(folder, device: device, dtype: dtype)
    guard classifier.weights.dim(1) == embedder.width else {
      throw CommandError.data(
        "\(folder.url.path) has texts of width \(classifier.weights.dim(1)) and images of width "
          + "\(embedder.width), so they cannot be compared; name a folder whose towers belong "
          + "together.")
    }
    var report = Report(images: [], skipped: [])
    for file in files.paths {
      let image = try skipped.read { () throws(SampleFault) in
        try Image.sample(at: URL(fileURLWithPath: file), name: file)
      }
      guard let image else { continue }
      let probabilities = classifier.probabilities(of: embedder([image]))[0].array(of: Double.self)
      let guesses = Array(Report.Guess.ranked(labels, probabilities).prefix(top))
      report.images.append(.init(path: file, guesses: guesses))
      if !output.json { try show(file, guesses) }
    }
    try skipped.finish(found: report.images.count)
    report.skipped = skipped.counts
    if output.json { try Output.json(report) }
  }

  private func show(_ file: String, _ guesses: [Report.Guess]) throws {
    try Output.line(file)
    for guess in guesses {
      try Output.line("  \((guess.probability * 100).formatted(places: 1)) %  \(guess.label)")
    }
  }

  private func names() throws(CommandError) -> [String] {
    let names: [String]
    if let labelsFile {
      names = try TextFile.lines(of: labelsFile, content: "name")
    } else {
      names = (labels ?? "").split(separator: ",")
        .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
    if names.isEmpty { throw .usage("--labels holds no name; write names with commas between.") }
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      throw .usage("The name \(name) is given twice; give each name once.")
    }
    return names
  }
}
