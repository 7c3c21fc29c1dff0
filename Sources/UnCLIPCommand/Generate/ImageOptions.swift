import ArgumentParser
import Foundation
import Imaging

/// The number of images, their seed, and where they go.
struct ImageOptions: ParsableArguments {
  @Option(
    name: [.customShort("n"), .long], help: "Images of each prompt or of each image varied.")
  var count = 1

  @Option(help: "Seed of the first image.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Where images go: a folder, or a .png file for one image.", valueName: "path"))
  var out = "."

  @Option(
    help: ArgumentHelp(
      "Write all images in a grid too: a .png, .jpg or .webp file.", valueName: "file"))
  var grid: String?

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
    if !(1...10_000).contains(count) {
      throw ValidationError("--count is \(count), but it must be 1 to 10000.")
    }
    if let grid, ImageFormat(pathExtension: URL(fileURLWithPath: grid).pathExtension) == nil {
      throw ValidationError("--grid is \(grid), but its name must end in .png, .jpg or .webp.")
    }
  }

  /// Generates the images of a plan from a number of prompts or images, `sources`, and writes each
  /// as soon as `image` has made it, then the grid.
  func generate(
    _ plan: OutputPlan, sources: Int, output: OutputOptions,
    _ image: (_ item: OutputPlan.Item, _ title: String) throws -> (Image, ImageRecord)
  ) throws {
    let grid = grid.map { URL(fileURLWithPath: $0) }
    try plan.prepare(and: grid.map { [$0] } ?? [])
    var report = Report(images: [], grid: grid?.path)
    var images: [Image] = []
    for (index, item) in plan.items.enumerated() {
      let began = ContinuousClock.now
      let title = plan.items.count > 1 ? "\(index + 1)/\(plan.items.count)" : ""
      let (image, record) = try image(item, title)
      try image.write(to: item.url, text: record.chunks())
      let seconds = (ContinuousClock.now - began).seconds
      report.images.append(.init(path: item.url.path, settings: record, seconds: seconds))
      if grid != nil { images.append(image) }
      if !output.json { try Output.line(item.url.path) }
    }
    if let grid {
      let columns = sources > 1 && count > 1 ? count : Self.columns(images.count)
      try ContactSheet.grid(images, columns: columns).write(to: grid)
      if !output.json { try Output.line(grid.path) }
    }
    if output.json { try Output.json(report) }
  }

  /// The number of columns that makes a grid of `count` images as square as possible.
  static func columns(_ count: Int) -> Int {
    Int(Double(count).squareRoot().rounded(.up))
  }
}
