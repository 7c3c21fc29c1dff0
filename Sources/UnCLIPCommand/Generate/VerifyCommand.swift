import ArgumentParser
import Foundation
import Imaging
import Torch
import UnCLIP

/// `unclip verify`: makes an image again from its own text chunks and compares the pixels.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Generate an image again from its metadata and compare.",
    discussion: """
      Ends with 0 when every pixel is the same, else with 65. The image's own thread count is used \
      unless --threads is given: the thread count changes rounding and so single levels, and so \
      may another processor.

      EXAMPLES:
        unclip verify cat.png
        unclip verify lion.png --source photos/cat.jpg
        unclip verify cat.png --model Models/small --json
      """)

  @Argument(help: ArgumentHelp("A PNG file that unclip wrote.", valueName: "image"))
  var image: String

  @Option(
    help: ArgumentHelp(
      "A model folder, or the name of a model that 'unclip models' lists; the image's own if not "
        + "given.", valueName: "folder"), completion: .model)
  var model: String?

  @Option(
    name: [.customLong("source"), .customLong("original")],
    help: ArgumentHelp(
      "A file that an edited image was made from, if it is not at the recorded path any more; may "
        + "be given several times. Files are told apart by their SHA-256.", valueName: "file"))
  var sources: [String] = []

  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    var path: String
    var settings: ImageRecord
    var pixels: Int
    var differing: Int
    /// The largest difference in a channel, 0 … 255.
    var largest: Int
    var same: Bool { differing == 0 }
  }

  func run() throws {
    let url = URL(fileURLWithPath: image)
    let old = try Image(contentsOf: url)
    let chunks = try Self.chunks(of: url)
    let provenance = try ImageRecord.Provenance(chunks: chunks, file: image)
    let finder = try SourceFinder(of: image, given: sources)
    let edit = try EditRecord(chunks: chunks, file: image).map {
      try Edit(repeating: $0, from: finder)
    }
    let device = try machine.prepare(recorded: provenance.threads)
    let folder = try ModelSearch.current.folder(of: model ?? provenance.model)
    let pipeline = try UnCLIPPipeline(
      ModelFolder(folder), device: device,
      dtype: (ElementType(rawValue: provenance.dtype) ?? .float32).dtype)
    if pipeline.defaults.version != provenance.modelVersion {
      Output.warn(
        "the image was made by version \(provenance.modelVersion) of \(provenance.model), "
          + "this is version \(pipeline.defaults.version).")
    }
    // Settings that an older image lacks are the model's own.
    let settings = try GenerationSettings(
      metadata: chunks, sampling: pipeline.defaults.sampling, file: image)
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    if edit == nil { try pipeline.folder.require(settings.sampling.priorKind.parts) }
    var (new, record) = try generator.image(
      settings, edit: edit?.prepared(with: pipeline, settings))
    record.provenance = provenance
    let report = try Self.compare(old, new, path: image, record: record)
    if output.json { try Output.json(report) }
    guard report.same else {
      throw CommandError.differs(
        "\(image) differs from what is generated now in \(report.differing) of \(report.pixels) "
          + "pixels, by at most \(report.largest) of 255.")
    }
    if !output.json { try Output.line("\(image) is the same in all \(report.pixels) pixels") }
  }

  /// Compares two images.
  /// - Throws: `CommandError.differs` when their sizes do.
  static func compare(
    _ old: Image, _ new: Image, path: String, record: ImageRecord
  ) throws(CommandError) -> Report {
    let old = old.converted(toChannels: new.channels)
    guard old.width == new.width, old.height == new.height else {
      throw .differs(
        "\(path) is \(old.width)x\(old.height) pixels, but the new image is "
          + "\(new.width)x\(new.height)."
      )
    }
    var differing = 0
    var largest = 0
    for start in stride(from: 0, to: new.pixels.count, by: new.channels) {
      let here =
        (start..<start + new.channels)
        .map { abs(Int(old.pixels[$0]) - Int(new.pixels[$0])) }.max() ?? 0
      if here > 0 { differing += 1 }
      largest = max(largest, here)
    }
    return Report(
      path: path, settings: record, pixels: new.width * new.height, differing: differing,
      largest: largest)
  }

  private static func chunks(of url: URL) throws -> [String: String] {
    do {
      return try PNGText.read(Data(contentsOf: url), name: url.path)
    } catch ImageError.unknownFormat {
      throw CommandError.data("\(url.path) is not a PNG file, so it does not say how it was made.")
    }
  }
}
