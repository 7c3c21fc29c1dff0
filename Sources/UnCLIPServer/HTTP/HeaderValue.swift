/// The value of a header that has parameters, such as `form-data; name="image"`.
///
/// A parameter may stand in quotes, inside which a backslash takes `"` and `\` as they are and any
/// other character stands for itself; of two with one name the first counts.
struct HeaderValue: Equatable {
  /// What stands before the parameters.
  private(set) var name: String
  /// The parameters, by name in lower case.
  private(set) var parameters: [String: String] = [:]

  /// Reads a value.
  init(_ text: String) {
    var rest = Substring(text).unicodeScalars[...]
    name = Self.take(from: &rest, until: ";")
    while rest.popFirst() != nil {
      let key = Self.take(from: &rest, until: "=;").lowercased()
      var value = ""
      if rest.first == "=" {
        rest.removeFirst()
        rest = rest.drop(while: Self.isSpace)
        value = rest.first == "\"" ? Self.quoted(from: &rest) : Self.take(from: &rest, until: ";")
        // Nothing belongs between a closing quote and the next parameter.
        rest = rest.drop { $0 != ";" }
      }
      if !key.isEmpty, parameters[key] == nil { parameters[key] = value }
    }
  }

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }

  /// Takes what stands before one of some characters, without the spaces around.
  private static func take(
    from rest: inout Substring.UnicodeScalarView, until ends: String
  ) -> String {
    var taken = rest.prefix { !ends.unicodeScalars.contains($0) }
    rest = rest[taken.endIndex...]
    taken = taken.drop(while: isSpace)
    while let last = taken.last, isSpace(last) { taken.removeLast() }
    return String(taken)
  }

  private static func quoted(from rest: inout Substring.UnicodeScalarView) -> String {
    var text = String.UnicodeScalarView()
    rest.removeFirst()
    while let scalar = rest.popFirst(), scalar != "\"" {
      if scalar == "\\", let next = rest.first, next == "\"" || next == "\\" {
        text.append(rest.removeFirst())
      } else {
        text.append(scalar)
      }
    }
    return String(text)
  }
}
