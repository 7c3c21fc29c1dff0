/// Seconds that an image takes, measured: a running average for each operation and size.
struct SpeedEstimate {
  private var seconds: [String: Double] = [:]
  private var overall: Double?

  /// What is taken before anything is measured.
  static let unknown = 5.0
  /// How much a new measurement counts.
  private static let weight = 0.2

  /// The average over everything.
  var average: Double { overall ?? Self.unknown }

  /// Seconds for an image of a request.
  func seconds(for request: JobRequest) -> Double { seconds[Self.key(request)] ?? average }

  /// Takes a measurement.
  mutating func add(_ value: Double, for request: JobRequest) {
    let key = Self.key(request)
    seconds[key] = Self.mixed(seconds[key], value)
    if request.operation.makesImages { overall = Self.mixed(overall, value) }
  }

  private static func mixed(_ old: Double?, _ new: Double) -> Double {
    old.map { $0 + (new - $0) * weight } ?? new
  }

  private static func key(_ request: JobRequest) -> String {
    "\(request.operation.rawValue) \(request.size ?? 0)"
  }
}
