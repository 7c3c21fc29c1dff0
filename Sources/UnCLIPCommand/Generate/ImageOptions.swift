import ArgumentParser
import Files
import Foundation
import Imaging

/// The number of images, their seed, and where they go.
struct ImageOptions: ParsableArguments {
  private static let countRange = OptionRange("--count", 1...10_000)

  @Option(
    name: [.customShort("n"), .long, .customLong("num-images")], parsing: .unconditional,
    help: countRange.help("Images of each prompt or of each image given"))
  var count = 1

  @OptionGroup var destination: ImageDestination

  func validate() throws { try Self.countRange.check(count) }

  /// Where the images of `subjects` go, as ``ImageDestination`` plans it.
  func plan(
    of subjects: [String], candidates: Int = 1, inputs: [String] = [], output: OutputOptions,
    naming name: (String) -> String = { $0 }
  ) throws(CommandError) -> OutputPlan {
    try destination.plan(
      of: subjects, count: count, candidates: candidates, inputs: inputs, output: output,
      naming: name)
  }

  /// Where images of `files` go, named after them.
  func plan(
    ofFiles files: [String], inputs: [String], output: OutputOptions
  ) throws(CommandError) -> OutputPlan {
    try plan(of: files, inputs: inputs, output: output) {
      URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent
    }
  }

  /// The columns of a grid, which has a row for each of several `sources`; nil makes it square.
  func columns(of sources: Int) -> Int? { sources > 1 && count > 1 ? count : nil }
}

/// The seed of images, and where they go.
struct ImageDestination: ParsableArguments {
  @OptionGroup var seed: SeedOption

  @Option(
    name: .out,
    help: ArgumentHelp(
      "Where images go: a folder, or for one image a .png file, or - for standard output; . if not "
        + "given.", valueName: "path"))
  var out: String?

  @Option(
    help: ArgumentHelp(
      "Write all images in a grid too: a .png, .jpg or .webp file.", valueName: "file"))
  var grid: String?

  @OptionGroup var animation: AnimationOptions
  @OptionGroup var view: ViewOptions
  @OptionGroup var files: OutputFiles

  /// What `--json` prints.
  struct Report: Encodable {
    /// A generated image.
    struct Entry: Encodable {
      /// Its file; nil where only the grid is written.
      var path: String?
      var settings: ImageRecord
      var seconds: Double
    }

    var images: [Entry]
    var grid: String?
    var animation: String?
  }

  func validate() throws {
    if let grid, ImageFormat(pathExtension: URL(fileURLWithPath: grid).pathExtension) == nil {
      throw ValidationError("--grid is \(grid), but its name must end in .png, .jpg or .webp.")
    }
  }

  /// Makes an image, with `title` before and `note` after the names of the stages.
  typealias Maker = (_ item: OutputPlan.Item, _ title: String, _ note: String) throws -> (
    Image, ImageRecord
  )

  /// Where the images of `subjects` go, checked before any work. Of frames the grid and the
  /// animation alone are written if one is named and `--out` is not.
  ///
  /// - Parameters:
  ///   - subjects: The prompts, or the paths of the images to vary.
  ///   - count: Seeds of each.
  ///   - frames: Images of each seed.
  ///   - inputs: Paths of what is read.
  ///   - candidates: Images that are generated for each that is kept.
  ///   - name: Names a file after a subject.
  /// - Throws: `CommandError`.
  func plan(
    of subjects: [String], count: Int = 1, frames: Int = 1, candidates: Int = 1,
    inputs: [String] = [], output: OutputOptions, naming name: (String) -> String = { $0 }
  ) throws(CommandError) -> OutputPlan {
    let first = try seed.resolve(count: count * candidates)
    var plan = try OutputPlan(
      of: subjects, count: count, frames: frames, seed: first, out: out ?? ".",
      force: files.force, candidates: candidates, naming: name)
    plan.keepsImages = frames == 1 || out != nil || (grid == nil && animation.file == nil)
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
    let others = [
      grid.map { OutputFile($0, option: "--grid") }, animation.output, view.previewFile,
    ]
    let folder =
      view.previewFile == nil ? view.preview.map { OutputFile($0, option: "--preview") } : nil
    try plan.prepare(
      and: others.compactMap { $0 }, folders: folder.map { [$0] } ?? [], inputs: inputs,
      files: files)
    seed.announce(first)
    return plan
  }

  /// Generates the images of a plan and writes each as soon as `image` has made it, then the grid,
  /// of so many columns; nil makes it square. `note` says the time left.
  func generate(
    _ plan: OutputPlan, columns: Int?, output: OutputOptions, _ image: Maker
  ) throws {
    let grid = grid.map { URL(fileURLWithPath: $0) }
    var report = Report(images: [], grid: grid?.path, animation: animation.url?.path)
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
      } else if plan.keepsImages {
        try image.write(to: item.url, text: record.chunks(), replacing: files.force)
        if !output.json { try Output.line(item.url.path) }
        try viewer?.show(image)
      }
      let seconds = (ContinuousClock.now - began).seconds
      let path = plan.keepsImages ? item.url.path : nil
      report.images.append(.init(path: path, settings: record, seconds: seconds))
      if grid != nil || animation.file != nil { images.append(image) }
      if plan.keepsImages { interruption.update("\(index + 1) of \(all) images are written") }
    }
    if let grid {
      let columns = columns ?? Self.columns(images.count)
      try ContactSheet.grid(images, columns: columns).write(to: grid, replacing: files.force)
      if !output.json { try Output.line(grid.path) }
    }
    if let url = animation.url {
      try animation.write(images, to: url, replacing: files.force)
      if !output.json { try Output.line(url.path) }
    }
    if output.json { try Output.json(report) }
  }

  /// The number of columns that makes a grid of `count` images as square as possible.
  static func columns(_ count: Int) -> Int {
    Int(Double(count).squareRoot().rounded(.up))
  }
}
