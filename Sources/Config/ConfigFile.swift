import Files
public import Foundation

/// Reads and writes the `config.json` files of models strictly: no key may be unknown or missing.
public enum ConfigFile {
  /// Decodes a configuration.
  ///
  /// - Parameters:
  ///   - type: The type of the configuration.
  ///   - data: JSON.
  ///   - file: The name used in errors.
  ///   - fixed: Keys with only one supported value, which are no fields here; any other value is
  ///     refused by name.
  ///   - ignored: Keys that say nothing about the model (`_class_name`, `_diffusers_version`).
  ///   - defaults: What the original format takes for keys that are not there, by those that are.
  /// - Throws: `ConfigError` for unreadable JSON, unknown, missing or misshapen keys.
  public static func decode<T: Codable>(
    _ type: T.Type, from data: Data, file: String,
    fixed: [String: JSONValue] = [:], ignored: Set<String> = [],
    defaults: ([String: JSONValue]) -> [String: JSONValue] = { _ in [:] }
  ) throws(ConfigError) -> T {
    var found = try object(data, file: file)
    var data = data
    let missing = defaults(found).filter { found[$0.key] == nil }
    if !missing.isEmpty {
      found.merge(missing) { own, _ in own }
      data = try encode(found)
    }
    let whole = JSONValue.object(found)
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
      decoded = try JSONDecoder().decode(T.self, from: data)
      known = try JSONDecoder().decode(
        [String: JSONValue].self, from: JSONEncoder().encode(decoded))
    } catch {
      let culprit = unfitNumber(in: whole) { _ = try JSONDecoder().decode(T.self, from: $0) }
      throw ConfigError(error, in: whole, unfit: culprit, file: file)
    }
    let spelled = Array(fixed.keys) + ignored + missing.keys
    let unknown = surplus(
      .object(found), against: .object(known), Mirror(reflecting: decoded), path: "", also: spelled)
    guard unknown.isEmpty else {
      throw ConfigError.unknownKeys(
        file: file, keys: unknown.map(\.key).sorted(),
        nearest: unknown.reduce(into: [:]) { $0[$1.key] = $1.nearest })
    }
    return decoded
  }

  /// Decodes the configuration in the file at `url`; see ``decode(_:from:file:fixed:ignored:defaults:)``.
  public static func read<T: Codable>(
    _ type: T.Type, at url: URL, fixed: [String: JSONValue] = [:], ignored: Set<String> = [],
    defaults: ([String: JSONValue]) -> [String: JSONValue] = { _ in [:] }
  ) throws(ConfigError) -> T {
    try decode(
      type, from: data(at: url), file: url.path, fixed: fixed, ignored: ignored,
      defaults: defaults)
  }

  /// Reads a file as a JSON object, to find its kind before it is decoded.
  ///
  /// - Throws: `ConfigError.unreadable`.
  public static func object(at url: URL) throws(ConfigError) -> [String: JSONValue] {
    try object(data(at: url), file: url.path)
  }

  private static func object(
    _ data: Data, file: String
  ) throws(ConfigError) -> [String: JSONValue] {
    if FileHead.isPage(data) { throw .unreadable(file: file, reason: FileHead.pageReason) }
    let object: [String: JSONValue]
    do {
      object = try JSONDecoder().decode([String: JSONValue].self, from: data)
    } catch {
      throw .unreadable(file: file, reason: "it is not a JSON object")
    }
    if let key = data.withUnsafeBytes(JSONKeys.repeated) {
      throw .unreadable(file: file, reason: "it has the key '\(key)' twice in one place")
    }
    return object
  }

  private static func data(at url: URL) throws(ConfigError) -> Data {
    let data: Data
    do {
      data = try FileContents.read(url, limit: mostBytes)
    } catch {
      throw ConfigError.unreadable(file: url.path, reason: error.reason)
    }
    if GitLFS.isPointer(data) {
      throw ConfigError.unreadable(file: url.path, reason: GitLFS.advice)
    }
    do throws(PlainText.NotText) {
      return Data(try PlainText.decode(data).utf8)
    } catch {
      throw ConfigError.unreadable(file: url.path, reason: error.description)
    }
  }

  /// Far more than any configuration has.
  private static let mostBytes = 16 << 20

  /// Encodes a configuration as JSON with sorted keys; `extra` adds fixed keys of diffusers and
  /// transformers, `leavingOut` removes own ones.
  ///
  /// - Throws: `ConfigError.unreadable` for a number that JSON cannot hold.
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
      throw ConfigError.unreadable(
        file: "\(T.self)", reason: "it holds a number that JSON cannot hold")
    }
  }

  /// Turns `learningRate` into `learning_rate`.
  private static func snakeCase(_ name: String) -> String {
    // Names of properties are ASCII; a server does this for every request.
    var bytes: [UInt8] = []
    for byte in name.utf8 {
      if (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) {
        bytes += [UInt8(ascii: "_"), byte | 0x20]
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The path of the number that `decode` rejects, which Foundation does not report: decoding fails
  /// when all other doubtful numbers are replaced by 1.
  private static func unfitNumber(
    in whole: JSONValue, _ decode: (Data) throws -> Void
  ) -> [any CodingKey]? {
    func fails(keeping kept: Int?) -> Bool {
      var index = -1
      let changed = whole.mappingNumbers { value in
        index += 1
        return value.isDoubtful && index != kept ? .integer(1) : value
      }
      do {
        try decode(JSONEncoder().encode(changed))
        return false
      } catch DecodingError.dataCorrupted {
        return true
      } catch {
        return false
      }
    }
    let numbers = whole.numbers
    guard numbers.count <= 1000, !fails(keeping: nil) else { return nil }
    return numbers.indices.first { numbers[$0].value.isDoubtful && fails(keeping: $0) }
      .map { numbers[$0].path }
  }

  /// Paths of keys in `found` that `known` lacks, each with the key it may misspell; a null counts
  /// as an absent optional.
  private static func surplus(
    _ found: JSONValue, against known: JSONValue?, _ fields: Mirror?, path: String,
    also: [String] = []
  ) -> [(key: String, nearest: String?)] {
    guard case .object(let members) = found else { return [] }
    var other: [String: JSONValue] = [:]
    if case .object(let known)? = known { other = known }
    return members.flatMap { key, value -> [(key: String, nearest: String?)] in
      if let match = other[key] {
        guard case .object = value else { return [] }
        let field = fields?.children.first { $0.label.map(snakeCase) == key || $0.label == key }
        return surplus(
          value, against: match, field.map { Mirror(reflecting: $0.value) },
          path: path + key + ".")
      }
      guard value != .null else { return [] }
      // Optional fields without a value have no key in `known`.
      let absent = fields?.children.compactMap { $0.label.map(snakeCase) } ?? []
      let names = other.keys + absent
      // A key that is there already may be meant, as by a value to set over a file's.
      let near =
        Spelling.nearest(to: key, among: names.filter { members[$0] == nil } + also)
        ?? Spelling.nearest(to: key, among: names.filter { $0 != key })
      return [(path + key, near.map { path + $0 })]
    }
  }
}

extension ConfigError {
  /// Rewords an error of Foundation's decoder.
  fileprivate init(
    _ error: any Error, in whole: JSONValue, unfit: [any CodingKey]?, file: String
  ) {
    func name(_ keys: [any CodingKey]) -> String {
      keys.reduce("") { path, key in
        if let index = key.intValue { return path + "[\(index)]" }
        return path.isEmpty ? key.stringValue : path + "." + key.stringValue
      }
    }
    func invalid(_ path: [any CodingKey], _ expected: String) -> ConfigError {
      .invalid(
        file: file, key: name(path), value: whole.value(at: path)?.phrase ?? "not there",
        expected: expected)
    }
    switch error {
    case let fault as ConfigFault:
      self = invalid(fault.path, fault.expected)
    case DecodingError.keyNotFound(let key, let context):
      let missing = name(context.codingPath + [key])
      self = .missingKey(file: file, key: missing)
      // The key may be there in another spelling.
      if case .object(let members)? = whole.value(at: context.codingPath),
        let near = Spelling.nearest(to: key.stringValue, among: members.keys)
      {
        let found = name(context.codingPath + [JSONKey(near)])
        self = .unknownKeys(file: file, keys: [found], nearest: [found: missing])
      }
    case DecodingError.typeMismatch(let type, let context),
      DecodingError.valueNotFound(let type, let context):
      self = invalid(context.codingPath, "it must be \(Self.words(type))")
    case DecodingError.dataCorrupted(let context):
      let path = unfit ?? context.codingPath
      switch whole.value(at: path) {
      case .integer?: self = invalid(path, "it must be a whole number of 0 or more")
      case .number?: self = invalid(path, "it must be a whole number of at most 18 digits")
      default: self = invalid(path, "it is not one of the values that are known")
      }
    default:
      self = .unreadable(file: file, reason: "it holds a number that JSON cannot hold")
    }
  }

  /// Describes a Swift type.
  private static func words(_ type: Any.Type) -> String {
    switch type {
    case is Bool.Type: "true or false"
    case is String.Type: "text"
    case is any FixedWidthInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    default: "\(type)".hasPrefix("Array") ? "a list" : "a section with keys of its own"
    }
  }
}
