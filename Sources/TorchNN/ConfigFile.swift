public import Foundation
import Torch

/// What is wrong with a configuration; each case reads as one sentence a user can act on.
public enum ConfigError: Error, Sendable, Equatable, CustomStringConvertible {
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

/// Reads and writes the `config.json` files of models, exactly: every key is known, none is missing.
public enum ConfigFile {
  /// Decodes a configuration.
  ///
  /// - Parameters:
  ///   - data: JSON.
  ///   - file: the name used in errors.
  ///   - fixed: keys of the peers' format that are not fields here since only one value is
  ///     supported; any other value is refused by name.
  ///   - ignored: keys that say nothing about the model (`_class_name`, `_diffusers_version`).
  /// - Throws: `ConfigError` for unreadable JSON, unknown, missing or misshapen keys.
  public static func decode<T: Codable>(
    _ type: T.Type, from data: Data, file: String,
    fixed: [String: JSONValue] = [:], ignored: Set<String> = []
  ) throws(ConfigError) -> T {
    var found: [String: JSONValue]
    do {
      found = try JSONDecoder().decode([String: JSONValue].self, from: data)
    } catch {
      throw ConfigError.unreadable(file: file, reason: "it is not a JSON object")
    }
    for key in ignored { found[key] = nil }
    for (key, only) in fixed {
      guard let value = found.removeValue(forKey: key), value != .null else { continue }
      guard value == only else {
        throw ConfigError.invalid(
          file: file, key: key, value: value.text, expected: "only \(only.text) is supported")
      }
    }
    let decoded: T
    let known: [String: JSONValue]
    do {
      decoded = try JSONDecoder().decode(T.self, from: JSONEncoder().encode(found))
      known = try JSONDecoder().decode(
        [String: JSONValue].self, from: JSONEncoder().encode(decoded))
    } catch let error as DecodingError {
      throw ConfigError(error, file: file)
    } catch {
      throw ConfigError.unreadable(file: file, reason: "\(error)")
    }
    let unknown = surplus(.object(found), against: .object(known), path: "")
    guard unknown.isEmpty else { throw ConfigError.unknownKeys(file: file, keys: unknown.sorted()) }
    return decoded
  }

  /// Decodes the configuration in the file at `url`; see ``decode(_:from:file:fixed:ignored:)``.
  public static func read<T: Codable>(
    _ type: T.Type, at url: URL, fixed: [String: JSONValue] = [:], ignored: Set<String> = []
  ) throws(ConfigError) -> T {
    try decode(type, from: data(at: url), file: url.path, fixed: fixed, ignored: ignored)
  }

  /// The JSON object in the file at `url`, for a file whose kind must be known before it is decoded.
  ///
  /// Throws: `ConfigError.unreadable`.
  public static func object(at url: URL) throws(ConfigError) -> [String: JSONValue] {
    let data = try data(at: url)
    do {
      return try JSONDecoder().decode([String: JSONValue].self, from: data)
    } catch {
      throw ConfigError.unreadable(file: url.path, reason: "it is not a JSON object")
    }
  }

  private static func data(at url: URL) throws(ConfigError) -> Data {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw ConfigError.unreadable(file: url.path, reason: "there is no such file")
    }
    if GitLFS.isPointer(data) {
      throw ConfigError.unreadable(file: url.path, reason: GitLFS.advice)
    }
    return data
  }

  /// A configuration as JSON with sorted keys; `extra` adds the peers' fixed keys, `leavingOut` takes
  /// away own ones.
  /// - Throws: `ConfigError.unreadable` when the value has no JSON form (a non-finite number).
  public static func encode<T: Encodable>(
    _ value: T, extra: [String: JSONValue] = [:], leavingOut: Set<String> = []
  ) throws(ConfigError) -> Data {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      guard !extra.isEmpty || !leavingOut.isEmpty else { return try encoder.encode(value) }
      let own = try JSONDecoder().decode([String: JSONValue].self, from: encoder.encode(value))
        .filter { !leavingOut.contains($0.key) }
      return try encoder.encode(own.merging(extra) { own, _ in own })
    } catch {
      throw ConfigError.unreadable(file: "\(T.self)", reason: "\(error)")
    }
  }

  /// Paths of keys in `found` that `known` lacks; a null counts as an absent optional.
  private static func surplus(
    _ found: JSONValue, against known: JSONValue?, path: String
  ) -> [String] {
    guard case .object(let members) = found else { return [] }
    var other: [String: JSONValue] = [:]
    if case .object(let known)? = known { other = known }
    return members.flatMap { key, value -> [String] in
      if let match = other[key] { return surplus(value, against: match, path: path + key + ".") }
      return value == .null ? [] : [path + key]
    }
  }
}

extension ConfigError {
  fileprivate init(_ error: DecodingError, file: String) {
    func path(_ keys: [any CodingKey]) -> String {
      keys.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      self = .missingKey(file: file, key: path(context.codingPath + [key]))
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      self = .invalid(
        file: file, key: path(context.codingPath), value: "of the wrong type",
        expected: context.debugDescription)
    case .dataCorrupted(let context):
      self = .invalid(
        file: file, key: path(context.codingPath), value: "not possible",
        expected: context.debugDescription)
    @unknown default:
      self = .unreadable(file: file, reason: "\(error)")
    }
  }
}

/// Any JSON value, for keys that are compared rather than read.
public enum JSONValue: Codable, Sendable, Equatable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number; integers compare equal to the same floating-point number.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object.
  case object([String: JSONValue])

  /// Takes any JSON value.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    func value<Value: Decodable>(_ type: Value.Type) -> Value? {
      do { return try container.decode(type) } catch { return nil }
    }
    if container.decodeNil() {
      self = .null
    } else if let value = value(Bool.self) {
      self = .bool(value)
    } else if let value = value(Double.self) {
      self = .number(value)
    } else if let value = value(String.self) {
      self = .string(value)
    } else if let value = value([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  /// Writes the JSON value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .number(let value):
      if let whole = Int64(exactly: value) {
        try container.encode(whole)
      } else {
        try container.encode(value)
      }
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// The value as it would stand in a file.
  public var text: String {
    switch self {
    case .null: return "null"
    case .bool(let value): return "\(value)"
    case .number(let value): return Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    case .string(let value): return "\"\(value)\""
    case .array(let values): return "[" + values.map(\.text).joined(separator: ", ") + "]"
    case .object: return "an object"
    }
  }
}
