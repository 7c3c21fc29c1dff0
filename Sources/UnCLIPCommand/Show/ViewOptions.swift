import ArgumentParser
import Files
import Foundation
import Imaging
import UnCLIP

/// `--preview` and `--show`: images seen while and as soon as they are made.
struct ViewOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write the predicted image of every step: into one .png, .jpg or .webp file, replaced each "
        + "time, or into a folder with a file for each step.", valueName: "path"))
  var preview: String?

  @Flag(help: "Show finished images in the terminal.")
  var show = false

  @Option(
    help: ArgumentHelp(
      "Show them so: kitty, iterm2, sixel or blocks (coloured characters); the terminal is asked "
        + "if not given.", valueName: "way"))
  var showAs: Way?

  /// The values of `--show-as`.
  enum Way: String, ExpressibleByArgument, CaseIterable {
    case kitty, iterm2, sixel, blocks

    var graphics: TerminalGraphics {
      switch self {
      case .kitty: .kitty
      case .iterm2: .iTerm2
      case .sixel: .sixel
      case .blocks: .blocks(trueColor: true)
      }
    }
  }

  /// Whether images are to be shown.
  var isShowing: Bool { show || showAs != nil }

  /// The file of `--preview`; nil for a folder, or none.
  var previewFile: OutputFile? {
    preview.flatMap { OutputPlan.isFile($0) ? OutputFile($0, option: "--preview") : nil }
  }

  func validate() throws {
    guard let preview, OutputPlan.isFile(preview) else { return }
    guard ImageFormat(pathExtension: URL(fileURLWithPath: preview).pathExtension) != nil else {
      throw ValidationError(
        "--preview is \(preview), but its name must end in .png, .jpg or .webp, or be a folder.")
    }
  }

  /// Refuses what cannot be together.
  /// - Throws: `CommandError.usage`.
  func check(output: OutputOptions) throws(CommandError) {
    if isShowing, output.json {
      throw .usage("--show and --json both take standard output; leave one out.")
    }
    if preview == "-" {
      throw .usage("--preview is -, but previews are many images; name a file or a folder.")
    }
  }

  /// Finds how to show images, and warns where that is not possible; nil without `--show`.
  func viewer() -> Viewer? {
    guard isShowing else { return nil }
    guard isatty(STDOUT_FILENO) == 1 else {
      Output.warn("--show needs a terminal, and standard output is none; nothing is shown.")
      return nil
    }
    guard let graphics = showAs?.graphics ?? TerminalProbe.current() else {
      Output.warn(
        "this terminal shows no images, as $TERM says; nothing is shown unless --show-as says how.")
      return nil
    }
    return Viewer(graphics: graphics)
  }

  /// Shows images on standard output.
  struct Viewer {
    let graphics: TerminalGraphics

    /// Shows an image in the terminal as large as it is now.
    func show(_ image: Image) throws {
      try Output.bytes(graphics.encoded(image, in: TerminalProbe.window))
    }
  }

  /// Makes the writer of an image's previews; nil without `--preview`.
  ///
  /// - Parameter name: The stem of the image's file.
  /// - Throws: `CommandError.cannotCreate`.
  func previews(of name: String, force: Bool) throws(CommandError) -> PreviewWriter? {
    guard let preview else { return nil }
    if let file = previewFile { return PreviewWriter(file: file.url) }
    return try PreviewWriter(
      folder: URL(fileURLWithPath: preview, isDirectory: true), name: name, force: force)
  }
}

/// Writes the predicted images of one image's steps.
struct PreviewWriter: Sendable {
  /// The writer of the image that is being generated; nil where nobody asked for previews.
  @TaskLocal static var current: PreviewWriter?

  private let url: URL
  private let isFolder: Bool

  /// Writes into one file, which each step replaces.
  init(file: URL) {
    url = file
    isFolder = false
  }

  /// Makes a folder for the image in `folder`, with a number after its name if that is taken.
  ///
  /// - Parameter force: Whether a folder of an earlier run is taken, and its files replaced.
  /// - Throws: `CommandError.cannotCreate`.
  init(folder: URL, name: String, force: Bool) throws(CommandError) {
    var (own, copy) = (folder.appendingPathComponent(name, isDirectory: true), 2)
    while !force, OutputFile.exists(own) {
      own = folder.appendingPathComponent("\(name)-\(copy)", isDirectory: true)
      copy += 1
    }
    do {
      try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
    } catch {
      throw .cannotCreate(path: own.path, reason: reason(of: error), option: "--preview")
    }
    (url, isFolder) = (own, true)
  }

  /// Writes a step's image: the old file or the whole new one is there at any time.
  /// - Throws: `ImageError`.
  func write(_ step: GenerationProgress) throws(ImageError) {
    guard let image = step.preview else { return }
    try image.write(to: isFolder ? file(of: step) : url)
  }

  /// `decoder-07.png`
  private func file(of step: GenerationProgress) -> URL {
    let (digits, width) = ("\(step.step)", "\(step.stepCount)".count)
    let zeros = String(repeating: "0", count: max(0, width - digits.count))
    return url.appendingPathComponent("\(step.stage.rawValue)-\(zeros)\(digits).png")
  }
}
