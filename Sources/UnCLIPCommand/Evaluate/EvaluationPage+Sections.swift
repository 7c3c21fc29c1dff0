import Foundation
import ImageMetrics
import Imaging
import Training

extension EvaluationPage {
  /// The verdict and a card for each stage.
  static func stages(_ stages: StageDiagnosis) throws(ImageError) -> HTML {
    var content: [HTML] = [
      .tag(
        "div", ["class": stages.fault == nil ? "card verdict" : "card verdict bad"],
        .tag("p", [:], HTML(stages.verdict)))
    ]
    for finding in stages.findings { content.append(try card(finding, stages)) }
    if let whole = stages.whole {
      var rows: [HTML] = []
      for (title, images) in stages.rows { rows.append(try row(title, images)) }
      content.append(
        .tag(
          "div", ["class": "card"],
          [
            head("All stages", percent(whole)),
            bar(whole),
            .tag(
              "p", ["class": "soft"],
              HTML("likeness of images of captions to the captions' own images")),
          ] + rows))
    }
    return section(
      "Which stage",
      "Each stage is given what the stage before should have made, so its own faults show. 100 % is "
        + "the truth itself, 0 % an unrelated image.", content)
  }

  private static func card(
    _ finding: StageDiagnosis.Finding, _ stages: StageDiagnosis
  ) throws(ImageError) -> HTML {
    let isUpsampler = [.upsampler, .secondUpsampler].contains(finding.stage)
    let value =
      isUpsampler
      ? (finding.score < 0 ? "" : "+") + "\(finding.score.formatted(places: 1)) dB"
      : percent(finding.score)
    var lines = [head(title(of: finding.stage), value)]
    if !isUpsampler { lines.append(bar(finding.score)) }
    var meaning = finding.meaning
    if finding.stage == .decoder, let detail = stages.detail {
      meaning +=
        "; fine detail \(detail.formatted(places: 1)) times the true images': below 1 is blur, several "
        + "times as much is noise; noise in flat areas "
        + "\((255 * (stages.grain ?? 0)).formatted(places: 1)) of 255 levels, of which 5 are seen at once"
    }
    lines.append(.tag("p", ["class": "soft"], HTML(meaning)))
    for (title, images) in finding.rows {
      lines.append(try row(title, images, width: isUpsampler ? 200 : thumbnail))
    }
    return .tag("div", ["class": stages.fault == finding.stage ? "card bad" : "card"], lines)
  }

  private static func title(of stage: StageDiagnosis.Stage) -> String {
    switch stage {
    case .clip: "CLIP"
    case .decoder: "Decoder"
    case .prior: "Prior"
    case .upsampler: "Upsampler"
    case .secondUpsampler: "Second upsampler"
    }
  }

  private static func head(_ title: String, _ value: String) -> HTML {
    .tag(
      "div", ["class": "head"], .tag("h3", [:], HTML(title)),
      .tag("span", ["class": "value"], HTML(value)))
  }

  private static func bar(_ fraction: Double) -> HTML {
    let width = (100 * min(max(fraction, 0), 1)).formatted(places: 0)
    return .tag("div", ["class": "bar"], .tag("span", ["style": "width: \(width)%"]))
  }

  private static func percent(_ fraction: Double) -> String {
    (100 * fraction).formatted(places: 0) + " %"
  }

  // MARK: Guidance

  /// Curves over the scales, and a row of images of each.
  static func guidance(_ points: [GuidancePoint]) throws(ImageError) -> HTML {
    let stages = ["decoder", "prior"].filter { stage in points.contains { $0.stage == stage } }
    let plots = MetricWords.all.compactMap { words -> HTML? in
      let series = stages.map { stage in
        CurvePlot.Series(
          name: "\(stage)'s guidance",
          points: points.filter { $0.stage == stage }.compactMap { point in
            point.estimates.first { $0.name == words.key }.map {
              CurvePlot.Point(x: point.scale, y: $0.estimate.value, interval: $0.estimate.interval)
            }
          })
      }.filter { !$0.points.isEmpty }
      guard !series.isEmpty else { return nil }
      let direction = words.direction.isEmpty ? "" : ", " + words.direction
      return CurvePlot(
        title: words.title + direction, axis: "scale of guidance", series: series, hasMarks: true
      ).html
    }
    var rows: [HTML] = []
    for point in points {
      rows.append(
        try row("\(point.stage)'s guidance \(CurvePlot.short(point.scale))", point.images))
    }
    return section(
      "Guidance",
      "More guidance makes images fit their captions better and differ less from each other. Choose "
        + "the scale where the kernel distance is lowest, or beyond it the one whose images you like. "
        + "Bands are the intervals; the captions are the same at each scale, so small steady differences "
        + "may be real.",
      [
        .tag("div", ["class": "plots"], plots),
        .tag("div", ["class": "card"], rows),
      ])
  }

  // MARK: Averages

