import Config
import Files
import Foundation
import TorchNN
import Yams

/// A configuration file of a user: JSON, or YAML when its name ends in `.yaml` or `.yml`.
enum ConfigDocument {
  /// The file as JSON.
  /// - Throws: `ConfigError.unreadable` for a file that is missing or of neither form.
  static func json(at url: URL) throws(ConfigError) -> Data {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw .unreadable(file: url.path, reason: SystemReason.text(of: error))
    }
    switch url.pathExtension.lowercased() {
    case "yaml", "yml": return try json(yaml: data, file: url.path)
    default: return data
    }
  }

  /// YAML as JSON.
  static func json(yaml data: Data, file: String) throws(ConfigError) -> Data {
    guard let text = String(validating: data, as: UTF8.self) else {
      throw .unreadable(file: file, reason: "it is not UTF-8 text")
    }
    try checkAliases(text, file: file)
    let value: JSONValue
    var room = mostValues
    do {
      guard let node = try Yams.compose(yaml: text) else {
        throw ConfigError.unreadable(file: file, reason: "it is empty")
      }
      value = try convert(node, file: file, path: "", room: &room)
    } catch let error as ConfigError {
      throw error
    } catch let error as YamlError {
      throw .unreadable(file: file, reason: reason(of: error))
    } catch {
      throw .unreadable(file: file, reason: "\(error)")
    }
    return try ConfigFile.encode(value)
  }

  /// Values of a document, far more than any configuration has.
  private static let mostValues = 100_000
  /// Aliases of a document: sixty of them can stand for a thousand million values.
  private static let mostAliases = 32

  /// Refuses a document of many aliases before it is composed, which would already take its time.
  private static func checkAliases(_ text: String, file: String) throws(ConfigError) {
    let bytes = Array(text.utf8)
    var count = 0
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "*") {
      let before = index == 0 ? UInt8(ascii: " ") : bytes[index - 1]
      let after = index + 1 == bytes.count ? UInt8(ascii: " ") : bytes[index + 1]
      // Not the middle of a word, and not a lone star.
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

  private static func convert(
    _ node: Node, file: String, path: String, room: inout Int
  ) throws(ConfigError) -> JSONValue {
    room -= 1
    guard room >= 0 else {
      throw .unreadable(file: file, reason: "it stands for more than \(mostValues) values")
    }
    switch node {
    case .scalar(let scalar):
      // Numbers to the base of 60, which YAML 1.2 does not know and which may be beyond all bounds.
      if scalar.string.contains(":") { return .string(scalar.string) }
      if let value = node.bool { return .bool(value) }
      if let value = node.int { return .number(Double(value)) }
      if let value = node.float { return .number(value) }
      if node.null != nil { return .null }
      return .string(node.string ?? "")
    case .sequence(let items):
      var values: [JSONValue] = []
      for (index, item) in items.enumerated() {
        values.append(try convert(item, file: file, path: "\(path)[\(index)]", room: &room))
      }
      return .array(values)
    case .mapping(let pairs):
      var members: [String: JSONValue] = [:]
      for (key, item) in pairs {
        guard let name = key.string else {
          throw .unreadable(file: file, reason: "a key in '\(path)' is not a word")
        }
        let place = path.isEmpty ? name : path + "." + name
        members[name] = try convert(item, file: file, path: place, room: &room)
      }
      return .object(members)
    case .alias:
      throw .unreadable(file: file, reason: "'\(path)' is an alias, which is not supported")
    }
  }

  /// The first line of what the parser says, with its place.
  private static func reason(of error: YamlError) -> String {
    let lines = "\(error)".split(whereSeparator: \.isNewline)
    return lines.first.map { $0.trimmingCharacters(in: .whitespaces) } ?? "it is not YAML"
  }
}
