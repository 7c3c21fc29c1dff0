extension Tensor: CustomStringConvertible {
  /// The dtype, shape and device, then the values; long axes show their first and last three.
  public var description: String {
    let place = device == .cpu ? "" : " on \(device)"
    let values = edges
    let text = values.map(numberText)
    let width = text.map(\.count).max() ?? 0
    var next = 0
    let body = block(axis: 0, indent: 1) {
      defer { next += 1 }
      let number = next < text.count ? text[next] : ""
      return String(repeating: " ", count: width - number.count) + number
    }
    return "\(dtype)\(shape)\(place)\n\(body)"
  }

  /// The number of indices shown at each end of a long axis.
  private static let shownEdge = 3

  private static func isLong(_ length: Int) -> Bool { length > 2 * shownEdge + 1 }

  /// The values that are shown, in row-major order.
  private var edges: [Double] {
    var shown = detached()
    for (axis, length) in shape.enumerated() where Tensor.isLong(length) {
      shown = .concatenated(
        [
          shown.narrowed(axis, start: 0, count: Tensor.shownEdge),
          shown.narrowed(axis, start: length - Tensor.shownEdge, count: Tensor.shownEdge),
        ], over: axis)
    }
    return shown.array(of: Double.self)
  }

  private func numberText(_ value: Double) -> String {
    if dtype == .bool { return value == 0 ? "false" : "true" }
    if !dtype.isFloatingPoint, let whole = Int(exactly: value) { return "\(whole)" }
    return dtype == .float64 ? "\(value)" : "\(Float(value))"
  }

  /// Returns an axis in brackets, with all axes after it.
  private func block(axis: Int, indent: Int, _ next: () -> String) -> String {
    guard axis < rank else { return next() }
    let length = dim(axis)
    let shown = Tensor.isLong(length) ? 2 * Tensor.shownEdge : length
    var parts = (0..<shown).map { _ in block(axis: axis + 1, indent: indent + 1, next) }
    if shown < length { parts.insert("…", at: Tensor.shownEdge) }
    let separator =
      axis == rank - 1 ? ", " : ",\n" + String(repeating: " ", count: indent)
    return "[" + parts.joined(separator: separator) + "]"
  }
}
