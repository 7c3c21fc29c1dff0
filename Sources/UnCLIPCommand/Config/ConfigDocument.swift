import Config
import Files
import Foundation
import Yams

/// A user's configuration file: JSON, or YAML when its name ends in `.yaml` or `.yml`.
enum ConfigDocument {
  /// Reads the file as JSON.
  ///
  /// - Throws: `ConfigError.unreadable` for a file that is missing or of neither format.
  static func json(at url: URL) throws(ConfigError) -> Data {
    let data: Data
    do {
      data = try FileContents.read(url, limit: 16 << 20)
    } catch {
      throw .unreadable(file: url.path, reason: error.reason)
    }
    let text: String
    do throws(PlainText.NotText) {
      text = try PlainText.decode(data)
    } catch {
      throw .unreadable(file: url.path, reason: error.description)
    }
    switch url.pathExtension.lowercased() {
    case "yaml", "yml": return try json(yaml: text, file: url.path)
    default: return Data(text.utf8)
    }
  }

  /// Converts YAML to JSON.
  ///
  /// - Throws: `ConfigError.unreadable`, and `.invalid` for a number that JSON cannot represent.
  static func json(yaml text: String, file: String) throws(ConfigError) -> Data {
    try checkAliases(text, file: file)
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch {
      throw .unreadable(file: file, reason: reason(of: error))
    }
    guard let node else { throw .unreadable(file: file, reason: "it is empty") }
    var conversion = YAMLConversion(file: file)
    return try ConfigFile.encode(conversion.value(of: node, path: ""))
  }

  /// Most aliases in a document: sixty of them can stand for a thousand million values.
  private static let mostAliases = 32

  /// Refuses a document of many aliases before it is composed, which would already be slow.
  private static func checkAliases(_ text: String, file: String) throws(ConfigError) {
    let bytes = Array(text.utf8)
    var count = 0
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "*") {
      let before = index == 0 ? UInt8(ascii: " ") : bytes[index - 1]
      let after = index + 1 == bytes.count ? UInt8(ascii: " ") : bytes[index + 1]
      // A star at the start of a word.
      if !isWordByte(before), after > 0x20 { count += 1 }
    }
    guard count <= mostAliases else {
      throw .unreadable(
        file: file, reason: "it has more than \(mostAliases) aliases (*name); write the values out")
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x80...:
      true
    default: false
    }
  }

  /// The parser's error in our words, with line and column.
  private static func reason(of error: any Error) -> String {
    func at(_ mark: Mark, _ advice: String) -> String {
      "line \(mark.line), column \(mark.column) is not YAML: \(advice)"
    }
    switch error {
    case YamlError.scanner(_, _, let mark, _), YamlError.parser(_, _, let mark, _):
      return at(mark, "check the indentation (spaces, not tabs), colons, brackets and quotes")
    case YamlError.composer(_, _, let mark, _):
      return at(mark, "it refers to a name (*name) that is not defined before it (&name)")
    case YamlError.duplicatedKeysInMapping(let duplicates, _):
      let names = duplicates.prefix(5).map { "'\($0)'" }
      return "the key \(names.joined(separator: ", ")) is given twice in one section"
    case YamlError.reader: return "it holds characters that YAML does not allow"
    default: return "it is not YAML"
    }
  }
}

/// YAML nodes as JSON values.
private struct YAMLConversion {
  let file: String
  /// The number of values so far: a few aliases of aliases can stand for millions.
  private var count = 0

  private static let mostValues = 100_000

  init(file: String) { self.file = file }

  mutating func value(of node: Node, path: String) throws(ConfigError) -> JSONValue {
    count += 1
    guard count <= Self.mostValues else {
      throw .unreadable(
        file: file, reason: "it has more than \(Self.mostValues) values, aliases counted")
    }
    switch node {
    case .scalar(let scalar): return try value(of: scalar, node, path: path)
    case .sequence(let items):
      var values: [JSONValue] = []
      for (index, item) in items.enumerated() {
        values.append(try value(of: item, path: "\(path)[\(index)]"))
      }
      return .array(values)
    case .mapping(let pairs):
      var members: [String: JSONValue] = [:]
      for (key, item) in pairs {
        guard let name = key.string else {
          throw .unreadable(file: file, reason: "a key in '\(path)' is not a word")
        }
        members[name] = try value(of: item, path: path.isEmpty ? name : path + "." + name)
      }
      return .object(members)
    case .alias:
      throw .unreadable(file: file, reason: "'\(path)' is an alias, which is not supported")
    }
  }

  private func value(
    of scalar: Node.Scalar, _ node: Node, path: String
  ) throws(ConfigError) -> JSONValue {
    // Base-60 numbers (1:30) exist only in YAML 1.1, and nobody means them.
    if scalar.string.contains(":") { return .string(scalar.string) }
    if let value = node.bool { return .bool(value) }
    if let value = node.int { return .integer(value) }
    if let value = node.float {
      guard value.isFinite else {
        throw .invalid(
          file: file, key: path, value: scalar.string, expected: "it must be a finite number")
      }
      return .number(value)
    }
    return node.null == nil ? .string(scalar.string) : .null
  }
}
