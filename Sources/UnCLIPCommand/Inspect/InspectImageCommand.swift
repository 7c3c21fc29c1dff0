import ArgumentParser
import Foundation
import Imaging
import UnCLIP

/// `unclip inspect`: what image files say of themselves.
struct InspectImageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what image files say about how they were made.",
    discussion: """
      Reads the text chunks of PNG files and the EXIF of JPEG and WebP files, of this program and of \
      AUTOMATIC1111 (and Forge, SD.Next), ComfyUI, InvokeAI, NovelAI, Fooocus and SwarmUI, and \
      prints the command that generates an image as near to it as possible. No model is needed.

      EXAMPLES:
        unclip inspect apple.png
        unclip inspect downloads/*.png --json
      """)

  @Argument(help: ArgumentHelp("PNG, JPEG or WebP files.", valueName: "image"))
  var images: [String]

  @Flag(help: "Print every text of the files whole, by its name.")
  var texts = false

  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    var images: [ImageInspection]
  }

  func run() throws {
    let found = try images.map { try ImageInspection($0) }
    if output.json { return try Output.json(Report(images: found)) }
    try Output.line(
      found.map { $0.text(withTexts: texts) }.joined(separator: "\n\n"))
  }
}

/// What one image file says.
struct ImageInspection: Encodable {
  var path: String
  var format: String
  var width: Int
  var height: Int
  var channels: Int
  var isAnimated: Bool
  var bytes: Int
  /// How it was made; nil where nothing says so.
  var settings: StatedSettings?
  /// The command that makes this image again; nil where this program did not make it.
  var again: String?
  /// The command that generates an image as near to it as possible.
  var nearest: String?
  /// What that command leaves out.
  var notes: [String] = []
  /// All texts of the file by name.
  var texts: [String: String]

  /// Reads a file.
  /// - Throws: `ImageError`.
  init(_ path: String) throws(ImageError) {
    let data = try readFile(URL(fileURLWithPath: path))
    let metadata = try ImageMetadata.read(data, name: path)
    self.path = path
    format = metadata.header.format.rawValue
    width = metadata.header.width
    height = metadata.header.height
    channels = metadata.header.channels
    isAnimated = metadata.header.isAnimated
    bytes = data.count
    texts = metadata.texts
    settings = StatedSettings(texts)
    guard let settings else { return }
    let isOwn = settings.program.hasPrefix("unclip ")
    if isOwn, settings.prompt != nil, !isAnimated {
      again = "unclip verify " + GenerateLine.quoted(path)
    }
    let line =
      isOwn
      ? GenerateLine(own: settings, isStandardModel: settings.model == ModelSearch.standard)
      : GenerateLine(settings)
    nearest = line?.text
    notes = line?.notes ?? []
  }

  /// The report as text, in which nothing can control a terminal.
  func text(withTexts: Bool) -> String {
    var rows: [(title: String, text: String)] = [
      (
        "file",
        "\(format), \(width)x\(height), \(channels) channels\(isAnimated ? ", animated" : ""), "
          + "\(bytes) bytes"
      )
    ]
    if let settings {
      rows.append(("made by", settings.program))
      let values: [(String, String?)] = [
        ("prompt", settings.prompt), ("negative", settings.negative),
        ("seed", settings.seed.map { "\($0)" }), ("steps", settings.steps.map { "\($0)" }),
        ("guidance", settings.guidance.map { "\($0)" }), ("sampler", settings.sampler),
        ("model", settings.model),
      ]
      rows += values.compactMap { title, text in
        text.flatMap { $0.isEmpty ? nil : (title, $0) }
      }
      rows += settings.edit?.rows ?? []
      rows += settings.others.sorted { $0.key < $1.key }.map { ($0.key, Self.cut($0.value)) }
    } else {
      rows.append(("made by", "the file does not say, or in no words that are known here"))
    }
    if let again { rows.append(("again", again)) }
    if let nearest { rows.append(("nearest", nearest)) }
    rows += notes.map { ("note", $0) }
    if withTexts || settings == nil {
      rows += texts.sorted { $0.key < $1.key }
        .map { ("text \($0.key)", withTexts ? $0.value : Self.cut($0.value)) }
    }
    let width = min(20, rows.reduce(0) { max($0, $1.title.count) })
    let lines = rows.map { title, text in
      let title = Output.printable(title)
      let gap = String(repeating: " ", count: max(0, width - title.count) + 2)
      // Lines of a text stand under its first, so that none can pass for a row.
      let indent = "\n" + String(repeating: " ", count: width + 4)
      return "  " + title + gap
        + Output.printable(text, keepingLines: true).replacing("\n", with: indent)
    }
    return ([Output.printable(path)] + lines).joined(separator: "\n")
  }

  private static func cut(_ text: String) -> String {
    text.count > 200 ? text.prefix(200) + "…" : text
  }
}
