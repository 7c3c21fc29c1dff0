import ArgumentParser
import Foundation
import Imaging
import Torch
import UnCLIP

/// `unclip verify`: draws a picture again from its own text chunks and compares the pixels.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Draw a picture again from its own metadata and compare.",
    discussion: """
      Ends with 0 when every pixel is the same, else with 65. The picture's own thread count is \
      used unless --threads is given: sums are split among threads, which changes single levels. So \
      may another processor.

      EXAMPLES:
        unclip verify cat.png
        unclip verify cat.png --model Models/small --json
      """)

  @Argument(help: ArgumentHelp("A PNG file that unclip wrote.", valueName: "picture"))
  var picture: String

  @Option(
    help: ArgumentHelp(
      "A model folder, or the name of one in Models; the picture names its own if not given.",
      valueName: "folder"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "The picture a variation was drawn from; the variation tells its path if not given.",
      valueName: "picture"))
  var original: String?

  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    var path: String
    var settings: PictureRecord
    var pixels: Int
    var differing: Int
    /// The largest difference of a channel, 0 … 255.
    var largest: Int
    var same: Bool { differing == 0 }
  }

  func run() throws {
    let url = URL(fileURLWithPath: picture)
    let old = try Image(contentsOf: url)
    let record = try PictureRecord(chunks: try Self.chunks(of: url), file: picture)
    guard let dtype = ElementType(rawValue: record.dtype) else {
      throw CommandError.data(
        "\(picture) tells '\(record.dtype)' as its 'dtype', which is not possible.")
    }
    let original = try record.original.map { path in
      (path: path, image: try Image(contentsOf: URL(fileURLWithPath: self.original ?? path)))
    }
    let device = try machine.prepare(recorded: record.threads)
    let folder = try ModelFolders.current.folder(of: model ?? record.model)
    let pipeline = try UnCLIPPipeline(
      ModelFolder(folder), drawingFrom: original == nil ? [.sentences] : [.pictures],
      device: device, dtype: dtype.dtype)
    if pipeline.defaults.version != record.modelVersion {
      Output.warn(
        "the picture was drawn by version \(record.modelVersion) of \(record.model), "
          + "this is version \(pipeline.defaults.version).")
    }
    let artist = Artist(pipeline: pipeline, progress: ProgressReporter())
    let (new, _) = try artist.draw(
      record.prompt, varying: original, seed: record.seed, settings: record.request)
    let report = try Self.compare(old, new, path: picture, record: record)
    if output.json { try Output.json(report) }
    guard report.same else {
      throw CommandError.differs(
        "\(picture) differs from what is drawn now in \(report.differing) of \(report.pixels) "
          + "pixels, by at most \(report.largest) of 255.")
    }
    if !output.json { print("\(picture) is the same in all \(report.pixels) pixels") }
  }

  /// Compares two pictures.
  /// - Throws: `CommandError.differs` when their sizes do.
  static func compare(
    _ old: Image, _ new: Image, path: String, record: PictureRecord
  ) throws(CommandError) -> Report {
    let old = old.converted(toChannels: new.channels)
    guard old.width == new.width, old.height == new.height else {
      throw .differs(
        "\(path) is \(old.width)x\(old.height) pixels, but \(new.width)x\(new.height) are drawn now."
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
      throw CommandError.data("\(url.path) is no PNG file, so it does not say how it was drawn.")
    }
  }
}
