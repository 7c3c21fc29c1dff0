import Datasets
import Files
import Foundation
import ImageMetrics
import Imaging
import Training
import UnCLIP

/// The page of `unclip evaluate`: one HTML file that needs nothing else.
struct EvaluationPage {
  /// Its source.
  let html: String

  /// Side of an image in a row, pixels of the page.
  static let thumbnail = 68

  /// The training log of a run.
  typealias Run = (name: String, lines: [TrainingSummary])

  /// Shows what was measured of a model.
  ///
  /// - Throws: `ImageError.unencodable`.
  init(
    _ report: EvaluationReport, model: ModelFolder, data: [String], runs: [Run]
  ) throws {
    let result = report.result
    let title = "Evaluation of \(model.url.lastPathComponent)"
    var sections: [HTML] = [
      .tag(
        "header", [:], .tag("h1", [:], HTML(title)),
        .tag(
          "p", ["class": "soft"],
          HTML(
            "\(Int(result.measures["images"] ?? 0)) images of \(data.joined(separator: ", "))"
              + (result.measures["captions"].map { "; \(Int($0)) generated of captions" } ?? "")
              + "; features of \(report.features.text)")))
    ]
    if let stages = result.stages { sections.append(try Self.stages(stages)) }
    let (prefix, true_) = ("captions_", "_true")
    let figures = MetricWords.all.compactMap { words in
      result.measures[prefix + words.key].map { value in
        Self.figure(
          words, Estimate(value, result.intervals[prefix + words.key]),
          truth: result.measures[prefix + words.key + true_])
      }
    }
    if !figures.isEmpty { sections.append(Self.figures(figures, isBiased: result.isFrechetBiased)) }
    if !report.averages.isEmpty { sections.append(Self.averages(report.averages)) }
    if !result.guidance.isEmpty { sections.append(try Self.guidance(result.guidance)) }
    if !result.rows.isEmpty {
      sections.append(
        Self.section(
          "Images", "What was measured. Look at them: no metric sees what people see.",
          try result.rows.map { try Self.row($0.title, $0.images, wraps: true) }))
    }
    if !runs.isEmpty { sections.append(Self.training(runs)) }
    sections.append(try Self.details(report))
    html = Self.page(title, sections)
  }

  /// Shows two folders.
  ///
  /// - Throws: `ImageError.unencodable`.
  init(
    _ report: ComparisonReport, images: (name: String, shown: [Image]),
    data: (name: String, shown: [Image])
  ) throws {
    let title = "\(images.name) compared with \(data.name)"
    let found = Dictionary(
      uniqueKeysWithValues: report.comparison.estimates.map { ($0.name, $0.estimate) })
    let figures = MetricWords.all.compactMap { words in
      found[words.key].map { Self.figure(words, $0, truth: nil) }
    }
    var summary =
      "\(report.images) and \(report.references) images; features of \(report.features.text)"
    let skipped = report.skipped.reduce(0) { $0 + $1.count }
    if skipped > 0 { summary += "; \(skipped) files could not be read" }
    html = Self.page(
      title,
      [
        .tag(
          "header", [:], .tag("h1", [:], HTML(title)),
          .tag("p", ["class": "soft"], HTML(summary))),
        Self.figures(figures, isBiased: report.comparison.isFrechetBiased),
        Self.section(
          "Images", "The first of each folder.",
          try [images, data].filter { !$0.shown.isEmpty }.map {
            try Self.row($0.name, $0.shown, wraps: true)
          }),
      ])
  }

  /// Writes the file.
  ///
  /// - Throws: `CommandError.cannotCreate`.
  func write(to url: URL, replacing: Bool) throws(CommandError) {
    do throws(FileError) {
      try AtomicFile.write(Data(html.utf8), to: url, replacing: replacing)
    } catch {
      throw .cannotCreate(path: url.path, reason: error.reason, option: "--page")
    }
  }

  // MARK: Parts

  private static func page(_ title: String, _ sections: [HTML]) -> String {
    HTML.page(title: title, style: style, [.tag("main", [:], sections)])
  }

  /// A section with its title and what it is about.
  static func section(_ title: String, _ lead: String, _ content: [HTML]) -> HTML {
    .tag(
      "section", [:],
      [.tag("h2", [:], HTML(title)), .tag("p", ["class": "soft"], HTML(lead))] + content)
  }

  /// A row of images under its title, side by side or in several lines.
  static func row(
    _ title: String, _ images: [Image], width: Int = thumbnail, wraps: Bool = false
  ) throws(ImageError) -> HTML {
    var cells: [HTML] = []
    for (index, image) in images.enumerated() {
      cells.append(try .image(image, alt: "\(title), \(index + 1)", width: width))
    }
    return .tag(
      "div", [:], .tag("p", ["class": "name"], HTML(title)),
      .tag("div", ["class": wraps ? "strip wrap" : "strip"], cells))
  }

  /// A metric as a card.
  static func figure(_ words: MetricWords, _ estimate: Estimate, truth: Double?) -> HTML {
    var lines: [HTML] = [
      .tag("h3", [:], HTML(words.title)),
      .tag("div", ["class": "value"], HTML(words.text(estimate.value))),
    ]
    if let interval = estimate.interval {
      let ends = "\(words.text(interval.lower)) to \(words.text(interval.upper))"
      lines.append(.tag("p", ["class": "soft"], HTML("95 %: " + ends)))
    }
    if let truth {
      lines.append(.tag("p", ["class": "soft"], HTML("true images: " + words.text(truth))))
    }
    let direction = words.direction.isEmpty ? "" : " " + words.direction.capitalizedFirst + "."
    lines.append(.tag("p", [:], HTML(words.meaning + direction)))
    return .tag("div", ["class": "card"], lines)
  }

  /// The cards of metrics.
  static func figures(_ cards: [HTML], isBiased: Bool?) -> HTML {
    var lead =
      "Generated images beside real ones. A difference within the intervals may be accidental; compare only "
      + "sets of as many images, and models on the same captions."
    if isBiased == true {
      lead +=
        " Of fewer than \(FrechetDistance.fewestImages) images the Fréchet distance is too large; "
        + "go by the kernel distance."
    }
    return section("Metrics", lead, [.tag("div", ["class": "figures"], cards)])
  }
}

extension String {
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
