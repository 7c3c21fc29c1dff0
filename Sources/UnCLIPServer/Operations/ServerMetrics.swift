import Foundation
import Synchronization

/// Counts what a server does, and writes it as Prometheus' text.
public final class ServerMetrics: Sendable {
  private struct Histogram {
    var counts: [Int]
    var count = 0
    var sum = 0.0
  }

  private struct State {
    var values: [MetricFamily: [[String]: Double]] = [:]
    var histograms: [MetricFamily: [[String]: Histogram]] = [:]
  }

  private let state = Mutex(State())

  /// Begins to count.
  public init() {
    set(.startTime, to: Date().timeIntervalSince1970)
    for family in [MetricFamily.requestsInProgress, .draining, .loaded] { set(family, to: 0) }
  }

  // MARK: Counting

  func add(_ value: Double = 1, to family: MetricFamily, _ labels: String...) {
    precondition(
      labels.count == family.labels.count && family.kind != .histogram,
      "\(labels) are no labels of \(family.name)")
    state.withLock { $0.values[family, default: [:]][labels, default: 0] += value }
  }

  func observe(_ value: Double, of family: MetricFamily, _ labels: String...) {
    precondition(
      labels.count == family.labels.count && family.kind == .histogram,
      "\(labels) are no labels of \(family.name)")
    state.withLock { state in
      let none = Histogram(counts: Array(repeating: 0, count: family.bounds.count))
      var histogram = state.histograms[family]?[labels] ?? none
      if let bucket = family.bounds.firstIndex(where: { value <= $0 }) {
        histogram.counts[bucket] += 1
      }
      histogram.count += 1
      histogram.sum += value
      state.histograms[family, default: [:]][labels] = histogram
    }
  }

  /// Sets a value, in place of those with other labels.
  func set(_ family: MetricFamily, to value: Double, _ labels: String...) {
    precondition(labels.count == family.labels.count, "\(labels) are no labels of \(family.name)")
    state.withLock { $0.values[family] = [labels: value] }
  }

  func remove(_ family: MetricFamily) { state.withLock { $0.values[family] = nil } }

  /// Counts what a queue says.
  public func take(_ event: QueueEvent) {
    switch event {
    case .accepted(let record): add(to: .accepted, record.request.operation.rawValue)
    case .refused(_, let refusal): add(to: .refused, refusal.reason)
    case .step(let step): add(to: .steps, step.stage)
    case .image(let request): add(to: .images, request.operation.rawValue)
    case .ended(let record):
      let operation = record.request.operation.rawValue
      add(to: .ended, operation, record.state.rawValue)
      if let failure = record.failure { add(to: .failed, failure.reason) }
      guard let started = record.started else { return }
      observe(started.timeIntervalSince(record.created), of: .waitSeconds)
      if let finished = record.finished {
        observe(finished.timeIntervalSince(started), of: .runSeconds, operation)
      }
    }
  }

  // MARK: Text

  /// The text of all that was counted, in version 0.0.4 of Prometheus' format.
  var text: String {
    let state = state.withLock { $0 }
    var text = ""
    for family in MetricFamily.all {
      text +=
        "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
      for (labels, value) in Self.sorted(state.values[family]) {
        text += Self.line(family.name, family.labels, labels, value)
      }
      for (labels, histogram) in Self.sorted(state.histograms[family]) {
        var sum = 0
        let names = family.labels + ["le"]
        for (bound, count) in zip(family.bounds, histogram.counts) {
          sum += count
          text += Self.line(
            family.name + "_bucket", names, labels + [Self.text(of: bound)], Double(sum))
        }
        let count = Double(histogram.count)
        text += Self.line(family.name + "_bucket", names, labels + ["+Inf"], count)
        text += Self.line(family.name + "_sum", family.labels, labels, histogram.sum)
        text += Self.line(family.name + "_count", family.labels, labels, count)
      }
    }
    return text
  }

  private static func sorted<Value>(_ series: [[String]: Value]?) -> [([String], Value)] {
    (series ?? [:]).map { ($0.key, $0.value) }.sorted { $0.0.lexicographicallyPrecedes($1.0) }
  }

  private static func line(
    _ name: String, _ keys: [String], _ labels: [String], _ value: Double
  ) -> String {
    let pairs = zip(keys, labels).map { key, label in
      let escaped = label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        .replacing("\n", with: "\\n")
      return "\(key)=\"\(escaped)\""
    }
    let group = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
    return "\(name)\(group) \(text(of: value))\n"
  }

  private static func text(of value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    let whole = Int64(exactly: value)
    return whole.map(String.init) ?? "\(value)"
  }
}

extension JobRefusal {
  /// Its name among measurements.
  var reason: String {
    switch self {
    case .invalid: "invalid"
    case .full: "queue_full"
    case .overShare: "share"
    case .rate: "rate"
    case .notReady: "loading"
    case .draining: "draining"
    case .noSpace: "no_space"
    }
  }
}

extension JobFailure {
  /// Its name among measurements and in the log.
  var reason: String {
    switch self {
    case .invalid: "invalid"
    case .crashed: "crashed"
    case .outOfMemory: "out_of_memory"
    case .noSpace: "no_space"
    case .expired: "expired"
    case .cancelled: "cancelled"
    case .interrupted: "interrupted"
    case .failed: "failed"
    }
  }
}
