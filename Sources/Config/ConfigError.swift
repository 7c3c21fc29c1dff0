public import Foundation

/// What is wrong with a configuration; each case reads as one sentence a user can act on.
public enum ConfigError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The file cannot be opened or is not JSON.
  case unreadable(file: String, reason: String)
  /// Keys this program does not know.
  case unknownKeys(file: String, keys: [String])
  /// A key that must be there is not.
  case missingKey(file: String, key: String)
  /// The configuration of a model of another family.
  case otherModel(file: String, found: String, needed: String)
  /// A value of the wrong type or outside what is possible.
  case invalid(file: String, key: String, value: String, expected: String)

  /// The same sentence, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence with what to do.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      return "\(file): cannot be read as a configuration: \(reason)."
    case .unknownKeys(let file, let keys):
      let shown = keys.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
      let more = keys.count > 5 ? " and \(keys.count - 5) more" : ""
      return "\(file): unknown key \(shown)\(more); remove it or correct its spelling."
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
