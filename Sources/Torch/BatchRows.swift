/// Some rows of a batch that several processes share, one after another.
public struct BatchRows: Sendable, Hashable {
  /// The rows, which are not empty.
  public let range: Range<Int>
  /// The number of rows of the whole batch.
  public let total: Int

  /// Chooses rows of a batch of `total`.
  ///
  /// - Precondition: The rows are not empty and lie in the batch.
  public init(_ range: Range<Int>, of total: Int) {
    precondition(
      !range.isEmpty && range.lowerBound >= 0 && range.upperBound <= total,
      "rows \(range) of a batch of \(total)")
    self.range = range
    self.total = total
  }

  /// All rows of a batch.
  public static func all(_ total: Int) -> BatchRows { BatchRows(0..<total, of: total) }

  /// Whether no row is left out.
  public var isWhole: Bool { range.count == total }
  /// The rows as a fraction of the batch.
  public var fraction: Double { Double(range.count) / Double(total) }
}
