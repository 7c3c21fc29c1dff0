import ArgumentParser
import Foundation
import Imaging

/// How many pictures, from which seed, and where they go.
struct PictureOptions: ParsableArguments {
  @Option(
    name: [.customShort("n"), .long], help: "Pictures of each sentence or of each picture varied.")
  var count = 1

  @Option(help: "Seed of the first picture.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Where pictures go: a folder, or a .png file for one picture.", valueName: "path"))
  var out = "."

  @Option(
    help: ArgumentHelp(
      "Write all pictures in a grid too: a .png, .jpg or .webp file.", valueName: "file"))
  var grid: String?

  /// What `--json` prints.
  struct Report: Encodable {
    /// A picture drawn.
    struct Picture: Encodable {
      var path: String
      var settings: PictureRecord
      var seconds: Double
    }

    var pictures: [Picture]
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

  /// Draws the pictures of a plan and writes each as soon as it is drawn, then the grid.
  ///
  /// - Parameters:
  ///   - sources: sentences or pictures that are drawn from.
  ///   - draw: draws one picture; its title goes before the names of the stages.
  func draw(
    _ plan: PicturePlan, sources: Int, output: OutputOptions,
    _ draw: (_ item: PicturePlan.Item, _ title: String) throws -> (Image, PictureRecord)
  ) throws {
    let grid = grid.map { URL(fileURLWithPath: $0) }
    try plan.prepare(and: grid.map { [$0] } ?? [])
    var report = Report(pictures: [], grid: grid?.path)
    var images: [Image] = []
    for (index, item) in plan.items.enumerated() {
      let began = ContinuousClock.now
      let title = plan.items.count > 1 ? "\(index + 1)/\(plan.items.count)" : ""
      let (image, record) = try draw(item, title)
      try image.write(to: item.url, text: record.chunks)
      let seconds = (ContinuousClock.now - began).seconds
      report.pictures.append(.init(path: item.url.path, settings: record, seconds: seconds))
      if grid != nil { images.append(image) }
      if !output.json { print(item.url.path) }
    }
    if let grid {
      let columns = sources > 1 && count > 1 ? count : Self.columns(images.count)
      try ContactSheet.grid(images, columns: columns).write(to: grid)
      if !output.json { print(grid.path) }
    }
    if output.json { try Output.json(report) }
  }

  /// Columns that make a grid of `count` pictures as square as it can be.
  static func columns(_ count: Int) -> Int {
    Int(Double(count).squareRoot().rounded(.up))
  }
}
