import ArgumentParser
import Datasets
import Foundation
import Imaging

/// `unclip data inspect`: what a folder of shards holds, in figures and as a sheet of pictures.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Count what a folder of shards holds, and draw a sheet of it.",
    discussion: """
      EXAMPLES:
        unclip data inspect data/emoji
        unclip data inspect data/emoji --sheet emoji.html --count 100
      """)

  @Argument(help: ArgumentHelp("A folder of tar shards.", valueName: "folder"))
  var folder: String

  @Option(
    help: ArgumentHelp(
      "Draw some of the pictures: a grid in a .png file, or a page with captions in a .html file.",
      valueName: "file"))
  var sheet: String?

  @Option(help: ArgumentHelp("Pictures on the sheet.", valueName: "n"))
  var count = 64

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if !(1...10_000).contains(count) {
      throw ValidationError("--count is \(count), but it must be 1 to 10000.")
    }
  }

  func run() throws {
    let reader = try ShardReader(directory: URL(fileURLWithPath: folder, isDirectory: true))
    let contents = DataContents(reader.infos)
    if let sheet { try draw(reader, to: URL(fileURLWithPath: sheet)) }
    if output.json {
      try Output.json(contents)
    } else {
      print(contents.text)
    }
  }

  /// Draws pictures evenly chosen over the set.
  private func draw(_ reader: ShardReader, to url: URL) throws {
    let count = min(count, reader.count)
    var items: [(image: Image, caption: String)] = []
    for index in 0..<count {
      let sample = try reader.sample(at: index * reader.count / count)
      items.append((sample.image.fitted(inSquareOf: 96), sample.caption))
    }
    if url.pathExtension.lowercased() == "html" {
      let page = try ContactSheet.html(items: items, title: reader.manifest?.name ?? folder)
      do {
        try Data(page.utf8).write(to: url, options: .atomic)
      } catch {
        throw CommandError.cannotCreate(
          path: url.path, reason: SystemReason.text(of: error), option: "--sheet")
      }
    } else {
      let columns = Int(Double(count).squareRoot().rounded(.up))
      try ContactSheet.grid(items.map(\.image), columns: columns).write(to: url)
    }
  }
}

/// The figures of a data set.
struct DataContents: Sendable, Equatable, Encodable {
  var samples: Int
  /// Different captions.
  var concepts: Int
  /// Different words in captions and keywords.
  var words: Int
  /// Samples that the standard split holds back for measuring.
  var heldOut: Int
  var sources: [String: Int]
  var licences: [String: Int]
  var styles: [String: Int]
  /// Samples of each group's first part.
  var groups: [String: Int]

  /// Counts.
  init(_ infos: [SampleInfo]) {
    func tally(_ value: (SampleInfo) -> String?) -> [String: Int] {
      infos.reduce(into: [:]) { counts, info in
        if let value = value(info) { counts[value, default: 0] += 1 }
      }
    }
    let split = DataSplit()
    samples = infos.count
    concepts = Set(infos.map(\.concept)).count
    let texts = infos.map { ([$0.caption] + $0.keywords).joined(separator: " ").lowercased() }
    words = Set(texts.flatMap { $0.split { !$0.isLetter && !$0.isNumber } }).count
    heldOut = infos.count { split.contains($0, in: .heldOut) }
    sources = tally(\.source)
    licences = tally(\.licence)
    styles = tally(\.style)
    groups = tally(\.topGroup)
  }

  /// The figures for a person.
  var text: String {
    func list(_ counts: [String: Int]) -> String {
      counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
    var lines = [
      "pictures  \(samples), of which \(heldOut) are held out",
      "concepts  \(concepts)",
      "words     \(words)",
      "sources   \(list(sources))",
      "licences  \(list(licences))",
    ]
    if !styles.isEmpty { lines.append("styles    \(list(styles))") }
    if !groups.isEmpty { lines.append("groups    \(list(groups))") }
    return lines.joined(separator: "\n")
  }
}
