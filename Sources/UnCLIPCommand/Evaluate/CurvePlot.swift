import Foundation
import ImageMetrics

/// A plot of curves as inline SVG, which takes its colours from the page's style.
struct CurvePlot {
  /// A curve.
  struct Series {
    var name: String
    var points: [Point]
  }

  /// A point of a curve.
  struct Point {
    var x: Double
    var y: Double
    /// A band around the curve.
    var interval: ConfidenceInterval?
  }

  /// What stands above it.
  var title: String
  /// What stands below it.
  var axis: String
  var series: [Series]
  /// Whether single points are marked.
  var hasMarks = false

  private static let (width, height) = (420.0, 240.0)
  private static let (left, right, top, bottom) = (54.0, 12.0, 10.0, 34.0)
  /// The most points of a curve that are drawn.
  private static let mostPoints = 400

  /// The plot with its title; nil without a finite point.
  var html: HTML? {
    let shown = series.map { Self.thinned($0) }.filter { !$0.points.isEmpty }
    guard let xs = Self.range(shown.flatMap { $0.points.map(\.x) }) else { return nil }
    let values = shown.flatMap { series in
      series.points.flatMap { [$0.y, $0.interval?.lower, $0.interval?.upper].compactMap(\.self) }
    }
    let isLog = (values.min() ?? 0) > 0 && (values.max() ?? 0) / (values.min() ?? 1) > 30
    guard let ys = Self.range(values.map { isLog ? log10($0) : $0 }) else { return nil }
    func x(_ value: Double) -> Double {
      Self.left + (value - xs.lowerBound) / (xs.upperBound - xs.lowerBound)
        * (Self.width - Self.left - Self.right)
    }
    func y(_ value: Double) -> Double {
      let value = isLog ? log10(max(value, 1e-300)) : value
      return Self.height - Self.bottom - (value - ys.lowerBound)
        / (ys.upperBound - ys.lowerBound) * (Self.height - Self.top - Self.bottom)
    }
    var parts = grid(xs, ys, isLog: isLog, x, y)
    for (index, series) in shown.enumerated() {
      parts += curve(series, "c\(index % 4)", x, y)
    }
    let svg = HTML.tag(
      "svg",
      [
        "viewBox": "0 0 \(Int(Self.width)) \(Int(Self.height))", "role": "img",
        "aria-label": "\(title): \(Self.spoken(shown))",
      ], parts)
    let legend = shown.enumerated().map { index, series in
      HTML.tag("span", ["class": "key c\(index % 4)"], HTML(series.name))
    }
    return HTML.tag(
      "figure", ["class": "plot"],
      .tag("figcaption", [:], HTML(title + (isLog ? " (logarithmic)" : ""))), svg,
      .tag("p", ["class": "legend"], legend))
  }

  private func curve(
    _ series: Series, _ style: String, _ x: (Double) -> Double, _ y: (Double) -> Double
  ) -> [HTML] {
    var parts: [HTML] = []
    let banded = series.points.compactMap { point in point.interval.map { (point.x, $0) } }
    if banded.count > 1 {
      let edge =
        banded.map { (x($0), y($1.upper)) } + banded.reversed().map { (x($0), y($1.lower)) }
      parts.append(.tag("polygon", ["class": "band \(style)", "points": Self.text(edge)]))
    }
    let line = series.points.map { (x($0.x), y($0.y)) }
    parts.append(.tag("polyline", ["class": "line \(style)", "points": Self.text(line)]))
    if hasMarks || line.count == 1 {
      parts += line.map {
        .tag(
          "circle", ["class": "mark \(style)", "cx": Self.text($0), "cy": Self.text($1), "r": "3"])
      }
    }
    return parts
  }