  /// A table of the lengths of average.
  static func averages(_ averages: [EvaluationReport.Average]) -> HTML {
    let words = MetricWords.all.filter { words in
      averages.contains { $0.result.measures["captions_" + words.key] != nil }
    }
    let head =
      [HTML.tag("th", [:], "decay")]
      + words.map { .tag("th", ["class": "number"], HTML($0.column)) }
    let rows = averages.map { average in
      HTML.tag(
        "tr", [:],
        [.tag("td", [:], HTML(average.decay.map { "\($0)" } ?? "the model's own"))]
          + words.map { words in
            let value = average.result.measures["captions_" + words.key]
            return .tag("td", ["class": "number"], HTML(value.map(words.text) ?? "-"))
          })
    }
    return section(
      "Averages of the weights",
      "The same captions with weights averaged over other lengths; take one with unclip assemble --ema.",
      [
        .tag(
          "div", ["class": "card wide"],
          .tag("table", [:], .tag("thead", [:], .tag("tr", [:], head)), .tag("tbody", [:], rows)))
      ])
  }

  // MARK: Training

  /// The curves of runs: the loss, and each metric of seen and held-out images.
  static func training(_ runs: [Run]) -> HTML {
    let content = runs.flatMap { run -> [HTML] in
      let plots = curves(of: run.lines)
      return [
        .tag("h3", [:], HTML(run.name)),
        .tag(
          "p", ["class": "soft"],
          HTML("\(run.lines.last?.step ?? 0) steps, \(hours(run.lines.last?.seconds ?? 0))")),
        .tag("div", ["class": "plots"], plots),
      ]
    }
    return section(
      "Training",
      "A loss that still falls wants more steps. Where the curve of held-out images turns away from that "
        + "of seen ones, the model learns its images by heart: stop there, or train on more.",
      content)
  }

  private static let mostPlots = 7
  private static let parts = ["seen_", "held_out_"]

  private static func curves(of lines: [TrainingSummary]) -> [HTML] {
    let scalars = lines.map { line in
      (
        step: Double(line.step),
        values: Dictionary(line.scalars, uniquingKeysWith: { first, _ in first })
      )
    }
    func series(_ key: String, _ name: String) -> CurvePlot.Series {
      CurvePlot.Series(
        name: name,
        points: scalars.compactMap { step, values in
          values[key].map { CurvePlot.Point(x: step, y: $0) }
        })
    }
    var names: [String] = []
    for key in scalars.flatMap(\.values.keys).sorted() where key.hasPrefix("metrics/") {
      let metric = key.dropFirst("metrics/".count)
      guard !metric.hasSuffix("_count") else { continue }
      let name = parts.first { metric.hasPrefix($0) }.map { String(metric.dropFirst($0.count)) }
      if !names.contains(name ?? String(metric)) { names.append(name ?? String(metric)) }
    }
    let metrics = names.prefix(mostPlots - 1).map { name in
      CurvePlot(
        title: name.replacing("_", with: " "), axis: "steps",
        series: [
          series("metrics/seen_" + name, "seen images"),
          series("metrics/held_out_" + name, "held-out images"),
          series("metrics/" + name, name.replacing("_", with: " ")),
        ].filter { !$0.points.isEmpty })
    }
    let loss = CurvePlot(title: "loss", axis: "steps", series: [series("loss", "loss")])
    return ([loss] + metrics).compactMap(\.html)
  }

  private static func hours(_ seconds: Double) -> String { ProgressReporter.duration(seconds) }

  // MARK: Details

  /// Everything that was measured and how, folded up.
  static func details(_ report: EvaluationReport) throws -> HTML {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let object = try JSONSerialization.jsonObject(with: encoder.encode(report.sampling))
    let settings = (object as? [String: Any] ?? [:]).sorted { $0.key < $1.key }
      .map { ($0.key, "\($0.value)", "") }
    let measures = report.result.measures.sorted { $0.key < $1.key }.map { key, value in
      let interval = report.result.intervals[key].map {
        "\(CurvePlot.short($0.lower)) to \(CurvePlot.short($0.upper))"
      }
      return (key, CurvePlot.short(value), interval ?? "")
    }
    func table(_ rows: [(String, String, String)]) -> HTML {
      .tag(
        "div", ["class": "wide"],
        .tag(
          "table", [:],
          rows.map { name, value, interval in
            .tag(
              "tr", [:], .tag("td", [:], HTML(name)),
              .tag("td", ["class": "number"], HTML(value)),
              .tag("td", ["class": "number"], HTML(interval)))
          }))
    }
    return .tag(
      "section", [:],
      .tag("h2", [:], "Everything"),
      .tag("details", ["class": "card"], .tag("summary", [:], "All metrics"), table(measures)),
      .tag(
        "details", ["class": "card"], .tag("summary", [:], "How the model sampled"),
        table(settings)))
  }
}
