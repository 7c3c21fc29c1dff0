/// Any JSON value.
public enum JSONValue: Codable, Sendable, Equatable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A whole number of 64 bits.
  case integer(Int)
  /// Any other number; equal to the same whole number.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object.
  case object([String: JSONValue])

  /// Decodes any JSON value.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    func value<Value: Decodable>(_ type: Value.Type) -> Value? {
      do { return try container.decode(type) } catch { return nil }
    }
    if container.decodeNil() {
      self = .null
    } else if let value = value(Bool.self) {
      self = .bool(value)
    } else if let value = value(Int.self) {
      self = .integer(value)
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

  /// Encodes the JSON value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value):
      if let whole = Int(exactly: value) {
        try container.encode(whole)
      } else {
        try container.encode(value)
      }
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// Whether both are the same value; `1` and `1.0` are.
  public static func == (a: JSONValue, b: JSONValue) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)):
      Int(exactly: b) == a
    case (.string(let a), .string(let b)): a == b
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }

  /// Whether it is a number, whole or not.
  public var isNumber: Bool {
    switch self {
    case .integer, .number: true
    default: false
    }
  }

  /// The value as JSON, cut where it is long.
  public var text: String {
    switch self {
    case .null: return "null"
    case .bool(let value): return "\(value)"
    case .integer(let value): return "\(value)"
    case .number(let value): return Int(exactly: value).map { "\($0)" } ?? "\(value)"
    case .string(let value): return "\"\(value.prefix(60))\(value.count > 60 ? "…" : "")\""
    case .array(let values):
      let shown = values.prefix(8).map(\.text).joined(separator: ", ")
      return "[" + shown + (values.count > 8 ? ", …]" : "]")
    case .object: return "an object"
    }
  }

  /// The value in words, for errors: `the text "a"`, `a list`, `3`.
  var phrase: String {
    switch self {
    case .string: "the text \(text)"
    case .array: "a list"
    case .object: "a section with keys of its own"
    default: text
    }
  }

  /// Finds the value at a path.
  func value(at path: [any CodingKey]) -> JSONValue? {
    path.reduce(self as JSONValue?) { value, key in
      switch value {
      case .object(let members)?: members[key.stringValue]
      case .array(let items)?:
        key.intValue.flatMap { items.indices.contains($0) ? items[$0] : nil }
      default: nil
      }
    }
  }

  /// Whether some integer type cannot hold it: a fraction, a huge or a negative number.
  var isDoubtful: Bool {
    switch self {
    case .integer(let value): value < 0
    case .number: true
    default: false
    }
  }

  /// All numbers in it with their paths, members in the order of their keys.
  var numbers: [(path: [any CodingKey], value: JSONValue)] {
    switch self {
    case .integer, .number: [([], self)]
    case .array(let items):
      items.enumerated().flatMap { index, item in
        item.numbers.map { ([JSONKey(index)] + $0.path, $0.value) }
      }
    case .object(let members):
      members.sorted { $0.key < $1.key }.flatMap { key, item in
        item.numbers.map { ([JSONKey(key)] + $0.path, $0.value) }
      }
    default: []
    }
  }

  /// Replaces every number, in the order of ``numbers``.
  func mappingNumbers(_ change: (JSONValue) -> JSONValue) -> JSONValue {
    switch self {
    case .integer, .number: return change(self)
    case .array(let items): return .array(items.map { $0.mappingNumbers(change) })
    case .object(var members):
      for key in members.keys.sorted() { members[key] = members[key]?.mappingNumbers(change) }
      return .object(members)
    default: return self
    }
  }
}

/// A key of any name, or one step of a path to a value.
package struct JSONKey: CodingKey {
  package let stringValue: String
  package let intValue: Int?

  package init(_ name: String) { (stringValue, intValue) = (name, nil) }
  init(_ index: Int) { (stringValue, intValue) = ("[\(index)]", index) }
  package init?(stringValue: String) { self.init(stringValue) }
  package init?(intValue: Int) { self.init(intValue) }
}
