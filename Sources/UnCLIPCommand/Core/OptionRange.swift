import ArgumentParser

/// The range of a numeric option, which its help text and its check both say.
struct OptionRange<Value: Comparable & LosslessStringConvertible & Sendable>: Sendable {
  let option: String
  let range: ClosedRange<Value>

  /// Takes the option's name and its range.
  init(_ option: String, _ range: ClosedRange<Value>) {
    (self.option, self.range) = (option, range)
  }

  /// `1 to 1000`.
  var text: String { "\(Self.short(range.lowerBound)) to \(Self.short(range.upperBound))" }

  /// A help text with the range after it: `Batch size, 1 to 4096; NOTE.`
  func help(_ text: String, note: String? = nil, valueName: String = "n") -> ArgumentHelp {
    ArgumentHelp(
      "\(text), \(self.text)\(note.map { "; \($0)" } ?? "").",
      valueName: valueName)
  }

  /// Refuses a value outside the range.
  /// - Throws: `ValidationError`.
  func check(_ value: Value?) throws {
    guard let value, !range.contains(value) else { return }
    throw ValidationError("\(option) is \(Self.short(value)), but it must be \(text).")
  }

  /// Without the `.0` of whole floating-point numbers.
  private static func short(_ value: Value) -> String {
    let text = String(value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
