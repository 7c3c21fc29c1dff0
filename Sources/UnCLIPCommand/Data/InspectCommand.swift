import ArgumentParser
import Datasets
import Files
import Foundation
import Imaging

/// `unclip data inspect`: the contents of a folder of shards, as counts and as a sheet of images.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Count the contents of a folder of shards, and write a sheet of its images.",
    discussion: """
      EXAMPLES:
        unclip data inspect data/emoji
        unclip data inspect data/emoji --sheet emoji.html --count 100
      """)

  @Argument(help: ArgumentHelp("A folder of tar shards.", valueName: "folder"))
  var folder: String

  @Option(
    help: ArgumentHelp(
      "Write some of the images: a grid in a .png, .jpg or .webp file, or a page with captions "
        + "in a .html file.",
      valueName: "file"))
  var sheet: String?

  @OptionGroup var files: OutputFiles

  private static let countRange = OptionRange("--count", 1...10_000)

  @Option(help: countRange.help("Images on the sheet"))
  var count = 64

  @OptionGroup var output: OutputOptions

  func validate() throws {
    try Self.countRange.check(count)
    guard let sheet else { return }
    let kind = URL(fileURLWithPath: sheet).pathExtension
    if kind.lowercased() != "html", ImageFormat(pathExtension: kind) == nil {
      throw ValidationError(
        "--sheet is \(sheet), but its name must end in .html, .png, .jpg or .webp.")
    }
  }

  func run() throws {
    try files.check(sheet.map { [OutputFile($0, option: "--sheet")] } ?? [])
    let reader = try ShardReader(directory: URL(fileURLWithPath: folder, isDirectory: true))
    let inspection = DatasetInspection(reader)
    if let sheet { try writeSheet(reader, to: URL(fileURLWithPath: sheet)) }
    if output.json {
      try Output.json(inspection)
    } else {
      try Output.line(inspection.text)
    }
  }

  /// Writes a sheet of randomly chosen images, always the same ones.
  private func writeSheet(_ reader: ShardReader, to url: URL) throws {
    guard url.pathExtension.lowercased() == "html" else {
      let columns = ImageDestination.columns(min(count, reader.count))
      let sheet = try DatasetInspection.contactSheet(of: reader, count: count, columns: columns)
      return try sheet.write(to: url, replacing: files.force)
    }
    let page = try DatasetInspection.page(of: reader, count: count)
    do {
      try AtomicFile.write(Data(page.utf8), to: url, replacing: files.force)
    } catch {
      throw CommandError.cannotCreate(
        path: url.path, reason: error.reason, option: "--sheet")
    }
  }
}

extension DatasetInspection {
  /// The counts as text.
  var text: String {
    func list(_ counts: [String: Int]) -> String {
      counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
    let order = ["64", "128", "256", "512", "larger"]
    let sides = order.compactMap { name in self.sides[name].map { "\(name) \($0)" } }
    return """
      images  \(samples), of which \(coreSamples) show things and \(heldOutSamples) are held out
      concepts  \(concepts)
      words     \(vocabulary), of which \(repeatedWords) occur twice or more; \
      \(averageCaptionWords.formatted(places: 1)) a caption
      sources   \(list(sources))
      licences  \(list(licences))
      groups    \(list(groups))
      sides     \(sides.joined(separator: ", ")) px at most
      captions  \(captions.prefix(6).joined(separator: " · "))
      """
        + skipped.map { "\nskipped   \($0.kind): \($0.summary)" }.joined()
  }
}