  private func grid(
    _ xs: ClosedRange<Double>, _ ys: ClosedRange<Double>, isLog: Bool, _ x: (Double) -> Double,
    _ y: (Double) -> Double
  ) -> [HTML] {
    let (end, foot) = (Self.width - Self.right, Self.height - Self.bottom)
    var parts: [HTML] = []
    for tick in isLog ? Self.powers(ys) : Self.ticks(ys) {
      let place = y(tick)
      parts.append(line(Self.left, place, end, place))
      parts.append(label(Self.short(tick), Self.left - 6, place + 4, "end"))
    }
    for tick in Self.ticks(xs) {
      parts.append(line(x(tick), foot, x(tick), foot + 4))
      parts.append(label(Self.short(tick), x(tick), foot + 16, "middle"))
    }
    parts.append(label(axis, (Self.left + end) / 2, Self.height - 3, "middle"))
    return parts
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> HTML {
    .tag(
      "line",
      [
        "class": "grid", "x1": Self.text(x1), "y1": Self.text(y1), "x2": Self.text(x2),
        "y2": Self.text(y2),
      ])
  }

  private func label(_ text: String, _ x: Double, _ y: Double, _ anchor: String) -> HTML {
    .tag(
      "text", ["x": Self.text(x), "y": Self.text(y), "text-anchor": anchor], HTML(text))
  }

  // MARK: Numbers

  /// The ends of finite values, apart even where they are equal; nil without any.
  private static func range(_ values: [Double]) -> ClosedRange<Double>? {
    let finite = values.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else { return nil }
    if high > low { return low...high }
    let room = max(abs(low) * 0.1, 0.5)
    return low - room...high + room
  }

  /// Round values in a range, about five.
  static func ticks(_ range: ClosedRange<Double>) -> [Double] {
    let span = range.upperBound - range.lowerBound
    guard span > 0, span.isFinite else { return [] }
    let power = pow(10, floor(log10(span / 4)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { span / $0 <= 5 } ?? 10 * power
    let (first, last) = (ceil(range.lowerBound / step), floor(range.upperBound / step))
    guard last - first < 20 else { return [] }
    return Array(stride(from: first, through: last, by: 1)).map { $0 * step }
  }

  /// Powers of ten whose exponents are in a range, or round values between two of them.
  private static func powers(_ exponents: ClosedRange<Double>) -> [Double] {
    let factors = exponents.upperBound - exponents.lowerBound > 3 ? [1.0] : [1, 2, 5]
    let all = Int(floor(exponents.lowerBound))...Int(ceil(exponents.upperBound))
    return all.flatMap { power in factors.map { $0 * pow(10, Double(power)) } }
      .filter { exponents.contains(log10($0)) }
  }

  /// `12000` as `12k`, without needless zeros.
  static func short(_ value: Double) -> String {
    let size = abs(value)
    if size >= 1e6 { return plain(value / 1e6) + "M" }
    if size >= 1e4 { return plain(value / 1e3) + "k" }
    return plain(value)
  }

  private static func plain(_ value: Double) -> String {
    value == 0 ? "0" : String(format: abs(value) >= 1000 ? "%.0f" : "%.3g", value)
  }

  private static func text(_ value: Double) -> String { String(format: "%.1f", value) }

  private static func text(_ points: [(Double, Double)]) -> String {
    points.map { text($0) + "," + text($1) }.joined(separator: " ")
  }

  /// What a reader of the page's text is told: the first and the last value of each curve.
  private static func spoken(_ series: [Series]) -> String {
    series.map { series in
      let (first, last) = (series.points.first?.y ?? 0, series.points.last?.y ?? 0)
      return "\(series.name) from \(short(first)) to \(short(last))"
    }.joined(separator: ", ")
  }

  /// Without points that are not finite, and averages of neighbours where there are too many.
  private static func thinned(_ series: Series) -> Series {
    var series = series
    series.points = series.points.filter { $0.x.isFinite && $0.y.isFinite }
    let size = (series.points.count + mostPoints - 1) / mostPoints
    guard size > 1 else { return series }
    series.points = stride(from: 0, to: series.points.count, by: size).map { start in
      let some = series.points[start..<min(start + size, series.points.count)]
      return Point(
        x: some.reduce(0) { $0 + $1.x } / Double(some.count),
        y: some.reduce(0) { $0 + $1.y } / Double(some.count))
    }
    return series
  }
}
