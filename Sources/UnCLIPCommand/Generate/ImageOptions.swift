import ArgumentParser
import Foundation
import Imaging

/// The number of images, their seed, and where they go.
struct ImageOptions: ParsableArguments {
  private static let countRange = OptionRange("--count", 1...10_000)

  @Option(
    name: [.customShort("n"), .long, .customLong("num-images")], parsing: .unconditional,
    help: countRange.help("Images of each prompt or of each image varied"))
  var count = 1

  @OptionGroup var seed: SeedOption

  @Option(
    name: [.customShort("o"), .long, .customLong("output")],
    help: ArgumentHelp(
      "Where images go: a folder, or for one image a .png file, or - for standard output.",
      valueName: "path"))
  var out = "."

  @Option(
    help: ArgumentHelp(
      "Write all images in a grid too: a .png, .jpg or .webp file.", valueName: "file"))
  var grid: String?

  @OptionGroup var view: ViewOptions
  @OptionGroup var files: OutputFiles

  /// What `--json` prints.
  struct Report: Encodable {
    /// A generated image.
    struct Entry: Encodable {
      var path: String
      var settings: ImageRecord
      var seconds: Double
    }

    var images: [Entry]
    var grid: String?
  }

  func validate() throws {
    try Self.countRange.check(count)
    if let grid, ImageFormat(pathExtension: URL(fileURLWithPath: grid).pathExtension) == nil {
      throw ValidationError("--grid is \(grid), but its name must end in .png, .jpg or .webp.")
    }
  }

  /// Where the images of `subjects` go, checked before any work.
  ///
  /// - Parameters:
  ///   - subjects: The prompts, or the paths of the images to vary.
  ///   - inputs: Paths of what is read.
  ///   - name: Names a file after a subject.
  /// - Throws: `CommandError`.
  func plan(
    of subjects: [String], inputs: [String] = [], output: OutputOptions,
    naming name: (String) -> String = { $0 }
  ) throws(CommandError) -> OutputPlan {
    let first = try seed.resolve(count: count)
    let plan = try OutputPlan(
      of: subjects, count: count, seed: first, out: out, force: files.force,
      naming: name)
    try view.check(output: output)
    if plan.isStandardOutput {
      if output.json {
        throw .usage("--out - and --json both take standard output; leave one out.")
      }
      if isatty(STDOUT_FILENO) == 1 {
        throw .usage(
          "--out is -, but standard output is a terminal; redirect it to a file or pipe.")
      }
    }
    let others = [grid.map { OutputFile($0, option: "--grid") }, view.previewFile]
    let folder =
      view.previewFile == nil ? view.preview.map { OutputFile($0, option: "--preview") } : nil
    try plan.prepare(
      and: others.compactMap { $0 }, folders: folder.map { [$0] } ?? [], inputs: inputs,
      files: files)
    seed.announce(first)
    return plan
  }

  /// Generates the images of a plan from a number of prompts or images, `sources`, and writes each
  /// as soon as `image` has made it, then the grid. `note` says the time left.
  func generate(
    _ plan: OutputPlan, sources: Int, output: OutputOptions,
    _ image: (_ item: OutputPlan.Item, _ title: String, _ note: String) throws -> (
      Image, ImageRecord
    )
  ) throws {
    let grid = grid.map { URL(fileURLWithPath: $0) }
    var report = Report(images: [], grid: grid?.path)
    var images: [Image] = []
    let all = plan.items.count
    let viewer = view.viewer()
    let interruption = Interruption("no image was finished")
    let start = ContinuousClock.now
    for (index, item) in plan.items.enumerated() {
      let began = ContinuousClock.now
      let title = all > 1 ? "\(index + 1)/\(all)" : ""
      let left = index > 0 ? (began - start).seconds / Double(index) * Double(all - index) : 0
      let name =
        plan.isStandardOutput ? "image" : item.url.deletingPathExtension().lastPathComponent
      let previews = try view.previews(of: name, force: files.force)
      let (image, record) = try PreviewWriter.$current.withValue(previews) {
        try image(item, title, left >= 1 ? "\(ProgressReporter.duration(left)) left" : "")
      }
      if plan.isStandardOutput {
        try Output.bytes(PNGEncoder.encode(image, text: record.chunks()))
      } else {
        try image.write(to: item.url, text: record.chunks(), replacing: files.force)
        if !output.json { try Output.line(item.url.path) }
        try viewer?.show(image)
      }
      let seconds = (ContinuousClock.now - began).seconds
      report.images.append(.init(path: item.url.path, settings: record, seconds: seconds))
      if grid != nil { images.append(image) }
      interruption.update("\(index + 1) of \(all) images are written")
    }
    if let grid {
      let columns = sources > 1 && count > 1 ? count : Self.columns(images.count)
      try ContactSheet.grid(images, columns: columns).write(to: grid, replacing: files.force)
      if !output.json { try Output.line(grid.path) }
    }
    if output.json { try Output.json(report) }
  }

  /// The number of columns that makes a grid of `count` images as square as possible.
  static func columns(_ count: Int) -> Int {
    Int(Double(count).squareRoot().rounded(.up))
  }
}
