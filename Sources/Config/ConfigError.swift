public import Foundation

/// What is wrong with a configuration.
public enum ConfigError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The file cannot be opened or is not JSON.
  case unreadable(file: String, reason: String)
  /// Unknown keys; `nearest` holds the right spelling of those that look misspelt.
  case unknownKeys(file: String, keys: [String], nearest: [String: String] = [:])
  /// A required key is missing.
  case missingKey(file: String, key: String)
  /// The configuration of a model of another family.
  case otherModel(file: String, found: String, needed: String)
  /// A value of the wrong type or outside its range.
  case invalid(file: String, key: String, value: String, expected: String)

  /// `description`, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// What is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      return "\(file): cannot be read as a configuration: \(reason)."
    case .unknownKeys(let file, let keys, let nearest):
      let shown = keys.prefix(5).map { key in
        "'\(key)'" + (nearest[key].map { " (did you mean '\($0)'?)" } ?? "")
      }
      let more = keys.count > 5 ? " and \(keys.count - 5) more" : ""
      return "\(file): unknown key \(shown.joined(separator: ", "))\(more); remove it or correct "
        + "its spelling."
    case .missingKey(let file, let key):
      return "\(file): the key '\(key)' is missing; add it."
    case .otherModel(let file, let found, let needed):
      return "\(file): this is the configuration of \(found), but \(needed) is needed; give the "
        + "folder of such a model."
    case .invalid(let file, let key, let value, let expected):
      return "\(file): '\(key)' is \(value), but \(expected)."
    }
  }
}

/// A word in a configuration for one of a few choices; a wrong one is refused with their list.
public protocol ConfigChoice: RawRepresentable, CaseIterable, Codable, Sendable
where RawValue == String {}

extension ConfigChoice {
  /// Decodes one of the choices.
  ///
  /// - Throws: What ``ConfigFile`` reports as `ConfigError.invalid`.
  public init(from decoder: any Decoder) throws {
    let names = Self.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    let rule = ConfigFault(
      path: decoder.codingPath,
      expected: Self.allCases.count == 1
        ? "only \(names) is supported" : "it must be one of \(names)")
    let name: String
    do {
      name = try decoder.singleValueContainer().decode(String.self)
    } catch is DecodingError {
      throw rule
    }
    guard let choice = Self(rawValue: name) else { throw rule }
    self = choice
  }
}

/// A rule that a value breaks, found while it is decoded; ``ConfigFile`` adds file and value.
package struct ConfigFault: Error {
  let path: [any CodingKey]
  let expected: String

  package init(path: [any CodingKey], expected: String) {
    self.path = path
    self.expected = expected
  }
}
