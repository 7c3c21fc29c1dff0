import Files
public import Foundation

/// Reads and writes the `config.json` files of models, exactly: every key is known, none is missing.
public enum ConfigFile {
  /// Decodes a configuration.
  ///
  /// - Parameters:
  ///   - type: The type of the configuration.
  ///   - data: JSON.
  ///   - file: the name used in errors.
  ///   - fixed: keys of the original format that are not fields here since only one value is
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
